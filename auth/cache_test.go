package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

func TestRightsAreAtMostFiveSecondsOld(t *testing.T) {
	st, c := newStore(t), newClock()
	b, admin := newBenchOn(t, st, c), newBenchOn(t, st, c)
	u := b.addUser("li.na", "610102003")
	token := b.login("li.na", 1).AccessToken
	session := b.authorize(token)
	if _, err := admin.UpdateUser(b.ctx, "", u.ID, UserPatch{Areas: &[]inspection.Area{"610102001"}}); err != nil {
		t.Fatal(err)
	}
	c.advance(CacheTTL - time.Nanosecond)
	if !granted(b.authorize(token).Rights.Grants, "610102003") {
		t.Error("not cached")
	}
	if fresh, err := b.Recheck(b.ctx, session); err != nil || granted(fresh.Rights.Grants, "610102003") || !granted(fresh.Rights.Grants, "610102001") {
		t.Errorf("rechecked: %+v, %v", fresh.User, err)
	}
	if granted(b.authorize(token).Rights.Grants, "610102003") {
		t.Error("a fresh read is not remembered")
	}
	if _, err := admin.UpdateUser(b.ctx, "", u.ID, UserPatch{Disabled: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	b.authorize(token)
	c.advance(CacheTTL)
	b.unauthorized(token, inspection.CodeAccountDisabled)
}

func TestOwnChangesAreSeenAtOnce(t *testing.T) {
	b := newBench(t)
	u := b.addUser("li.na", "610102003")
	token := b.login("li.na", 1).AccessToken
	b.authorize(token)
	if _, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Areas: &[]inspection.Area{}}); err != nil {
		t.Fatal(err)
	}
	s := b.authorize(token)
	v, ok := s.Rights.Revocation("610102003")
	if granted(s.Rights.Grants, "610102003") || !ok || v.Number != 1 {
		t.Errorf("rights %+v", s.Rights)
	}
}

// A device that signs in through one process is known to the others at once,
// although they remember its former family.
func TestSignInThroughAnotherProcess(t *testing.T) {
	st, c := newStore(t), newClock()
	a, b := newBenchOn(t, st, c), newBenchOn(t, st, c)
	a.addUser("li.na")
	old := a.login("li.na", 1)
	b.authorize(old.AccessToken)
	b.authorize(a.login("li.na", 1).AccessToken)
	b.unauthorized(old.AccessToken, inspection.CodeUnauthenticated)
}

func TestAuthorizeReadsOnce(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	b.addUser("li.na")
	token := b.login("li.na", 1).AccessToken
	f.takeReads()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := b.Authorize(b.ctx, token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if reads := f.takeReads(); reads["records"] != 1 || reads["get families"] != 1 {
		t.Errorf("reads %v", reads)
	}
}

func TestFailedReadsAreNotRemembered(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	b.addUser("li.na")
	token := b.login("li.na", 1).AccessToken
	gone := errors.New("the store is away")
	f.onGet = func(store.Table, string) error { return gone }
	if _, err := b.Authorize(b.ctx, token); !errors.Is(err, gone) {
		t.Fatalf("got %v", err)
	}
	f.onGet = nil
	b.authorize(token)
}

// watched tells when someone waits for the context to end.
type watched struct {
	context.Context
	once   sync.Once
	waited chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waited) })
	return w.Context.Done()
}

// One request that is cut short must not fail those that wait for its read.
func TestWaitersOutliveAnAbandonedRead(t *testing.T) {
	c, now := &cache{max: maxCached}, newClock().Now()
	device := inspection.Device{User: "u", ID: "d"}
	first, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.get(first, device, now, func(ctx context.Context) (deviceState, error) {
			close(reading)
			<-ctx.Done()
			return deviceState{}, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the first one got %v", err)
		}
	})
	<-reading
	second := &watched{Context: t.Context(), waited: make(chan struct{})}
	wg.Go(func() {
		st, err := c.get(second, device, now, func(context.Context) (deviceState, error) {
			return deviceState{found: true}, nil
		})
		if err != nil || !st.found {
			t.Errorf("the second one got %+v, %v", st, err)
		}
	})
	impatient, stop := context.WithCancel(t.Context())
	stop()
	never := func(context.Context) (deviceState, error) { return deviceState{}, errors.New("read twice") }
	if _, err := c.get(impatient, device, now, never); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up waiting got %v", err)
	}
	<-second.waited
	cancel()
	wg.Wait()
}

// What is dropped while it is being read must not be remembered after.
func TestDropDuringARead(t *testing.T) {
	c, now := &cache{max: maxCached}, newClock().Now()
	device := inspection.Device{User: "u", ID: "d"}
	for name, drop := range map[string]func(){
		"device": func() { c.drop(device) },
		"user":   func() { c.dropUser("u") },
	} {
		stale := func(context.Context) (deviceState, error) { drop(); return deviceState{}, nil }
		fresh := func(context.Context) (deviceState, error) { return deviceState{found: true}, nil }
		c.drop(device)
		if _, err := c.get(t.Context(), device, now, stale); err != nil {
			t.Fatal(err)
		}
		if st, err := c.get(t.Context(), device, now, fresh); err != nil || !st.found {
			t.Errorf("%s: remembered a read from before the drop", name)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c, now := &cache{max: 10}, newClock().Now()
	load := func(context.Context) (deviceState, error) { return deviceState{}, nil }
	for i := range 100 {
		if _, err := c.get(t.Context(), inspection.Device{ID: inspection.DeviceID(fmt.Sprint(i))}, now, load); err != nil {
			t.Fatal(err)
		}
		if len(c.entries) > c.max {
			t.Fatalf("%d entries", len(c.entries))
		}
	}
	later := now.Add(CacheTTL)
	if _, err := c.get(t.Context(), inspection.Device{ID: "x"}, later, load); err != nil || len(c.entries) != 1 {
		t.Errorf("%d entries after all are too old: %v", len(c.entries), err)
	}
}
