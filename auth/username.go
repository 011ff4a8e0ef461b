package auth

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// maxUsername is the longest user name, in characters.
const maxUsername = 64

// noUsername is what every text that can't be a user name folds to. No user
// has it: names hold no space.
const noUsername = "no name"

// foldUsername returns the form by which names are told apart: without space
// around it, compatibility forms (full-width letters) made plain, no case.
func foldUsername(name string) string {
	if len(name) > 16*maxUsername || !utf8.ValidString(name) {
		return noUsername
	}
	folded := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name))))
	if !validUsername(folded) {
		return noUsername
	}
	return folded
}

func validUsername(name string) bool {
	n := utf8.RuneCountInString(name)
	return 1 <= n && n <= maxUsername && strings.IndexFunc(name, foreignToUsername) < 0
}

func foreignToUsername(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(".-_@", r)
}

// usernameRow is a row of the usernames table, under the folded name. Claims
// are the ids of users to be made with the name. The one that has a record has
// the name; a crash between claim and record leaves a claim that never gets
// one and hinders no one.
type usernameRow struct {
	Claims []inspection.UserID `json:"claims"`
}

// nobody is the id that is looked up for an unknown name, so that it takes the
// same reads.
const nobody inspection.UserID = "00000000-0000-0000-0000-000000000000"

// holder returns the user who has the folded name.
func (s *Service) holder(ctx context.Context, folded string) (userDoc, bool, error) {
	row, _, err := readRow[usernameRow](ctx, s.store, store.TableUsernames, folded)
	if err != nil {
		return userDoc{}, false, err
	}
	return s.holderOf(ctx, row.Claims)
}

func (s *Service) holderOf(ctx context.Context, claims []inspection.UserID) (userDoc, bool, error) {
	if len(claims) == 0 {
		claims = []inspection.UserID{nobody}
	}
	users, err := s.loadUsers(ctx, claims)
	if err != nil {
		return userDoc{}, false, err
	}
	for _, u := range users {
		return u, true, nil
	}
	return userDoc{}, false, nil
}

// loadUsers returns those of the users that have a record.
func (s *Service) loadUsers(ctx context.Context, ids []inspection.UserID) (map[inspection.UserID]userDoc, error) {
	docs := make([]inspection.DocID, len(ids))
	for i, id := range ids {
		docs[i] = inspection.DocID(id)
	}
	records, err := s.store.Records(ctx, docs)
	if err != nil {
		return nil, fmt.Errorf("reading users: %w", err)
	}
	users := make(map[inspection.UserID]userDoc, len(records))
	for id, r := range records {
		if r.Rev == 0 || r.Deleted || r.Collection != inspection.Users {
			continue
		}
		u, err := decodeUser(r.Doc)
		if err != nil {
			return nil, err
		}
		users[inspection.UserID(id)] = u
	}
	return users, nil
}
