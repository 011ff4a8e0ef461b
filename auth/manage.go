package auth

import (
	"context"
	"slices"

	"gridpatrol/inspection"
)

// Managed returns the users with whom an administrator shares an area, or who
// have none, in order of user name.
func (s *Service) Managed(ctx context.Context, principal *inspection.Principal) ([]User, error) {
	users, err := s.Users(ctx)
	return slices.DeleteFunc(users, func(u User) bool {
		return len(u.Areas) > 0 && !s.sharesArea(principal, u)
	}), err
}

// sharesArea reports whether one of the user's areas is the principal's.
func (s *Service) sharesArea(principal *inspection.Principal, u User) bool {
	now := s.now()
	return slices.ContainsFunc(u.Areas, func(a inspection.Area) bool { return principal.CanRead(a, now) })
}

// AddManaged is AddUser for an administrator, who grants no more than what is
// granted to them. Returns CodeForbidden besides the errors of AddUser.
func (s *Service) AddManaged(ctx context.Context, principal *inspection.Principal, in NewUser) (User, error) {
	if !principal.CanReadAll(in.Areas, s.now()) {
		return User{}, notYourAreas()
	}
	return s.AddUser(ctx, principal.Device.User, in)
}

// UpdateManaged is UpdateUser for an administrator, of a user whose areas all
// are the administrator's. Returns CodeForbidden, and CodeConflict for what
// would lock the administrator out, besides the errors of UpdateUser.
func (s *Service) UpdateManaged(ctx context.Context, principal *inspection.Principal, id inspection.UserID, patch UserPatch) (User, error) {
	u, err := s.user(ctx, id)
	if err != nil {
		return User{}, err
	}
	if !principal.CanReadAll(u.Areas, s.now()) || patch.Areas != nil && !principal.CanReadAll(*patch.Areas, s.now()) {
		return User{}, notYourAreas()
	}
	disables := patch.Disabled != nil && *patch.Disabled
	if id == principal.Device.User && (disables || patch.Role != nil && *patch.Role != u.Role || patch.Areas != nil) {
		return User{}, inspection.Errorf(inspection.CodeConflict, "Nobody takes away their own rights. Let another administrator do it.")
	}
	return s.UpdateUser(ctx, principal.Device.User, id, patch)
}

func notYourAreas() error {
	return inspection.Errorf(inspection.CodeForbidden, "This user has areas that are not yours, or would have. Ask who administers them.")
}

// WorksIn reports whether the user has an account that is in use and covers
// the area.
func (s *Service) WorksIn(ctx context.Context, id inspection.UserID, area inspection.Area) (bool, error) {
	u, err := s.user(ctx, id)
	if inspection.CodeOf(err) == inspection.CodeNotFound {
		return false, nil
	}
	_, granted := u.rights().Grant(area)
	return err == nil && !u.Disabled && granted, err
}

// Manages returns what tells whether a user's areas all are the principal's.
func (s *Service) Manages(ctx context.Context, principal *inspection.Principal) (func(inspection.UserID) bool, error) {
	users, err := s.Users(ctx)
	managed := make(map[inspection.UserID]bool, len(users))
	for _, u := range users {
		managed[u.ID] = principal.CanReadAll(u.Areas, s.now())
	}
	return func(id inspection.UserID) bool { return managed[id] }, err
}

// DevicesIn returns the devices of users who share an area with the principal,
// in order of user and device id.
func (s *Service) DevicesIn(ctx context.Context, principal *inspection.Principal) ([]DeviceRow, error) {
	users, err := s.Users(ctx)
	if err != nil {
		return nil, err
	}
	near := map[inspection.UserID]bool{}
	for _, u := range users {
		near[u.ID] = s.sharesArea(principal, u)
	}
	rows, err := s.Devices(ctx)
	return slices.DeleteFunc(rows, func(row DeviceRow) bool { return !near[row.User] }), err
}
