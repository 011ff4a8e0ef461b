package auth

import (
	"context"
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

// endError is what the bearer of a token of an ended family is told. Whether the
// account is still disabled is no matter of the family.
func (f *family) endError() error {
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

// endFamily ends the device's family if it is still the one with the id.
func (s *Service) endFamily(ctx context.Context, device inspection.Device, id string, why ending) error {
	return changeRow(ctx, s.store, store.TableFamilies, deviceKey(device), func(f *family, found bool) error {
		if !found || f.ID != id || f.Ended != "" {
			return store.ErrUnchanged
		}
		f.Ended = why
		return nil
	})
}

// endFamilies ends all families of the user.
func (s *Service) endFamilies(ctx context.Context, user inspection.UserID, why ending) error {
	prefix := string(user) + "/"
	return store.ScanRows(ctx, s.store, store.TableFamilies, prefix, func(row store.Row) error {
		var f family
		if err := json.Unmarshal(row.Value, &f); err != nil {
			return fmt.Errorf("reading a refresh family: %w", err)
		}
		device := inspection.Device{User: user, ID: inspection.DeviceID(strings.TrimPrefix(row.Key, prefix))}
		return s.endFamily(ctx, device, f.ID, why)
	})
}
