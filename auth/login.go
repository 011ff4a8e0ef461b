package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

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

// account is what a sign-in is checked against. For an unknown user name it is
// that of nobody: no password fits, and nothing else differs.
type account struct {
	id     inspection.UserID
	cred   credential
	device inspection.Device
	// knownDevice: the device has signed in to the account before.
	knownDevice bool
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
	if err := s.checkSignIn(ctx, acct, name, req); err != nil {
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
	if a.cred, _, err = readRow[credential](ctx, s.store, store.TableCredentials, string(a.id)); err != nil {
		return a, err
	}
	_, a.knownDevice, err = readRow[DeviceRow](ctx, s.store, store.TableDevices, deviceKey(a.device))
	return a, err
}

// checkSignIn checks the password, within what throttling allows.
func (s *Service) checkSignIn(ctx context.Context, acct account, name string, req LoginRequest) error {
	keys := []throttleKey{{byAccount, name}, addressKey(byAddress, req.Address)}
	own := throttleKey{byDevice, deviceKey(acct.device)}
	if acct.knownDevice {
		keys = []throttleKey{own}
	}
	ok, err := s.throttle.attempt(s.now(), own, keys, func() (bool, error) {
		return s.hasher.verify(ctx, req.Password, acct.cred.Hash)
	})
	if err == nil && !ok {
		return inspection.Errorf(inspection.CodeBadCredentials, "User name or password is wrong.")
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
	st, err := s.deviceState(ctx, acct.device)
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

// noteDevice writes down that the device signed in.
func (s *Service) noteDevice(ctx context.Context, device inspection.Device, info DeviceInfo, now time.Time) error {
	return changeRow(ctx, s.store, store.TableDevices, deviceKey(device), func(row *DeviceRow, found bool) error {
		first := row.FirstSeen
		if !found {
			first = now
		}
		*row = DeviceRow{
			User: device.User, Device: device.ID, Name: truncate(info.Name), Platform: truncate(info.Platform),
			AppVersion: truncate(info.AppVersion), FirstSeen: first, LastSeen: now,
		}
		return nil
	})
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

// familyIDBytes makes families unguessable and unique without a counter.
const familyIDBytes = 16

func newFamilyID(random io.Reader) (string, error) {
	var b [familyIDBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// truncate makes s valid UTF-8 of at most maxDeviceText bytes.
func truncate(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxDeviceText {
		return s
	}
	end := maxDeviceText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
