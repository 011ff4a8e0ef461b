package auth

import (
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

func TestLoginAnswersWhoAndWhere(t *testing.T) {
	b := newBench(t)
	u := b.addUser("Li.Na", "610102003", "610102001")
	req := request("  ＬＩ.na ", goodPassword, 1)
	req.Device.ID = strings.ToUpper(req.Device.ID)
	tokens, err := b.Login(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if tokens.User.ID != u.ID || tokens.User.Username != "Li.Na" || tokens.ExpiresIn != 15*time.Minute || tokens.NextN != 1 {
		t.Errorf("answered %+v", tokens)
	}
	s := b.authorize(tokens.AccessToken)
	if s.Device != (inspection.Device{User: u.ID, ID: inspection.DeviceID(deviceID(1))}) {
		t.Errorf("device %+v", s.Device)
	}
	if !s.FirstSeen.Equal(b.clock.Now()) || !granted(s.Rights.Grants, "610102003") || granted(s.Rights.Grants, "610102002") {
		t.Errorf("session %+v", s)
	}
	if !s.User.Role.May(inspection.ActionPush) || inspection.CodeOf(s.User.Role.Require(inspection.ActionUsers)) != inspection.CodeForbidden {
		t.Error("an inspector's permissions are wrong")
	}
}

func TestRefusedLogins(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	gone := b.addUser("zhao.liu")
	if _, err := b.UpdateUser(b.ctx, "", gone.ID, UserPatch{Disabled: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	badDevice := request("li.na", goodPassword, 1)
	badDevice.Device.ID = "phone"
	for name, c := range map[string]struct {
		req  LoginRequest
		want inspection.Code
	}{
		"wrong password":      {request("li.na", "wrong password", 1), inspection.CodeBadCredentials},
		"other case":          {request("li.na", strings.ToUpper(goodPassword), 1), inspection.CodeBadCredentials},
		"no password":         {request("li.na", "", 1), inspection.CodeBadCredentials},
		"huge password":       {request("li.na", strings.Repeat("x", 1<<20), 1), inspection.CodeBadCredentials},
		"unknown name":        {request("no.one", goodPassword, 1), inspection.CodeBadCredentials},
		"no name":             {request("", goodPassword, 1), inspection.CodeBadCredentials},
		"name with a NUL":     {request("li\x00na", goodPassword, 1), inspection.CodeBadCredentials},
		"name not UTF-8":      {request("li\xffna", goodPassword, 1), inspection.CodeBadCredentials},
		"huge name":           {request(strings.Repeat("x", 1<<20), goodPassword, 1), inspection.CodeBadCredentials},
		"device without UUID": {badDevice, inspection.CodeBadRequest},
		"disabled":            {request("zhao.liu", goodPassword, 1), inspection.CodeAccountDisabled},
		"disabled, wrong":     {request("zhao.liu", "wrong password", 1), inspection.CodeBadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Login(b.ctx, c.req)
			wantCode(t, err, c.want)
		})
	}
}

// An unknown user name costs what a wrong password costs: the same reads, one
// comparison, the same words.
func TestUnknownNameLooksLikeWrongPassword(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	b.addUser("li.na")
	try := func(name, password string) (reads map[string]int, compared int64, text string) {
		f.takeReads()
		b.compared.Store(0)
		_, err := b.Login(b.ctx, request(name, password, 1))
		return f.takeReads(), b.compared.Load(), err.Error()
	}
	reads, compared, text := try("li.na", "wrong password")
	if compared != 1 {
		t.Fatalf("%d comparisons for a wrong password", compared)
	}
	for _, name := range []string{"no.one", "no name", "", strings.Repeat("x", 2000)} {
		for _, password := range []string{"wrong password", strings.Repeat("x", MaxPasswordBytes+1)} {
			r, c, s := try(name, password)
			if c != compared || s != text || !maps.Equal(r, reads) {
				t.Errorf("%.20q: %d comparisons, %v reads, %q; want %d, %v, %q", name, c, r, s, compared, reads, text)
			}
		}
	}
}

func TestHashesAtOnce(t *testing.T) {
	b := newBench(t)
	started, release := make(chan struct{}), make(chan struct{})
	var running, most atomic.Int64
	b.hasher.compare = func(string, string) (bool, error) {
		most.Store(max(most.Load(), running.Add(1)))
		started <- struct{}{}
		<-release
		running.Add(-1)
		return false, nil
	}
	const callers = 20
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			if ok, err := b.hasher.verify(b.ctx, "x", ""); ok || err != nil {
				t.Errorf("got %v, %v", ok, err)
			}
		})
	}
	for range hashesAtOnce {
		<-started
	}
	gone, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.hasher.verify(gone, "x", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up was told %v", err)
	}
	for range callers - hashesAtOnce {
		release <- struct{}{}
		<-started
	}
	close(release)
	wg.Wait()
	if n := most.Load(); n != hashesAtOnce {
		t.Errorf("%d hashes at once", n)
	}
}

