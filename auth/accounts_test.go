package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// areaBook knows a few areas.
type areaBook map[inspection.Area]bool

func (a areaBook) AreaExists(_ context.Context, area inspection.Area) (bool, error) {
	return a[area], nil
}

func TestAddUserChecks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*NewUser)
		want   inspection.Code
	}{
		"good":             {func(*NewUser) {}, ""},
		"taken":            {func(u *NewUser) { u.Username = " GOOD " }, inspection.CodeConflict},
		"no user name":     {func(u *NewUser) { u.Username = " " }, inspection.CodeBadRequest},
		"space in it":      {func(u *NewUser) { u.Username = "no name" }, inspection.CodeBadRequest},
		"slash in it":      {func(u *NewUser) { u.Username = "a/b" }, inspection.CodeBadRequest},
		"long user name":   {func(u *NewUser) { u.Username = strings.Repeat("x", 65) }, inspection.CodeBadRequest},
		"Chinese name":     {func(u *NewUser) { u.Username = "李娜" }, ""},
		"no name":          {func(u *NewUser) { u.Name = "" }, inspection.CodeBadRequest},
		"line in name":     {func(u *NewUser) { u.Name = "a\nb" }, inspection.CodeBadRequest},
		"role":             {func(u *NewUser) { u.Role = "boss" }, inspection.CodeBadRequest},
		"no role":          {func(u *NewUser) { u.Role = "" }, inspection.CodeBadRequest},
		"9 characters":     {func(u *NewUser) { u.Password = "九个字的密码不够长" }, inspection.CodeBadRequest},
		"10 characters":    {func(u *NewUser) { u.Password = "十个字的密码刚刚够长" }, ""},
		"256 bytes":        {func(u *NewUser) { u.Password = strings.Repeat("x", 256) }, ""},
		"257 bytes":        {func(u *NewUser) { u.Password = strings.Repeat("x", 257) }, inspection.CodeBadRequest},
		"password no text": {func(u *NewUser) { u.Password = strings.Repeat("\xff", 12) }, inspection.CodeBadRequest},
		"bad area":         {func(u *NewUser) { u.Areas = []inspection.Area{"61010"} }, inspection.CodeBadRequest},
		"reference area":   {func(u *NewUser) { u.Areas = []inspection.Area{"_"} }, inspection.CodeBadRequest},
		"unknown area":     {func(u *NewUser) { u.Areas = []inspection.Area{"610102009"} }, inspection.CodeBadRequest},
		"known area":       {func(u *NewUser) { u.Areas = []inspection.Area{"610102003"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBenchOn(t, newStore(t), newClock())
			b.cfg.Areas = areaBook{"610102003": true}
			b.addUser("good")
			in := NewUser{Username: "other", Name: "赵六", Password: goodPassword, Role: inspection.RoleInspector}
			c.change(&in)
			u, err := b.AddUser(b.ctx, "", in)
			wantCode(t, err, c.want)
			if err == nil {
				if _, err := b.Login(b.ctx, request(in.Username, in.Password, 1)); err != nil || u.ID == "" {
					t.Errorf("the new user %+v can't sign in: %v", u, err)
				}
			}
		})
	}
}

func TestUserHistory(t *testing.T) {
	b := newBench(t)
	admin := b.addUser("admin")
	u, err := b.AddUser(b.ctx, admin.ID, NewUser{Username: "li.na", Name: "李娜", Password: goodPassword, Role: inspection.RoleInspector, Areas: []inspection.Area{"610102003"}})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := inspection.ParseDocID(string(u.ID)); err != nil || u.ID[14] != '7' {
		t.Errorf("id %s is no UUIDv7: %v", id, err)
	}
	b.clock.advance(-time.Hour) // a clock that was set back
	patch := UserPatch{Role: ptr(inspection.RoleSupervisor), Areas: &[]inspection.Area{"610102"}}
	for range 2 { // the second one changes nothing and makes no entry
		if u, err = b.UpdateUser(b.ctx, admin.ID, u.ID, patch); err != nil {
			t.Fatal(err)
		}
	}
	records, err := b.store.Records(b.ctx, []inspection.DocID{inspection.DocID(u.ID)})
	if err != nil {
		t.Fatal(err)
	}
	r := records[inspection.DocID(u.ID)]
	if r.Rev != 2 || r.Seq != 3 || r.Collection != inspection.Users || r.Area != inspection.ReferenceArea || r.Pinned {
		t.Errorf("record %+v", r)
	}
	doc, err := decodeUser(r.Doc)
	if err != nil || doc.Server != (userServer{Rev: 2, Seq: 3}) || doc.Grants[0].Number != 3 || doc.Revoked[0].Number != 2 {
		t.Errorf("document %+v, %v", doc, err)
	}
	if !doc.Grants[0].Since.Equal(r.At) || r.At.Before(doc.Revoked[0].Since) {
		t.Error("time ran backwards")
	}
}

