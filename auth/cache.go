package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"gridpatrol/inspection"
)

// maxCached bounds the devices that are remembered: more than a district has.
const maxCached = 10_000

// cache remembers what the store says of devices for at most CacheTTL,
// counted from before it was read. Several who ask at once share one read.
type cache struct {
	mu      sync.Mutex
	entries map[inspection.Device]*cached
	max     int
}

type cached struct {
	at    time.Time
	done  chan struct{}
	value deviceState
	err   error
}

func (e *cached) fresh(now time.Time) bool {
	age := now.Sub(e.at)
	return 0 <= age && age < CacheTTL
}

// get returns what is remembered, or what load reads. Failures aren't
// remembered.
func (c *cache) get(ctx context.Context, device inspection.Device, now time.Time, load func(context.Context) (deviceState, error)) (deviceState, error) {
	for {
		e, mine := c.enter(device, now)
		if mine {
			c.fill(ctx, device, e, load)
			return e.value, e.err
		}
		select {
		case <-e.done:
		case <-ctx.Done():
			return deviceState{}, ctx.Err()
		}
		// Another's request ended while it was reading for both.
		abandoned := errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded)
		if !abandoned || ctx.Err() != nil {
			return e.value, e.err
		}
	}
}

// enter returns the entry to wait for, or a new one that is the caller's to
// fill.
func (c *cache) enter(device inspection.Device, now time.Time) (e *cached, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[device]; e != nil && e.fresh(now) {
		return e, false
	}
	c.makeRoom(now)
	if c.entries == nil {
		c.entries = map[inspection.Device]*cached{}
	}
	e = &cached{at: now, done: make(chan struct{})}
	c.entries[device] = e
	return e, true
}

func (c *cache) fill(ctx context.Context, device inspection.Device, e *cached, load func(context.Context) (deviceState, error)) {
	e.err = errors.New("auth: reading a device did not end") // stays if load panics
	defer func() {
		if e.err != nil {
			c.forget(device, e)
		}
		close(e.done)
	}()
	e.value, e.err = load(ctx)
}

// makeRoom drops what is too old, or else anything: it only costs a read.
func (c *cache) makeRoom(now time.Time) {
	if len(c.entries) < c.max {
		return
	}
	for device, e := range c.entries {
		if !e.fresh(now) {
			delete(c.entries, device)
		}
	}
	for device := range c.entries {
		if len(c.entries) < c.max {
			return
		}
		delete(c.entries, device)
	}
}

func (c *cache) forget(device inspection.Device, e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[device] == e {
		delete(c.entries, device)
	}
}

// drop makes the next get read anew, even if a read is under way.
func (c *cache) drop(device inspection.Device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, device)
}

// dropUser drops all devices of the user.
func (c *cache) dropUser(user inspection.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for device := range c.entries {
		if device.User == user {
			delete(c.entries, device)
		}
	}
}
