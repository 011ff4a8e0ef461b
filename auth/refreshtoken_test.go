package auth

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func sampleToken() refreshToken {
	return refreshToken{
		key:        "refresh-1",
		device:     inspection.Device{User: inspection.UserID(deviceID(7)), ID: inspection.DeviceID(deviceID(1))},
		family:     strings.Repeat("0a", familyIDBytes),
		generation: 3,
	}
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := sampleToken()
		want.key = rapid.StringMatching(`[a-z0-9-]{1,20}`).Draw(r, "key")
		want.device.ID = inspection.DeviceID(deviceID(rapid.IntRange(0, 1<<40).Draw(r, "device")))
		want.family = rapid.StringMatching(`[0-9a-f]{32}`).Draw(r, "family")
		want.generation = rapid.Int64Min(1).Draw(r, "generation")
		secret := rapid.SliceOfN(rapid.Byte(), keyBytes, keyBytes).Draw(r, "secret")
		got, mac, ok := parseRefreshToken(want.text(secret))
		if !ok || got != want || string(mac) != string(tokenMAC(secret, want.payload())) {
			r.Fatalf("got %+v, %v", got, ok)
		}
	})
}

func TestGarbageIsNoRefreshToken(t *testing.T) {
	b := newBench(t)
	good := b.bearer()
	for name, text := range map[string]string{
		"empty":       "",
		"one part":    strings.Split(good, ".")[0],
		"three parts": good + ".x",
		"white space": good + "\n",
		"padding":     good + "=",
		"not base64":  "%%%." + strings.Split(good, ".")[1],
		"huge":        strings.Repeat("a", 1<<20),
		"no MAC":      strings.Split(good, ".")[0] + ".",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Refresh(b.ctx, text, home)
			wantCode(t, err, inspection.CodeUnauthenticated)
		})
	}
	b.refresh(good)
}

// bearer signs li.na in and returns the refresh token.
func (b *bench) bearer() string {
	b.addUser("li.na", "610102003")
	return b.login("li.na", 1).RefreshToken
}

func TestTamperedRefreshToken(t *testing.T) {
	b := newBench(t)
	good := b.bearer()
	for i := range len(good) {
		bent := []byte(good)
		bent[i] ^= 1
		if _, ok, _ := b.openRefresh(b.ctx, string(bent)); ok {
			t.Fatalf("taken with byte %d changed", i)
		}
	}
}

// What only looks like a token, sealed with another secret, ends nothing.
func TestForgedRefreshTokenEndsNothing(t *testing.T) {
	b := newBench(t)
	good := b.bearer()
	b.refresh(good)
	parsed, _, _ := parseRefreshToken(good)
	for _, generation := range []int64{1, 2, 9} {
		forged := parsed
		forged.generation = generation
		b.refuse(forged.text(make([]byte, keyBytes)), inspection.CodeUnauthenticated)
	}
	b.refresh(good)
}

// A restored backup may be behind the phones: their tokens are of a
// generation that it never made.
func TestTokenAheadOfTheFamily(t *testing.T) {
	b := newBench(t)
	parsed, _, _ := parseRefreshToken(b.bearer())
	parsed.generation = 5
	text, err := b.sealRefresh(b.ctx, parsed)
	if err != nil {
		t.Fatal(err)
	}
	b.refuse(text, inspection.CodeUnauthenticated)
}

func FuzzParseRefreshToken(f *testing.F) {
	secret := make([]byte, keyBytes)
	good := sampleToken().text(secret)
	f.Add(good)
	f.Add("")
	f.Add(".")
	f.Add(good + "\n")
	f.Add(strings.Replace(good, ".", "", 1))
	f.Add(tokenEncoding.EncodeToString([]byte("k.u.d.f.1")) + "." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		token, mac, ok := parseRefreshToken(text)
		if !ok {
			return
		}
		again := tokenEncoding.EncodeToString([]byte(token.payload())) + "." + tokenEncoding.EncodeToString(mac)
		if again != text {
			t.Fatalf("two texts of one token: %q and %q", text, again)
		}
		if token.generation < 1 || !canonicalUUID(string(token.device.User)) || !canonicalUUID(string(token.device.ID)) {
			t.Fatalf("took %+v", token)
		}
	})
}

func TestStoredFamilyHoldsNoToken(t *testing.T) {
	b := newBench(t)
	first := b.bearer()
	second := b.refresh(first)
	rows, err := b.store.Scan(b.ctx, "families", "", "", 10)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	for _, token := range []string{first, second.RefreshToken} {
		mac := strings.Split(token, ".")[1]
		if strings.Contains(string(rows[0].Value), mac) {
			t.Error("the row holds a token")
		}
	}
	if !strings.Contains(string(rows[0].Value), tokenHash(second.RefreshToken)) {
		t.Error("the row lacks the hash of the current token")
	}
}

func TestForgersAreThrottled(t *testing.T) {
	b := newBench(t)
	good := b.bearer()
	throttled := 0
	for range 1000 {
		_, err := b.Refresh(b.ctx, "made.up", home)
		if inspection.CodeOf(err) == inspection.CodeThrottled {
			throttled++
		}
	}
	if throttled < 800 {
		t.Errorf("only %d of 1000 throttled", throttled)
	}
	b.refresh(good)     // from the same address
	b.login("li.na", 2) // which may also still sign in
	b.clock.advance(time.Hour)
	b.refuse("made.up", inspection.CodeUnauthenticated)
}
