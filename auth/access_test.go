package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// forge signs claims that a test has bent, with a method and key of its
// choice.
func (b *bench) forge(method jwt.SigningMethod, kid any, secret any, bend func(*accessClaims)) string {
	b.t.Helper()
	claims := b.goodClaims()
	bend(&claims)
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(secret)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// goodClaims are those of the session that device 1 of li.na has.
func (b *bench) goodClaims() accessClaims {
	b.t.Helper()
	u, err := b.UserByName(b.ctx, "li.na")
	if err != nil {
		b.t.Fatal(err)
	}
	device := inspection.Device{User: u.ID, ID: inspection.DeviceID(deviceID(1))}
	st, err := b.deviceState(b.ctx, device)
	if err != nil {
		b.t.Fatal(err)
	}
	return accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: "gridpatrol", Audience: jwt.ClaimStrings{"gridpatrol"}, Subject: string(u.ID),
			ExpiresAt: jwt.NewNumericDate(b.clock.Now().Add(time.Minute)),
		},
		Device: string(device.ID), Family: st.family.ID,
	}
}

func TestForgedAccessTokens(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	b.login("li.na", 1)
	access, _ := b.keys.newest(accessKeys)
	refresh, _ := b.keys.newest(refreshKeys)
	hs256 := jwt.SigningMethodHS256
	same := func(*accessClaims) {}
	b.authorize(b.forge(hs256, access.id, access.Secret, same)) // the baseline is good
	expired := jwt.NewNumericDate(b.clock.Now().Add(-time.Second))
	for name, c := range map[string]struct {
		text string
		want inspection.Code
	}{
		"alg none":        {b.forge(jwt.SigningMethodNone, access.id, jwt.UnsafeAllowNoneSignatureType, same), inspection.CodeUnauthenticated},
		"other algorithm": {b.forge(jwt.SigningMethodHS512, access.id, access.Secret, same), inspection.CodeUnauthenticated},
		"other secret":    {b.forge(hs256, access.id, bytes.Repeat([]byte{1}, 32), same), inspection.CodeUnauthenticated},
		"unknown kid":     {b.forge(hs256, "access-9", access.Secret, same), inspection.CodeUnauthenticated},
		"kid of no text":  {b.forge(hs256, 7, access.Secret, same), inspection.CodeUnauthenticated},
		"key of refresh":  {b.forge(hs256, refresh.id, refresh.Secret, same), inspection.CodeUnauthenticated},
		"issuer":          {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Issuer = "x" }), inspection.CodeUnauthenticated},
		"audience":        {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Audience = jwt.ClaimStrings{"x"} }), inspection.CodeUnauthenticated},
		"no audience":     {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Audience = nil }), inspection.CodeUnauthenticated},
		"no expiry":       {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.ExpiresAt = nil }), inspection.CodeUnauthenticated},
		"expired":         {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.ExpiresAt = expired }), inspection.CodeTokenExpired},
		"no user":         {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Subject = "" }), inspection.CodeUnauthenticated},
		"unknown user":    {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Subject = string(nobody) }), inspection.CodeUnauthenticated},
		"other device":    {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Device = deviceID(2) }), inspection.CodeUnauthenticated},
		"no family":       {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Family = "" }), inspection.CodeUnauthenticated},
		"other family":    {b.forge(hs256, access.id, access.Secret, func(c *accessClaims) { c.Family = "x" }), inspection.CodeUnauthenticated},
		"empty":           {"", inspection.CodeUnauthenticated},
		"garbage":         {"a.b.c", inspection.CodeUnauthenticated},
		"huge":            {strings.Repeat("a", 1<<20), inspection.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Authorize(b.ctx, c.text)
			wantCode(t, err, c.want)
		})
	}
}

func TestTamperedAccessToken(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	token := b.login("li.na", 1).AccessToken
	for i := range len(token) {
		bent := []byte(token)
		bent[i] ^= 1
		if _, err := b.Authorize(b.ctx, string(bent)); err == nil {
			t.Fatalf("taken with byte %d changed", i)
		}
	}
	b.authorize(token)
}

