package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// family is a row of the families table, under "<user>/<device>": the chain of
// refresh tokens that began with one sign-in. A new sign-in on the device
// replaces it.
type family struct {
	ID         string `json:"id"`
	Generation int64  `json:"generation"`
	// Current is the token of this generation, Previous the one before.
	Current  issue  `json:"current"`
	Previous *issue `json:"previous,omitempty"`
	// Credential is the serial of the password that it began with.
	Credential int64     `json:"credential"`
	Started    time.Time `json:"started"`
	Expires    time.Time `json:"expires"`
	Ended      ending    `json:"ended,omitempty"`
}

// issue is one token of a family: the key that seals it, the hash of its text
// and when it was made, which is when its predecessor was rotated.
type issue struct {
	Key  string    `json:"key"`
	Hash string    `json:"hash"`
	At   time.Time `json:"at"`
}

// ending says why a family ended; "" while it lives.
type ending string

const (
	endedLogout   ending = "logout"
	endedReused   ending = "reused"
	endedDisabled ending = "disabled"
	endedPassword ending = "password"
)

// verdict is what becomes of a refresh token that was presented.
type verdict int

const (
	verdictVoid   verdict = iota // of another family, or ahead of this one
	verdictOver                  // the family ended or expired
	verdictReused                // an old one: the family must end
	verdictRotate                // the current one: make its successor
	verdictRepeat                // answer with the successor that it already has
)

// judge decides on a token of the family's device. A token answers again with
// the same successor while that is unused (the phone lost the reply), and for
// the grace after its rotation even if the successor was used meanwhile (a
// late retry). Anything older was copied.
func (f *family) judge(t refreshToken, hash string, now time.Time, grace time.Duration) verdict {
	age := f.Generation - t.generation
	switch {
	case f.ID != t.family || age < 0:
		return verdictVoid
	case f.Ended != "" || !now.Before(f.Expires):
		return verdictOver
	case age == 0 && !sameHash(f.Current.Hash, hash):
		return verdictVoid
	case age == 0:
		return verdictRotate
	case age == 1:
		return verdictRepeat
	case age == 2 && f.Previous != nil && now.Sub(f.Previous.At) <= grace:
		return verdictRepeat
	}
	return verdictReused
}

func sameHash(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// issueOf returns the token of a generation that is still remembered.
func (f *family) issueOf(generation int64) issue {
	if generation == f.Generation {
		return f.Current
	}
	return *f.Previous
}

// over is what the bearer of a token of an ended family is told. Whether the
// account is still disabled is no matter of the family.
func (f *family) over() error {
	switch f.Ended {
	case endedReused:
		return tokenReused()
	case "":
		return tokenExpired()
	default:
		return unauthenticated()
	}
}

func tokenReused() error {
	return inspection.Errorf(inspection.CodeTokenReused, "An old refresh token was used again, so this device was signed out. Sign in again.")
}

func accountDisabled() error {
	return inspection.Errorf(inspection.CodeAccountDisabled, "This account is disabled. Ask an administrator.")
}

// startFamily replaces the device's family by a new one and returns its id
// and first refresh token.
func (s *Service) startFamily(ctx context.Context, device inspection.Device, credential int64, now time.Time) (refreshToken, string, error) {
	id, err := newFamilyID(s.cfg.Random)
	if err != nil {
		return refreshToken{}, "", err
	}
	t := refreshToken{device: device, family: id, generation: 1}
	text, first, err := s.issue(ctx, &t, now)
	if err != nil {
		return refreshToken{}, "", err
	}
	fresh := family{
		ID: id, Generation: 1, Current: first, Credential: credential,
		Started: now, Expires: now.Add(s.cfg.FamilyTTL),
	}
	err = changeRow(ctx, s.store, store.TableFamilies, deviceKey(device), func(f *family, _ bool) error {
		*f = fresh
		return nil
	})
	return t, text, err
}

// issue seals t with the newest key.
func (s *Service) issue(ctx context.Context, t *refreshToken, now time.Time) (string, issue, error) {
	k, ok := s.keys.newest(refreshKeys)
	if !ok {
		return "", issue{}, errors.New("auth: there is no key for refresh tokens")
	}
	t.key = k.id
	text, err := s.sealRefresh(ctx, *t)
	return text, issue{Key: k.id, Hash: tokenHash(text), At: now}, err
}

// advance answers a refresh token with its successor. Of several calls with
// the same token one rotates; the others find that done and repeat it.
func (s *Service) advance(ctx context.Context, t refreshToken, hash string, now time.Time) (string, error) {
	var text string
	var refused error
	err := changeRow(ctx, s.store, store.TableFamilies, deviceKey(t.device), func(f *family, found bool) (err error) {
		text, refused = "", nil
		switch v := f.judge(t, hash, now, s.cfg.Grace); {
		case !found || v == verdictVoid:
			return unauthenticated()
		case v == verdictOver:
			return f.over()
		case v == verdictReused:
			f.Ended, refused = endedReused, tokenReused()
			return nil
		case v == verdictRotate:
			text, err = s.rotate(ctx, f, t, now)
		default:
			text, err = s.repeat(ctx, f, t)
		}
		f.Expires = now.Add(s.cfg.FamilyTTL)
		return err
	})
	return text, errors.Join(err, refused)
}

func (s *Service) rotate(ctx context.Context, f *family, t refreshToken, now time.Time) (string, error) {
	next := refreshToken{device: t.device, family: t.family, generation: t.generation + 1}
	text, made, err := s.issue(ctx, &next, now)
	before := f.Current
	f.Generation, f.Current, f.Previous = next.generation, made, &before
	return text, err
}

func (s *Service) repeat(ctx context.Context, f *family, t refreshToken) (string, error) {
	next := refreshToken{device: t.device, family: t.family, generation: t.generation + 1}
	next.key = f.issueOf(next.generation).Key
	return s.sealRefresh(ctx, next)
}

// endFamily ends the device's family if it is still the one with the id.
func (s *Service) endFamily(ctx context.Context, device inspection.Device, id string, why ending) error {
	return changeRow(ctx, s.store, store.TableFamilies, deviceKey(device), func(f *family, found bool) error {
		if !found || f.ID != id || f.Ended != "" {
			return errUnchanged
		}
		f.Ended = why
		return nil
	})
}

// endFamilies ends all families of the user.
func (s *Service) endFamilies(ctx context.Context, user inspection.UserID, why ending) error {
	prefix := string(user) + "/"
	return scanRows(ctx, s.store, store.TableFamilies, prefix, func(row store.Row) error {
		var f family
		if err := json.Unmarshal(row.Value, &f); err != nil {
			return fmt.Errorf("reading a refresh family: %w", err)
		}
		device := inspection.Device{User: user, ID: inspection.DeviceID(strings.TrimPrefix(row.Key, prefix))}
		return s.endFamily(ctx, device, f.ID, why)
	})
}
