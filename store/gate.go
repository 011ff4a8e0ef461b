package store

import (
	"errors"
	"sync"

	"gridpatrol/inspection"
)

// Gate lets an engine's calls in until it is closed, and makes its Close wait
// for them. The zero Gate is open.
type Gate struct {
	mu     sync.RWMutex
	closed bool
}

// Enter lets a call in, which must Leave. Returns CodeUnavailable after Close.
func (g *Gate) Enter() error {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return &inspection.Error{
			Code:   inspection.CodeUnavailable,
			Detail: "The server is stopping. Send the same request again later.",
			Err:    errors.New("store: it is closed"),
		}
	}
	return nil
}

// Leave ends a call that entered.
func (g *Gate) Leave() { g.mu.RUnlock() }

// Close waits for the calls that are in, and reports whether it was this one
// that closed the gate.
func (g *Gate) Close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.closed
	g.closed = true
	return !was
}