func TestUpdateUser(t *testing.T) {
	b := newBench(t)
	u := b.addUser("li.na", "610102003")
	_, err := b.UpdateUser(b.ctx, "", nobody, UserPatch{Name: ptr("x"), Password: ptr(goodPassword)})
	wantCode(t, err, inspection.CodeNotFound)
	_, err = b.UpdateUser(b.ctx, "", u.ID, UserPatch{Password: ptr("short")})
	wantCode(t, err, inspection.CodeBadRequest)
	_, err = b.UpdateUser(b.ctx, "", u.ID, UserPatch{Role: ptr(inspection.Role("x"))})
	wantCode(t, err, inspection.CodeBadRequest)
	got, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Name: ptr(" 李娜 ")})
	if err != nil || got.Name != "李娜" || got.Role != inspection.RoleInspector || len(got.Areas) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	b.addUser("an.ning")
	all, err := b.Users(b.ctx)
	if err != nil || len(all) != 2 || all[0].Username != "an.ning" || all[1].Name != "李娜" {
		t.Errorf("users %+v, %v", all, err)
	}
	_, err = b.UserByName(b.ctx, "no.one")
	wantCode(t, err, inspection.CodeNotFound)
}

func TestDisablingEndsAllFamilies(t *testing.T) {
	b := newBench(t)
	u := b.addUser("li.na")
	other := b.addUser("wang.wu")
	mine := []Tokens{b.login("li.na", 1), b.login("li.na", 2)}
	theirs := b.login(other.Username, 1)
	b.authorize(mine[0].AccessToken)
	if _, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Disabled: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range mine {
		b.unauthorized(tokens.AccessToken, inspection.CodeAccountDisabled)
		b.refuse(tokens.RefreshToken, inspection.CodeAccountDisabled)
	}
	if _, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Disabled: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range mine { // being let in again revives nothing
		b.unauthorized(tokens.AccessToken, inspection.CodeUnauthenticated)
		b.refuse(tokens.RefreshToken, inspection.CodeUnauthenticated)
	}
	b.login("li.na", 1)
	b.authorize(theirs.AccessToken)
}

func TestNewPasswordEndsAllFamilies(t *testing.T) {
	b := newBench(t)
	u := b.addUser("li.na")
	tokens := b.login("li.na", 1)
	if _, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Password: ptr("another horse")}); err != nil {
		t.Fatal(err)
	}
	b.unauthorized(tokens.AccessToken, inspection.CodeUnauthenticated)
	b.refuse(tokens.RefreshToken, inspection.CodeUnauthenticated)
	if got := b.outcome(request("li.na", goodPassword, 1)); got != inspection.CodeBadCredentials {
		t.Errorf("the old password: %q", got)
	}
	if _, err := b.Login(b.ctx, request("li.na", "another horse", 1)); err != nil {
		t.Error(err)
	}
}

// Whoever signs in while the password is changed or the account disabled,
// after the families were ended: the new family must not live.
func TestLoginThatRacesAnAdministrator(t *testing.T) {
	for name, patch := range map[string]UserPatch{
		"password": {Password: ptr("another horse")},
		"disabled": {Disabled: ptr(true)},
	} {
		t.Run(name, func(t *testing.T) {
			st, c := newStore(t), newClock()
			b, admin := newBenchOn(t, st, c), newBenchOn(t, st, c)
			u := b.addUser("li.na")
			compare := b.hasher.compare
			b.hasher.compare = func(password, hash string) (bool, error) {
				if _, err := admin.UpdateUser(t.Context(), "", u.ID, patch); err != nil {
					t.Error(err)
				}
				return compare(password, hash)
			}
			if _, err := b.Login(b.ctx, request("li.na", goodPassword, 1)); err == nil {
				t.Fatal("signed in")
			}
			if _, err := admin.UpdateUser(b.ctx, "", u.ID, UserPatch{Disabled: ptr(false)}); err != nil {
				t.Fatal(err)
			}
			now, err := b.deviceState(b.ctx, inspection.Device{User: u.ID, ID: inspection.DeviceID(deviceID(1))})
			if err != nil || now.check(now.family.ID, c.Now()) == nil {
				t.Errorf("the family lives: %+v, %v", now.family, err)
			}
		})
	}
}