// A sign-in that couldn't be checked is no failure of whoever tried.
func TestUncheckedAttemptsDontCount(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	compare := b.hasher.compare
	b.hasher.compare = func(string, string) (bool, error) { return false, errors.New("out of memory") }
	for range 50 {
		if got := b.outcome(request("li.na", goodPassword, 1)); got != inspection.CodeInternal {
			t.Fatalf("got %q", got)
		}
	}
	b.hasher.compare = compare
	b.login("li.na", 1)
}

func TestNextN(t *testing.T) {
	st := newStore(t)
	b := newBenchOn(t, st, newClock())
	u := b.addUser("li.na", "610102003")
	commit, err := store.Seal("610102003", store.Head{}, []store.Entry{{
		Seq: 1, Collection: inspection.Sites, ID: inspection.DocID(deviceID(99)), Rev: 1, Kind: store.KindPut,
		Actor: u.ID, Device: inspection.DeviceID(deviceID(1)), N: 41, Status: store.Applied,
		At: b.clock.Now(), Doc: []byte(`{}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Append(b.ctx, commit); err != nil {
		t.Fatal(err)
	}
	tokens := b.login("li.na", 1)
	if again := b.refresh(tokens.RefreshToken); tokens.NextN != 42 || again.NextN != 42 {
		t.Errorf("next_n %d and %d", tokens.NextN, again.NextN)
	}
	if other := b.login("li.na", 2); other.NextN != 1 {
		t.Errorf("next_n of another device %d", other.NextN)
	}
}

func TestNextNDoesNotOverflow(t *testing.T) {
	for last, want := range map[int64]int64{0: 1, 41: 42, math.MaxInt64 - 1: math.MaxInt64, math.MaxInt64: math.MaxInt64} {
		if got := nextN(last); got != want {
			t.Errorf("after %d: %d, want %d", last, got, want)
		}
	}
}

func TestDevices(t *testing.T) {
	b := newBench(t)
	u := b.addUser("li.na")
	req := request("li.na", goodPassword, 1)
	req.Device.Name, req.Device.Platform, req.Device.AppVersion = strings.Repeat("机", 100), "android 15", "1.0"
	start := b.clock.Now()
	if _, err := b.Login(b.ctx, req); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Hour)
	req.Device.AppVersion = "1.1"
	if _, err := b.Login(b.ctx, req); err != nil {
		t.Fatal(err)
	}
	b.login("li.na", 2)
	all, err := b.Devices(b.ctx)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	d := all[0]
	if d.AppVersion != "1.1" || !d.FirstSeen.Equal(start) || !d.LastSeen.Equal(b.clock.Now()) || d.Name != strings.Repeat("机", 66) {
		t.Errorf("device %+v", d)
	}
	known := inspection.Device{User: u.ID, ID: inspection.DeviceID(deviceID(1))}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := b.UpdateDevice(context.Background(), known, func(d *DeviceRow) { d.LastSeen = d.LastSeen.Add(time.Second) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if row, err := b.LoadDevice(b.ctx, known); err != nil || !row.LastSeen.Equal(d.LastSeen.Add(8*time.Second)) {
		t.Errorf("an update was lost: %+v, %v", row, err)
	}
	known.ID = inspection.DeviceID(deviceID(9))
	_, err = b.LoadDevice(b.ctx, known)
	wantCode(t, err, inspection.CodeNotFound)
	wantCode(t, b.UpdateDevice(b.ctx, known, func(*DeviceRow) {}), inspection.CodeNotFound)
}