func TestAccessTokenExpires(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	token := b.login("li.na", 1).AccessToken
	session := b.authorize(token)
	if want := b.clock.Now().Add(15 * time.Minute); !session.Expires.Equal(want) {
		t.Errorf("expires %s, want %s", session.Expires, want)
	}
	b.clock.advance(15*time.Minute - time.Second)
	b.authorize(token)
	b.clock.advance(time.Second)
	b.unauthorized(token, inspection.CodeTokenExpired)
	_, err := b.Recheck(b.ctx, session)
	wantCode(t, err, inspection.CodeTokenExpired)
}

// insertKey is another process that rotates a key.
func (b *bench) insertKey(id string, kind keyKind) {
	b.t.Helper()
	value, err := json.Marshal(keyRow{Kind: kind, Made: b.clock.Now(), Secret: bytes.Repeat([]byte{7}, keyBytes)})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.Put(b.ctx, store.TableKeys, store.Row{Key: id, Value: value}); err != nil {
		b.t.Fatal(err)
	}
}

func TestRotatedKeys(t *testing.T) {
	st, c := newStore(t), newClock()
	old := newBenchOn(t, st, c)
	old.addUser("li.na")
	before := old.login("li.na", 1)
	c.advance(time.Minute)
	old.insertKey("access-2", accessKeys)
	old.insertKey("refresh-2", refreshKeys)
	fresh := newBenchOn(t, st, c)

	fresh.authorize(before.AccessToken)
	after := fresh.refresh(before.RefreshToken)
	old.authorize(after.AccessToken) // reads the key that it doesn't know
	// The successor is the same from either process, whichever key is newest
	// for it.
	if again := old.refresh(before.RefreshToken); again.RefreshToken != after.RefreshToken {
		t.Error("another successor through another process")
	}
	if k, _ := fresh.keys.newest(accessKeys); k.id != "access-2" {
		t.Errorf("signs with %s", k.id)
	}
}

// A successor that was made before a key was rotated stays what it was.
func TestSuccessorOutlivesARotation(t *testing.T) {
	st, c := newStore(t), newClock()
	old := newBenchOn(t, st, c)
	old.addUser("li.na")
	first := old.login("li.na", 1)
	second := old.refresh(first.RefreshToken)
	c.advance(time.Minute)
	old.insertKey("refresh-2", refreshKeys)
	fresh := newBenchOn(t, st, c)
	if again := fresh.refresh(first.RefreshToken); again.RefreshToken != second.RefreshToken {
		t.Error("another successor after the rotation")
	}
	// Only the text that was given out counts, not the same token sealed
	// with another genuine key.
	other, _, _ := parseRefreshToken(second.RefreshToken)
	other.key = "refresh-2"
	text, err := fresh.sealRefresh(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	fresh.refuse(text, inspection.CodeUnauthenticated)
	fresh.refresh(second.RefreshToken)
}

// Made-up key ids must not become reads of the store.
func TestUnknownKeyIDsAreReadRarely(t *testing.T) {
	b := newBench(t)
	b.insertKey("access-2", accessKeys)
	if _, ok, err := b.keys.find(b.ctx, accessKeys, "access-2"); ok || err != nil {
		t.Fatal("read at once", err)
	}
	b.clock.advance(keyReload)
	if _, ok, err := b.keys.find(b.ctx, accessKeys, "access-2"); !ok || err != nil {
		t.Fatal("not read again", err)
	}
}

// brokenScan is a store whose scans fail.
type brokenScan struct {
	Store
	err error
}

// A store that is away is no fault of the token: the phone must not sign out.
func TestUnreadableKeysAreNotTheTokensFault(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	b.login("li.na", 1)
	access, _ := b.keys.newest(accessKeys)
	text := b.forge(jwt.SigningMethodHS256, "access-9", access.Secret, func(*accessClaims) {})
	b.clock.advance(keyReload)
	gone := errors.New("the disk is gone")
	b.keys.store = &brokenScan{Store: b.store, err: gone}
	if _, err := b.Authorize(b.ctx, text); !errors.Is(err, gone) || inspection.CodeOf(err) != inspection.CodeInternal {
		t.Fatalf("got %v", err)
	}
}

func (s *brokenScan) Scan(context.Context, store.Table, string, string, int) ([]store.Row, error) {
	return nil, s.err
}
