package auth

import (
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"errors"
	"net/netip"
	"time"

	"gridpatrol/store"
)

// Refresh answers a refresh token with the next one and a new access token.
// A reply that got lost may be asked for again (docs/contract.md, section 1).
// Returns CodeTokenReused when an older token comes back, which ends the
// device's family; CodeTokenExpired; CodeUnauthenticated for a token of a
// replaced family or one that was not made here, a *ThrottledError after many
// of the latter; CodeAccountDisabled.
func (s *Service) Refresh(ctx context.Context, refreshToken string, address netip.Addr) (Tokens, error) {
	t, genuine, err := s.openRefresh(ctx, refreshToken)
	if err != nil {
		return Tokens{}, err
	}
	now := s.now()
	if !genuine {
		if err := s.throttle.charge(now, addressKey(byForger, address)); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, unauthenticated()
	}
	st, err := s.deviceState(ctx, t.device)
	if err != nil {
		return Tokens{}, err
	}
	if err := st.check(t.family, now); err != nil {
		return Tokens{}, err
	}
	defer s.cache.drop(t.device)
	next, err := s.advance(ctx, t, tokenHash(refreshToken), now)
	if err != nil {
		return Tokens{}, err
	}
	return s.tokens(ctx, st.user.User, t, next, now)
}

// openRefresh returns what the text says if it was sealed here.
func (s *Service) openRefresh(ctx context.Context, text string) (refreshToken, bool, error) {
	t, mac, ok := parseRefreshToken(text)
	if !ok {
		return refreshToken{}, false, nil
	}
	k, ok, err := s.keys.find(ctx, refreshKeys, t.key)
	if err != nil || !ok {
		return refreshToken{}, false, err
	}
	return t, hmac.Equal(mac, tokenMAC(k.Secret, t.payload())), nil
}

// verdict is what becomes of a refresh token that was presented.
type verdict int

const (
	verdictVoid   verdict = iota // of another family, or ahead of this one
	verdictOver                  // the family ended or expired
	verdictReused                // an old one: the family must end
	verdictRotate                // the current one: make its successor
	verdictRepeat                // answer with the successor that it already has
)

// verdictOn decides on a token of the family's device. A token answers again with
// the same successor while that is unused (the phone lost the reply), and for
// the grace after its rotation even if the successor was used meanwhile (a
// late retry). Anything older was copied.
func (f *family) verdictOn(t refreshToken, hash string, now time.Time, grace time.Duration) verdict {
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

// advance answers a refresh token with its successor. Of several calls with
// the same token one rotates; the others find that done and repeat it.
func (s *Service) advance(ctx context.Context, t refreshToken, hash string, now time.Time) (string, error) {
	var text string
	var refused error
	err := changeRow(ctx, s.store, store.TableFamilies, deviceKey(t.device), func(f *family, found bool) (err error) {
		text, refused = "", nil
		switch v := f.verdictOn(t, hash, now, s.cfg.Grace); {
		case !found || v == verdictVoid:
			return unauthenticated()
		case v == verdictOver:
			return f.endError()
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
