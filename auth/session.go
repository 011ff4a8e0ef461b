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

// deviceState is all that the store says of a signed-in device.
type deviceState struct {
	user      userDoc
	found     bool
	serial    int64
	family    family
	firstSeen time.Time
}

// deviceState reads the store.
func (s *Service) deviceState(ctx context.Context, device inspection.Device) (st deviceState, err error) {
	users, err := s.loadUsers(ctx, []inspection.UserID{device.User})
	if err != nil {
		return st, err
	}
	st.user, st.found = users[device.User]
	c, _, err := readRow[credential](ctx, s.store, store.TableCredentials, string(device.User))
	if err != nil {
		return st, err
	}
	st.serial = c.Serial
	if st.family, _, err = readRow[family](ctx, s.store, store.TableFamilies, deviceKey(device)); err != nil {
		return st, err
	}
	row, _, err := readRow[DeviceRow](ctx, s.store, store.TableDevices, deviceKey(device))
	st.firstSeen = row.FirstSeen
	return st, err
}

// check tells whether the family with the id is alive.
func (st *deviceState) check(family string, now time.Time) error {
	switch {
	case !st.found:
		return unauthenticated()
	case st.user.Disabled:
		return accountDisabled()
	case st.family.ID != family:
		return unauthenticated()
	case st.family.Ended != "" || !now.Before(st.family.Expires):
		return st.family.endError()
	case st.family.Credential != st.serial:
		return unauthenticated()
	}
	return nil
}

func accountDisabled() error {
	return inspection.Errorf(inspection.CodeAccountDisabled, "This account is disabled. Ask an administrator.")
}

func (st *deviceState) session(device inspection.Device, family string, expires time.Time) Session {
	return Session{
		User: st.user.User, Rights: st.user.rights(), Device: device,
		FirstSeen: st.firstSeen, Family: family, Expires: expires,
	}
}

// Recheck returns the session as the store has it now, past the cache. Open
// streams use it. Returns the errors of Authorize.
func (s *Service) Recheck(ctx context.Context, old Session) (Session, error) {
	now := s.now()
	if !now.Before(old.Expires) {
		return Session{}, tokenExpired()
	}
	s.cache.drop(old.Device)
	st, err := s.cache.get(ctx, old.Device, now, s.loadState(old.Device))
	if err != nil {
		return Session{}, err
	}
	if err := st.check(old.Family, now); err != nil {
		return Session{}, err
	}
	return st.session(old.Device, old.Family, old.Expires), nil
}

func (s *Service) loadState(device inspection.Device) func(context.Context) (deviceState, error) {
	return func(ctx context.Context) (deviceState, error) { return s.deviceState(ctx, device) }
}

// Logout ends the session's family. One that has ended already is no error.
func (s *Service) Logout(ctx context.Context, session Session) error {
	defer s.cache.drop(session.Device)
	return s.endFamily(ctx, session.Device, session.Family, endedLogout)
}