func TestAddUserAfterALostReply(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	f.lostEnd = true
	u := b.addUser("li.na", "610102003")
	all, err := b.Users(b.ctx)
	if err != nil || len(all) != 1 || all[0].ID != u.ID || u.Username != "li.na" {
		t.Errorf("added %+v, users %+v, %v", u, all, err)
	}
	head, err := f.Head(b.ctx, inspection.ReferenceArea)
	if err != nil || head.Seq != 1 {
		t.Errorf("head %+v, %v", head, err)
	}
	f.lostEnd = true
	got, err := b.UpdateUser(b.ctx, "", u.ID, UserPatch{Name: ptr("李娜")})
	if err != nil || got.Name != "李娜" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUserNameIsFreeAfterACrash(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	crash := errors.New("power cut")
	f.onAppend = func(*store.Commit) error { return crash }
	in := NewUser{Username: "li.na", Name: "李娜", Password: goodPassword, Role: inspection.RoleInspector}
	for range 2 {
		if _, err := b.AddUser(b.ctx, "", in); !errors.Is(err, crash) {
			t.Fatal(err)
		}
	}
	f.onAppend = nil
	if got := b.outcome(request("li.na", goodPassword, 1)); got != inspection.CodeBadCredentials {
		t.Errorf("the orphan signed in: %q", got)
	}
	b.addUser("li.na")
	b.login("li.na", 1)
	before, err := f.Store.Get(b.ctx, store.TableUsernames, "li.na")
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.AddUser(b.ctx, "", in)
	wantCode(t, err, inspection.CodeConflict)
	after, err := f.Store.Get(b.ctx, store.TableUsernames, "li.na")
	if err != nil || after.Version != before.Version {
		t.Errorf("a vain try left a claim: %s, %v", after.Value, err)
	}
}

// A writer that stalls between claim and record loses the name to another,
// or keeps it; never do both get it.
func TestStalledClaimAndTakeover(t *testing.T) {
	st, c := newStore(t), newClock()
	f := &faulty{Store: st}
	slow, quick := newBenchOn(t, f, c), newBenchOn(t, st, c)
	f.onAppend = func(*store.Commit) error {
		f.onAppend = nil
		quick.addUser("li.na")
		return nil
	}
	_, err := slow.AddUser(slow.ctx, "", NewUser{Username: "LI.NA", Name: "李娜", Password: "slow password", Role: inspection.RoleAdmin})
	wantCode(t, err, inspection.CodeConflict)
	all, err := quick.Users(quick.ctx)
	if err != nil || len(all) != 1 || all[0].Role != inspection.RoleInspector {
		t.Fatal(all, err)
	}
	quick.login("li.na", 1)
	rows, err := st.Scan(quick.ctx, store.TableCredentials, "", "", 10)
	if err != nil || len(rows) != 1 {
		t.Errorf("%d passwords are left, %v", len(rows), err)
	}
}

func TestConcurrentAddUser(t *testing.T) {
	st, c := newStore(t), newClock()
	const writers = 12
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[inspection.Code]int{}
	for range writers {
		b := newBenchOn(t, st, c)
		wg.Go(func() {
			_, err := b.AddUser(b.ctx, "", NewUser{Username: "li.na", Name: "李娜", Password: goodPassword, Role: inspection.RoleInspector})
			mu.Lock()
			defer mu.Unlock()
			codes[inspection.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes[""] != 1 || codes[inspection.CodeConflict] != writers-1 {
		t.Errorf("outcomes %v", codes)
	}
	newBenchOn(t, st, c).login("li.na", 1)
}

func TestFirstStartOfSeveralProcesses(t *testing.T) {
	st, c := newStore(t), newClock()
	benches := make([]*bench, 8)
	var wg sync.WaitGroup
	for i := range benches {
		wg.Go(func() { benches[i] = newBenchOn(t, st, c) })
	}
	wg.Wait()
	benches[0].addUser("li.na")
	tokens := benches[0].login("li.na", 1)
	for _, b := range benches {
		b.authorize(tokens.AccessToken)
		tokens = b.refresh(tokens.RefreshToken)
	}
	rows, err := st.Scan(t.Context(), store.TableKeys, "", "", 10)
	if err != nil || len(rows) != 2 {
		t.Errorf("%d keys, %v", len(rows), err)
	}
}

func TestConfigNeedsClockRandomnessAndAreas(t *testing.T) {
	whole := Config{Now: newClock().Now, Random: rand.Reader, Params: cheap, Areas: everywhere{}}
	for name, lacks := range map[string]func(*Config){
		"all": func(c *Config) { *c = Config{} }, "a clock": func(c *Config) { c.Now = nil },
		"randomness": func(c *Config) { c.Random = nil }, "the areas": func(c *Config) { c.Areas = nil },
	} {
		c := whole
		lacks(&c)
		if _, err := New(t.Context(), newStore(t), c); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
