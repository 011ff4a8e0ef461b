package auth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// LoginRequest is a sign-in. Address is where it came from; all that come
// without one share the same throttling.
type LoginRequest struct {
	Username string
	Password string
	Device   DeviceInfo
	Address  netip.Addr
}

// Tokens is the answer to a sign-in or a refresh.
type Tokens struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
	User         User
	// NextN is above every mutation number that came from the device, for a
	// phone that was reinstalled.
	NextN int64
}

// account is what a sign-in is checked against. For an unknown user name it is
// that of nobody: no password fits, and nothing else differs.
type account struct {
	id     inspection.UserID
	cred   credential
	device inspection.Device
	// knows: the device has signed in to the account before.
	knows bool
}

// Login signs a device in and ends what family it had. Returns
// CodeBadCredentials alike for an unknown user name and a wrong password, a
// *ThrottledError (CodeThrottled) after too many failures, CodeAccountDisabled
// only to who knows the password, and CodeBadRequest for a device id that is
// no UUID.
func (s *Service) Login(ctx context.Context, req LoginRequest) (Tokens, error) {
	deviceID, err := inspection.ParseDocID(req.Device.ID)
	if err != nil {
		return Tokens{}, inspection.Errorf(inspection.CodeBadRequest, "The device id must be a UUID that the phone made once.")
	}
	name := foldUsername(req.Username)
	acct, err := s.account(ctx, name, inspection.DeviceID(deviceID))
	if err != nil {
		return Tokens{}, err
	}
	if err := s.attempt(ctx, acct, name, req); err != nil {
		return Tokens{}, err
	}
	return s.admit(ctx, acct, req.Device)
}

// account makes the same reads for every name.
func (s *Service) account(ctx context.Context, name string, device inspection.DeviceID) (account, error) {
	a := account{id: nobody}
	u, found, err := s.holder(ctx, name)
	if err != nil {
		return a, err
	}
	if found {
		a.id = u.ID
	}
	a.device = inspection.Device{User: a.id, ID: device}
	if a.cred, _, _, err = readRow[credential](ctx, s.store, store.TableCredentials, string(a.id)); err != nil {
		return a, err
	}
	_, _, a.knows, err = readRow[DeviceRow](ctx, s.store, store.TableDevices, deviceKey(a.device))
	return a, err
}

// attempt checks the password, within what throttling allows. It counts as a
// failure until the password has proved right or couldn't be checked.
func (s *Service) attempt(ctx context.Context, acct account, name string, req LoginRequest) error {
	keys := []throttleKey{{byAccount, name}, addressKey(byAddress, req.Address)}
	own := throttleKey{byDevice, deviceKey(acct.device)}
	if acct.knows {
		keys = []throttleKey{own}
	}
	if err := s.throttle.begin(s.now(), keys...); err != nil {
		return err
	}
	ok, err := s.hasher.verify(ctx, req.Password, acct.cred.Hash)
	if err == nil && !ok {
		return inspection.Errorf(inspection.CodeBadCredentials, "User name or password is wrong.")
	}
	s.throttle.refund(keys...)
	if ok {
		s.throttle.reset(own)
	}
	return err
}

// admit begins a family. Whether the account is in order is read after that:
// an administrator who disables it ends its families after marking it, so one
// of the two sees the other.
func (s *Service) admit(ctx context.Context, acct account, info DeviceInfo) (Tokens, error) {
	now := s.now()
	t, refresh, err := s.startFamily(ctx, acct.device, acct.cred.Serial, now)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.noteDevice(ctx, acct.device, info, now); err != nil {
		return Tokens{}, err
	}
	s.cache.drop(acct.device)
	st, err := s.standing(ctx, acct.device)
	if err != nil {
		return Tokens{}, err
	}
	if err := st.check(t.family, now); err != nil {
		if st.user.Disabled {
			err = errors.Join(err, s.endFamily(ctx, acct.device, t.family, endedDisabled))
		}
		return Tokens{}, err
	}
	return s.tokens(ctx, st.user.User, t, refresh, now)
}

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
		if err := s.throttle.begin(now, addressKey(byForger, address)); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, unauthenticated()
	}
	st, err := s.standing(ctx, t.device)
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

func (s *Service) tokens(ctx context.Context, u User, t refreshToken, refresh string, now time.Time) (Tokens, error) {
	access, err := s.signAccess(t.device, t.family, now)
	if err != nil {
		return Tokens{}, err
	}
	last, err := s.store.LastN(ctx, t.device)
	if err != nil {
		return Tokens{}, fmt.Errorf("reading the device's last number: %w", err)
	}
	return Tokens{
		AccessToken: access, ExpiresIn: s.cfg.AccessTTL, RefreshToken: refresh, User: u, NextN: nextN(last),
	}, nil
}

// nextN is the number after last. A phone that has used the highest number
// there is gets no other one.
func nextN(last int64) int64 {
	if last == math.MaxInt64 {
		return last
	}
	return last + 1
}

// Logout ends the session's family. One that has ended already is no error.
func (s *Service) Logout(ctx context.Context, session Session) error {
	defer s.cache.drop(session.Device)
	return s.endFamily(ctx, session.Device, session.Family, endedLogout)
}
