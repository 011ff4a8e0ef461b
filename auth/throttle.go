package auth

import (
	"net/netip"
	"sync"
	"time"

	"gridpatrol/inspection"
)

// limit allows burst failures at once and one more after each pause.
type limit struct {
	burst int
	pause time.Duration
}

// throttleKind is what failures are counted by.
type throttleKind int

const (
	// byAccount counts strangers' failures by user name, known or not.
	byAccount throttleKind = iota
	// byAddress counts strangers' failures by address.
	byAddress
	// byDevice counts the failures of a device that has signed in to the
	// account before. It counts nowhere else, and nothing else holds it up.
	byDevice
	// byForger counts refresh tokens that were never sealed here, by address.
	byForger
	throttleKinds
)

// limits of each kind. A crew of 40 behind one carrier address, each with a
// typo or two at the start of a shift, needs 80 failures plus 40 attempts under
// way, since an attempt counts as failed until it has succeeded. One address
// gets 360 guesses an hour beyond that, over all accounts.
var limits = [throttleKinds]limit{
	byAccount: {burst: 10, pause: time.Minute},
	byAddress: {burst: 120, pause: 10 * time.Second},
	byDevice:  {burst: 10, pause: time.Minute},
	byForger:  {burst: 120, pause: 10 * time.Second},
}

// maxBuckets bounds the memory of each kind to some megabytes.
const maxBuckets = 1 << 14

// ThrottledError says how long to wait after too many failures. It unwraps to
// an *inspection.Error with CodeThrottled.
type ThrottledError struct {
	// RetryAfter is in whole seconds, at least one.
	RetryAfter time.Duration
}

func (e *ThrottledError) Error() string { return e.Unwrap().Error() }

// Unwrap returns what a person is told.
func (e *ThrottledError) Unwrap() error {
	return inspection.Errorf(inspection.CodeThrottled, "Too many failed attempts. Wait %d seconds, then try again.", int(e.RetryAfter.Seconds()))
}

// throttleKey names a bucket.
type throttleKey struct {
	kind throttleKind
	name string
}

// throttle counts failures in memory. A bucket is one time: when all of its
// failures will be forgiven. Each failure moves it one pause further.
type throttle struct {
	mu      sync.Mutex
	buckets [throttleKinds]map[string]time.Time
	max     int // of each kind
}

// attempt lets try prove a password, within what the keys allow. It counts as a
// failure until try has succeeded or couldn't tell; a success forgives all that
// own has failed. Returns a ThrottledError, or what try returns.
func (t *throttle) attempt(now time.Time, own throttleKey, keys []throttleKey, try func() (bool, error)) (bool, error) {
	if err := t.charge(now, keys...); err != nil {
		return false, err
	}
	ok, err := try()
	if !ok && err == nil {
		return false, nil
	}
	t.refund(keys...)
	if ok {
		t.forgive(own)
	}
	return ok, err
}

// charge counts an attempt as failed in all buckets, or in none and returns a
// ThrottledError. Counting first is what holds up attempts made at once.
func (t *throttle) charge(now time.Time, keys ...throttleKey) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	for _, k := range keys {
		wait = max(wait, t.wait(now, k))
	}
	if wait > 0 {
		return &ThrottledError{RetryAfter: (wait + time.Second - 1).Truncate(time.Second)}
	}
	for _, k := range keys {
		t.count(now, k)
	}
	return nil
}

// wait returns how long until the bucket takes one more failure.
func (t *throttle) wait(now time.Time, k throttleKey) time.Duration {
	l := limits[k.kind]
	debt := max(0, t.buckets[k.kind][k.name].Sub(now))
	return max(0, debt-time.Duration(l.burst-1)*l.pause)
}

// count moves the bucket one failure further.
func (t *throttle) count(now time.Time, k throttleKey) {
	b := t.buckets[k.kind]
	if b == nil {
		b = map[string]time.Time{}
		t.buckets[k.kind] = b
	}
	free, known := b[k.name]
	if !known && len(b) >= t.max {
		makeRoom(b, now)
	}
	if free.Before(now) {
		free = now
	}
	b[k.name] = free.Add(limits[k.kind].pause)
}

// makeRoom drops the buckets that are forgiven, or else the one that is so
// first: whoever floods the table with names drops their own.
func makeRoom(b map[string]time.Time, now time.Time) {
	first, at := "", time.Time{}
	full := len(b)
	for name, free := range b {
		if !free.After(now) {
			delete(b, name)
		} else if at.IsZero() || free.Before(at) {
			first, at = name, free
		}
	}
	if len(b) == full {
		delete(b, first)
	}
}

// refund takes back what charge counted, for an attempt that wasn't a failure.
func (t *throttle) refund(keys ...throttleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		if free, ok := t.buckets[k.kind][k.name]; ok {
			t.buckets[k.kind][k.name] = free.Add(-limits[k.kind].pause)
		}
	}
}

// forgive empties a bucket.
func (t *throttle) forgive(k throttleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.buckets[k.kind], k.name)
}

// addressKey makes one name of all addresses that one subscriber has: a /64 of
// IPv6.
func addressKey(kind throttleKind, a netip.Addr) throttleKey {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return throttleKey{kind, p.String()}
		}
	}
	return throttleKey{kind, a.String()}
}
