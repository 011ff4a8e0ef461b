package auth

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// maxName is the longest name of a person, in characters.
const maxName = 100

// NewUser is what an account is made from.
type NewUser struct {
	Username string
	Name     string
	Password string
	Role     inspection.Role
	Areas    []inspection.Area
}

// UserPatch changes an account; what is nil stays as it is.
type UserPatch struct {
	Name     *string
	Role     *inspection.Role
	Areas    *[]inspection.Area
	Disabled *bool
	Password *string
}

// AddUser makes an account. The actor is recorded as who did it; "" is the
// command line. Returns CodeConflict if the user name is taken, CodeBadRequest
// if something about the new user isn't usable.
func (s *Service) AddUser(ctx context.Context, actor inspection.UserID, in NewUser) (User, error) {
	if err := s.checkNewUser(ctx, in); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, in.Password)
	if err != nil {
		return User{}, err
	}
	id, err := newUserID(s.now(), s.cfg.Random)
	if err != nil {
		return User{}, err
	}
	if err := s.claim(ctx, in.Username, id); err != nil {
		return User{}, err
	}
	if err := s.setPassword(ctx, id, hash); err != nil {
		return User{}, err
	}
	u, err := s.amend(ctx, actor, func(p slot) (userDoc, error) { return s.decideNewUser(ctx, p, id, in) })
	if inspection.CodeOf(err) == inspection.CodeConflict {
		err = errors.Join(err, s.store.Delete(ctx, store.TableCredentials, string(id)))
	}
	return u.User, err
}

// newUserID makes a UUID of version 7 (RFC 9562): 48 bits of milliseconds,
// the rest random but for version and variant.
func newUserID(now time.Time, random io.Reader) (inspection.UserID, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return inspection.UserID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
}

// claim puts id among those who may become the name's holder. Returns a
// CodeConflict error if someone already is.
func (s *Service) claim(ctx context.Context, username string, id inspection.UserID) error {
	return changeRow(ctx, s.store, store.TableUsernames, foldUsername(username), func(row *usernameRow, _ bool) error {
		_, taken, err := s.holderOf(ctx, row.Claims)
		if err != nil {
			return err
		}
		if taken {
			return usernameTaken(username)
		}
		row.Claims = append(row.Claims, id)
		return nil
	})
}

func usernameTaken(username string) error {
	return inspection.Errorf(inspection.CodeConflict, "The user name %q is taken. Choose another.", username)
}

// decideNewUser runs after the head was read: whoever claimed the name later
// than this reads a later head, so of two claimants only one append goes in,
// and the other then finds its record.
func (s *Service) decideNewUser(ctx context.Context, p slot, id inspection.UserID, in NewUser) (userDoc, error) {
	u, taken, err := s.holder(ctx, foldUsername(in.Username))
	if err != nil {
		return userDoc{}, err
	}
	if taken && u.ID != id {
		return userDoc{}, usernameTaken(in.Username)
	}
	if taken {
		return u, store.ErrUnchanged // an append whose outcome was unknown went in
	}
	u = userDoc{User: User{
		ID: id, Username: strings.TrimSpace(in.Username), Name: strings.TrimSpace(in.Name), Role: in.Role,
	}}
	u.setAreas(in.Areas, p.seq, p.at)
	return u, nil
}

// UpdateUser changes an account. Disabling it, or a new password, ends all of
// its families. What already is as asked makes no history. Returns
// CodeNotFound for an unknown id, CodeBadRequest as AddUser does.
func (s *Service) UpdateUser(ctx context.Context, actor, id inspection.UserID, patch UserPatch) (User, error) {
	if err := s.checkPatch(ctx, patch); err != nil {
		return User{}, err
	}
	if _, err := s.user(ctx, id); err != nil {
		return User{}, err
	}
	if patch.Password != nil {
		hash, err := s.hasher.hash(ctx, *patch.Password)
		if err != nil {
			return User{}, err
		}
		if err := s.setPassword(ctx, id, hash); err != nil {
			return User{}, err
		}
	}
	defer s.cache.dropUser(id)
	u, err := s.amend(ctx, actor, func(p slot) (userDoc, error) { return s.decidePatch(ctx, p, id, patch) })
	if err != nil {
		return User{}, err
	}
	return u.User, s.endAfter(ctx, u, patch)
}

func (s *Service) endAfter(ctx context.Context, u userDoc, patch UserPatch) error {
	switch {
	case u.Disabled:
		return s.endFamilies(ctx, u.ID, endedDisabled)
	case patch.Password != nil:
		return s.endFamilies(ctx, u.ID, endedPassword)
	}
	return nil
}

func (s *Service) decidePatch(ctx context.Context, p slot, id inspection.UserID, patch UserPatch) (userDoc, error) {
	u, err := s.user(ctx, id)
	if err != nil {
		return userDoc{}, err
	}
	before := u
	if patch.Name != nil {
		u.Name = strings.TrimSpace(*patch.Name)
	}
	if patch.Role != nil {
		u.Role = *patch.Role
	}
	if patch.Disabled != nil {
		u.Disabled = *patch.Disabled
	}
	if patch.Areas != nil {
		u.setAreas(*patch.Areas, p.seq, p.at)
	}
	if sameUser(u.User, before.User) {
		return u, store.ErrUnchanged
	}
	return u, nil
}

func sameUser(a, b User) bool {
	return a.Name == b.Name && a.Role == b.Role && a.Disabled == b.Disabled && slices.Equal(a.Areas, b.Areas)
}

// slot is where in the reference log a decision would go, and when.
type slot struct {
	seq int64
	at  time.Time
}

