package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

// outcome signs in and returns the code.
func (b *bench) outcome(req LoginRequest) inspection.Code {
	_, err := b.Login(b.ctx, req)
	return inspection.CodeOf(err)
}

func TestCrewBehindOneAddressGetsIn(t *testing.T) {
	b := newBench(t)
	const crew = 40
	for i := range crew {
		b.addUser(fmt.Sprintf("crew%d", i))
	}
	var wg sync.WaitGroup
	for i := range crew {
		wg.Go(func() {
			name := fmt.Sprintf("crew%d", i)
			if got := b.outcome(request(name, "a typo in it", i)); got != inspection.CodeBadCredentials {
				t.Errorf("%s, typo: %q", name, got)
			}
			if got := b.outcome(request(name, goodPassword, i)); got != "" {
				t.Errorf("%s: %q", name, got)
			}
		})
	}
	wg.Wait()
}

func TestAttackerOnOneAddress(t *testing.T) {
	for name, user := range map[string]func(int) string{
		"one account":       func(int) string { return "li.na" },
		"one unknown":       func(int) string { return "no.one" },
		"many names":        func(i int) string { return fmt.Sprintf("user%d", i) },
		"names of one sort": func(i int) string { return fmt.Sprintf("bad name %d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.addUser("li.na")
			var wg sync.WaitGroup
			for worker := range 8 {
				wg.Go(func() {
					for i := range 1250 {
						b.outcome(request(user(worker*1250+i), "wrong password", 9))
					}
				})
			}
			wg.Wait()
			if n := b.compared.Load(); n > int64(limits[byAddress].burst) || n < 10 {
				t.Errorf("%d of 10000 guesses were looked at", n)
			}
		})
	}
}

func TestThrottledErrorTellsWhenToComeBack(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	var err error
	for range limits[byAccount].burst + 1 {
		_, err = b.Login(b.ctx, request("li.na", "wrong password", 9))
	}
	wantCode(t, err, inspection.CodeThrottled)
	var throttled *ThrottledError
	if !errors.As(err, &throttled) {
		t.Fatalf("got %T", err)
	}
	if throttled.RetryAfter != time.Minute {
		t.Errorf("RetryAfter %s", throttled.RetryAfter)
	}
	b.clock.advance(throttled.RetryAfter - time.Second)
	if got := b.outcome(request("li.na", goodPassword, 9)); got != inspection.CodeThrottled {
		t.Errorf("too early: %q", got)
	}
	b.clock.advance(time.Second)
	if got := b.outcome(request("li.na", goodPassword, 9)); got != "" {
		t.Errorf("in time: %q", got)
	}
}

// Strangers fail on the account, from the same address too; the phone that
// was here before gets in, and even after its own typos.
func TestKnownDeviceIsNotLockedOut(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	b.login("li.na", 1)
	for i := range 500 {
		b.outcome(request("li.na", "wrong password", 9))
		b.outcome(request(fmt.Sprint("x", i), "wrong password", 9))
	}
	if got := b.outcome(request("li.na", goodPassword, 2)); got != inspection.CodeThrottled {
		t.Errorf("a new device during the attack: %q", got)
	}
	for range 5 {
		if got := b.outcome(request("li.na", "a typo in it", 1)); got != inspection.CodeBadCredentials {
			t.Errorf("the known device, typo: %q", got)
		}
	}
	b.login("li.na", 1)
}

// The known device's own bucket is a limit as well, and success empties it.
func TestKnownDeviceHasALimitOfItsOwn(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	b.login("li.na", 1)
	wrong := request("li.na", "wrong password", 1)
	for range limits[byDevice].burst - 1 {
		b.outcome(wrong)
	}
	b.login("li.na", 1)
	for range limits[byDevice].burst {
		if got := b.outcome(wrong); got != inspection.CodeBadCredentials {
			t.Fatalf("success did not empty the bucket: %q", got)
		}
	}
	if got := b.outcome(request("li.na", goodPassword, 1)); got != inspection.CodeThrottled {
		t.Errorf("after too many failures: %q", got)
	}
	b.login("li.na", 2) // its failures don't count for others
}

// A right password must not clean an attacker's slate on the account.
func TestSuccessForgivesNoStranger(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	for range limits[byAccount].burst - 1 {
		b.outcome(request("li.na", "wrong password", 9))
	}
	b.login("li.na", 1)
	b.outcome(request("li.na", "wrong password", 9))
	if got := b.outcome(request("li.na", "wrong password", 9)); got != inspection.CodeThrottled {
		t.Errorf("got %q", got)
	}
}

func TestAddressKeys(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.7", "203.0.113.7", true},
		{"203.0.113.7", "203.0.113.8", false},
		{"203.0.113.7", "::ffff:203.0.113.7", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		a, b := addressKey(byAddress, netip.MustParseAddr(c.a)), addressKey(byAddress, netip.MustParseAddr(c.b))
		if (a == b) != c.same {
			t.Errorf("%s and %s: %v and %v", c.a, c.b, a, b)
		}
	}
	if k := addressKey(byAddress, netip.Addr{}); k.name == "" {
		t.Error("no bucket for requests without an address")
	}
}

func TestBucketsAreBounded(t *testing.T) {
	th, now := &throttle{max: 100}, newClock().Now()
	victim := throttleKey{byAccount, "victim"}
	for range limits[byAccount].burst {
		if err := th.charge(now, victim); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10_000 {
		if err := th.charge(now, throttleKey{byAccount, fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(th.buckets[byAccount]); n > 100 {
		t.Errorf("%d buckets", n)
	}
	if th.charge(now, victim) == nil {
		t.Error("a flood of names washed the victim's failures away")
	}
	later := now.Add(time.Hour)
	if err := th.charge(later, throttleKey{byAccount, "new"}); err != nil || len(th.buckets[byAccount]) != 1 {
		t.Errorf("%d buckets after all were forgiven: %v", len(th.buckets[byAccount]), err)
	}
}

// In no stretch of time do more failures pass than the burst plus one for
// each pause.
func TestThrottleRate(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		th, start := &throttle{max: maxBuckets}, newClock().Now()
		now, passed, l := start, 0, limits[byAccount]
		for range rapid.IntRange(1, 200).Draw(r, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
			err := th.charge(now, throttleKey{byAccount, "x"})
			var throttled *ThrottledError
			switch {
			case err == nil:
				passed++
			case errors.As(err, &throttled):
				if th.wait(now.Add(throttled.RetryAfter), throttleKey{byAccount, "x"}) > 0 {
					r.Fatal("RetryAfter is too short")
				}
			}
			if allowed := l.burst + int(now.Sub(start)/l.pause); passed > allowed {
				r.Fatalf("%d passed, %d allowed", passed, allowed)
			}
		}
	})
}
