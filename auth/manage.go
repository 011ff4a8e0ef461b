package auth

import (
	"context"
	"slices"

	"gridpatrol/inspection"
)

// Managed returns the users with whom the session's user shares an area, or
// who have none, in order of user name.
func (s *Service) Managed(ctx context.Context, session Session) ([]User, error) {
	users, err := s.Users(ctx)
	return slices.DeleteFunc(users, func(u User) bool {
		return len(u.Areas) > 0 && !slices.ContainsFunc(u.Areas, session.Covers)
	}), err
}

// AddManaged is AddUser for an administrator, who grants no more than what is
// granted to them. Returns CodeForbidden besides the errors of AddUser.
func (s *Service) AddManaged(ctx context.Context, session Session, in NewUser) (User, error) {
	if !session.coversAll(in.Areas) {
		return User{}, beyond()
	}
	return s.AddUser(ctx, session.User.ID, in)
}

// UpdateManaged is UpdateUser for an administrator, of a user whose areas all
// are the administrator's. Returns CodeForbidden, and CodeConflict for what
// would lock the administrator out, besides the errors of UpdateUser.
func (s *Service) UpdateManaged(ctx context.Context, session Session, id inspection.UserID, patch UserPatch) (User, error) {
	u, err := s.user(ctx, id)
	if err != nil {
		return User{}, err
	}
	if !session.coversAll(u.Areas) || patch.Areas != nil && !session.coversAll(*patch.Areas) {
		return User{}, beyond()
	}
	disables := patch.Disabled != nil && *patch.Disabled
	if id == session.User.ID && (disables || patch.Role != nil && *patch.Role != u.Role || patch.Areas != nil) {
		return User{}, inspection.Errorf(inspection.CodeConflict, "Nobody takes away their own rights. Let another administrator do it.")
	}
	return s.UpdateUser(ctx, session.User.ID, id, patch)
}

func (s Session) coversAll(areas []inspection.Area) bool {
	return !slices.ContainsFunc(areas, func(a inspection.Area) bool { return !s.Covers(a) })
}

func beyond() error {
	return inspection.Errorf(inspection.CodeForbidden, "This user has areas that are not yours, or would have. Ask who administers them.")
}

// WorksIn reports whether the user has an account that is in use and covers
// the area.
func (s *Service) WorksIn(ctx context.Context, id inspection.UserID, area inspection.Area) (bool, error) {
	u, err := s.user(ctx, id)
	if inspection.CodeOf(err) == inspection.CodeNotFound {
		return false, nil
	}
	return err == nil && !u.Disabled && area.CoveredBy(u.Areas), err
}

// Manages returns what tells whether a user's areas all are the session's.
func (s *Service) Manages(ctx context.Context, session Session) (func(inspection.UserID) bool, error) {
	users, err := s.Users(ctx)
	managed := make(map[inspection.UserID]bool, len(users))
	for _, u := range users {
		managed[u.ID] = session.coversAll(u.Areas)
	}
	return func(id inspection.UserID) bool { return managed[id] }, err
}