// amend appends the next revision of a user's document as decide makes it,
// and decides again when another writer was first. decide returns
// store.ErrUnchanged if nothing is to be appended.
func (s *Service) amend(ctx context.Context, actor inspection.UserID, decide func(slot) (userDoc, error)) (userDoc, error) {
	var u userDoc
	_, err := store.AppendDecided(ctx, s.store, inspection.ReferenceArea, func(ctx context.Context) (d store.Decision, err error) {
		if d.Head, err = s.store.Head(ctx, inspection.ReferenceArea); err != nil {
			return d, fmt.Errorf("reading the reference log's head: %w", err)
		}
		var p slot
		p.seq, p.at = d.Head.Next(s.now())
		if u, err = decide(p); err != nil {
			return d, err
		}
		u.Server = userServer{Rev: u.Server.Rev + 1, Seq: p.seq}
		e, err := userEntry(actor, p, u)
		d.Entries = []store.Entry{e}
		return d, err
	})
	if err != nil {
		return userDoc{}, err
	}
	return u, nil
}

func userEntry(actor inspection.UserID, p slot, u userDoc) (store.Entry, error) {
	doc, err := json.Marshal(u)
	if err != nil {
		return store.Entry{}, fmt.Errorf("encoding a user: %w", err)
	}
	return store.Entry{
		Seq: p.seq, Collection: inspection.Users, ID: inspection.DocID(u.ID), Rev: u.Server.Rev,
		Kind: store.KindReference, Actor: actor, At: p.at, Doc: doc,
	}, nil
}

func (s *Service) user(ctx context.Context, id inspection.UserID) (userDoc, error) {
	users, err := s.loadUsers(ctx, []inspection.UserID{id})
	if err != nil {
		return userDoc{}, err
	}
	u, ok := users[id]
	if !ok {
		return userDoc{}, inspection.Errorf(inspection.CodeNotFound, "There is no such user.")
	}
	return u, nil
}

// UserByName returns the user with the name, whatever its case. Returns
// CodeNotFound if there is none.
func (s *Service) UserByName(ctx context.Context, username string) (User, error) {
	u, ok, err := s.holder(ctx, foldUsername(username))
	if err == nil && !ok {
		err = inspection.Errorf(inspection.CodeNotFound, "There is no user %q.", username)
	}
	return u.User, err
}

// usersPage is how many users are asked for at once.
const usersPage = 500

// Users returns all users in order of user name.
func (s *Service) Users(ctx context.Context) ([]User, error) {
	q := store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Users}, Limit: usersPage,
	}
	byID := map[inspection.UserID]User{} // one that changes meanwhile is seen again
	for {
		page, err := s.store.Changes(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading users: %w", err)
		}
		for _, r := range page.Records {
			if r.Deleted {
				delete(byID, inspection.UserID(r.ID))
				continue
			}
			u, err := decodeUser(r.Doc)
			if err != nil {
				return nil, err
			}
			byID[u.ID] = u.User
		}
		if !page.More {
			return sortedUsers(byID), nil
		}
		q.After = page.Seq
	}
}

func sortedUsers(byID map[inspection.UserID]User) []User {
	users := make([]User, 0, len(byID))
	for _, u := range byID {
		users = append(users, u)
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Username, b.Username) })
	return users
}

func (s *Service) checkNewUser(ctx context.Context, in NewUser) error {
	if err := checkUsername(in.Username); err != nil {
		return err
	}
	return s.checkPatch(ctx, UserPatch{Name: &in.Name, Role: &in.Role, Areas: &in.Areas, Password: &in.Password})
}

func checkUsername(username string) error {
	if foldUsername(username) == noUsername {
		return inspection.Errorf(inspection.CodeBadRequest,
			"The user name is not usable. Take 1 to %d letters, digits, dots, hyphens, underscores or @.", maxUsername)
	}
	return nil
}

func (s *Service) checkPatch(ctx context.Context, p UserPatch) error {
	if p.Name != nil && !validName(*p.Name) {
		return inspection.Errorf(inspection.CodeBadRequest, "The name of the person must have 1 to %d characters.", maxName)
	}
	if p.Role != nil && !p.Role.Valid() {
		return inspection.Errorf(inspection.CodeBadRequest, "The role must be inspector, supervisor or admin, not %q.", *p.Role)
	}
	if p.Password != nil {
		if err := checkPassword(*p.Password); err != nil {
			return err
		}
	}
	if p.Areas == nil {
		return nil
	}
	return s.checkAreas(ctx, *p.Areas)
}

func checkPassword(password string) error {
	if !utf8.ValidString(password) {
		return inspection.Errorf(inspection.CodeBadRequest, "The password must be text in UTF-8.")
	}
	if utf8.RuneCountInString(password) < MinPasswordLength {
		return inspection.Errorf(inspection.CodeBadRequest, "The password is too short. Take at least %d characters.", MinPasswordLength)
	}
	if len(password) > MaxPasswordBytes {
		return inspection.Errorf(inspection.CodeBadRequest, "The password is too long. Take at most %d bytes.", MaxPasswordBytes)
	}
	return nil
}

func validName(name string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(name))
	return utf8.ValidString(name) && 1 <= n && n <= maxName && strings.IndexFunc(name, unicode.IsControl) < 0
}

func (s *Service) checkAreas(ctx context.Context, areas []inspection.Area) error {
	for _, a := range areas {
		if !a.Valid() {
			return inspection.Errorf(inspection.CodeBadRequest, "%q is not the code of an area. Take 2, 4, 6, 9 or 12 digits.", a)
		}
		ok, err := s.cfg.Areas.AreaExists(ctx, a)
		if err != nil {
			return fmt.Errorf("looking up an area: %w", err)
		}
		if !ok {
			return inspection.Errorf(inspection.CodeBadRequest, "There is no area %s here. Import the areas first.", a)
		}
	}
	return nil
}
