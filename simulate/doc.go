// Package simulate lets many bad phones loose on a server and proves
// afterwards that nothing was lost. It is a client like any other: it knows
// the wire contract (docs/contract.md) and none of the server's packages, so it can't share their
// mistakes.
//
// A phone edits offline, pushes, pulls and uploads over real connections that
// break at random bytes, while the server is killed and started again. What
// every phone said and was told is kept in a ledger. In the end the ledger is
// played again, by a merge of its own, along the history that the server
// tells; what comes out must be what the server serves, what every phone
// holds, and what the reports count.
//
// Plan and faults follow from the seed: which phone does what in which round,
// and what happens to its requests. When the kernel runs which goroutine
// doesn't, so a replay meets the same plan in another order.
package simulate

import (
	"errors"
	"io"
	"time"
)

// Config says what is simulated. Zero values take what is in brackets.
type Config struct {
	// Phones are as many as there are accounts, but for every fourth phone,
	// which is its user's second one (20).
	Phones int
	// Days of work, each a few rounds of editing and syncing (5).
	Days int
	// Loss is the part of all requests that something happens to, 0 to 1.
	Loss float64
	// KillEvery is about how long the server lives until it is killed, in real
	// time; 0 lets it live. Needs Servers.
	KillEvery time.Duration
	Seed      uint64

	// URL is where the server is, unless there are Servers that the simulation
	// starts itself. Of several, which are on one database, each request goes
	// to another one.
	URL     string
	Servers []*Process
	// Admin is an administrator's account. The simulator's own accounts get
	// streets that this one administers.
	Admin Credentials

	// Patience is how long the end waits for what doesn't get done (90 s): for
	// queues to empty and for evidence, which a sweep repairs once a minute.
	Patience time.Duration
	// Now is the clock.
	Now func() time.Time
	// Random makes ids and passwords that differ from run to run.
	Random io.Reader
	// Tell, if set, hears how far it is, from one goroutine at a time.
	Tell func(Progress)
}

// Credentials open an account.
type Credentials struct{ Username, Password string }

// Progress tells how far a simulation is.
type Progress struct {
	Step      string
	Day, Days int
	Answered  int64 // mutations, so far
	Faults    int64
	Kills     int64
}

// ErrViolated is what the report of a simulation returns that found a promise
// broken.
var ErrViolated = errors.New("a promise was broken")
