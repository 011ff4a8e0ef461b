package auth

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Session is a signed-in device, as the store had it at most CacheTTL ago.
// Its lists are shared: read only.
type Session struct {
	User   User
	Rights inspection.Rights
	Device inspection.Device
	// FirstSeen is when the device first signed in to this account.
	FirstSeen time.Time
	Family    string
	// Expires is when the access token does; a stream ends then.
	Expires time.Time
}

// standing is all that the store says of a signed-in device.
type standing struct {
	user      userDoc
	found     bool
	serial    int64
	family    family
	firstSeen time.Time
}

// standing reads the store.
func (s *Service) standing(ctx context.Context, device inspection.Device) (st standing, err error) {
	users, err := s.loadUsers(ctx, []inspection.UserID{device.User})
	if err != nil {
		return st, err
	}
	st.user, st.found = users[device.User]
	c, _, _, err := readRow[credential](ctx, s.store, store.TableCredentials, string(device.User))
	if err != nil {
		return st, err
	}
	st.serial = c.Serial
	if st.family, _, _, err = readRow[family](ctx, s.store, store.TableFamilies, deviceKey(device)); err != nil {
		return st, err
	}
	row, _, _, err := readRow[DeviceRow](ctx, s.store, store.TableDevices, deviceKey(device))
	st.firstSeen = row.FirstSeen
	return st, err
}

// check tells whether the family with the id is alive.
func (st *standing) check(family string, now time.Time) error {
	switch {
	case !st.found:
		return unauthenticated()
	case st.user.Disabled:
		return accountDisabled()
	case st.family.ID != family:
		return unauthenticated()
	case st.family.Ended != "" || !now.Before(st.family.Expires):
		return st.family.over()
	case st.family.Credential != st.serial:
		return unauthenticated()
	}
	return nil
}

func (st *standing) session(device inspection.Device, family string, expires time.Time) Session {
	return Session{
		User: st.user.User, Rights: st.user.rights(), Device: device,
		FirstSeen: st.firstSeen, Family: family, Expires: expires,
	}
}

// Authorize returns the session of an access token. Returns
// CodeUnauthenticated for a token that isn't valid here or whose family was
// replaced, CodeTokenExpired, CodeTokenReused for a family that ended so, and
// CodeAccountDisabled.
func (s *Service) Authorize(ctx context.Context, accessToken string) (Session, error) {
	claims, err := s.parseAccess(ctx, accessToken)
	if err != nil {
		return Session{}, err
	}
	device, now := claims.device(), s.now()
	st, err := s.cache.get(ctx, device, now, s.load(device))
	if err != nil {
		return Session{}, err
	}
	session := st.session(device, claims.Family, claims.ExpiresAt.UTC())
	if st.family.ID != claims.Family {
		// The device may just have signed in through another process.
		return s.Recheck(ctx, session)
	}
	if err := st.check(claims.Family, now); err != nil {
		return Session{}, err
	}
	return session, nil
}

// Recheck returns the session as the store has it now, past the cache. Open
// streams use it. Returns the errors of Authorize.
func (s *Service) Recheck(ctx context.Context, old Session) (Session, error) {
	now := s.now()
	if !now.Before(old.Expires) {
		return Session{}, tokenExpired()
	}
	s.cache.drop(old.Device)
	st, err := s.cache.get(ctx, old.Device, now, s.load(old.Device))
	if err != nil {
		return Session{}, err
	}
	if err := st.check(old.Family, now); err != nil {
		return Session{}, err
	}
	return st.session(old.Device, old.Family, old.Expires), nil
}

func (s *Service) load(device inspection.Device) func(context.Context) (standing, error) {
	return func(ctx context.Context) (standing, error) { return s.standing(ctx, device) }
}
