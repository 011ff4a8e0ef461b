package cli

import (
	"context"
	"errors"
	"fmt"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
)

// DemoPassword is that of every demo account. It stands in docs/contract.md and
// the README, so a database that has such accounts never leaves loopback.
const DemoPassword = "gridpatrol-demo"

// demoMark is the row that marks a database as the demo's.
const demoMark = "demo"

// guardDemo refuses to serve accounts whose password everyone knows beyond
// loopback, and to mix them into a real database.
func guardDemo(ctx context.Context, st store.Store, listen string, demo bool) error {
	_, err := st.Get(ctx, store.TableMeta, demoMark)
	marked := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	switch {
	case demo && !loopback(listen):
		return fmt.Errorf("the demo district serves on loopback only: take --listen 127.0.0.1:8080, or leave out --demo")
	case marked && !loopback(listen):
		return fmt.Errorf("this database was made by the demo and everyone knows its passwords: choose another folder with --data, or listen on loopback")
	case !demo || marked:
		return nil
	}
	return markDemo(ctx, st)
}

// markDemo marks a database that nobody uses yet.
func markDemo(ctx context.Context, st store.Store) error {
	users, err := st.Changes(ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Users}, Limit: 1,
	})
	if err != nil {
		return err
	}
	if len(users.Records) > 0 {
		return errors.New("this database has accounts already: choose another folder for the demo with --data")
	}
	_, err = st.Put(ctx, store.TableMeta, store.Row{Key: demoMark, Value: []byte("true")})
	if errors.Is(err, store.ErrStale) {
		return nil // another process has just marked it
	}
	return err
}

func addPerson(ctx context.Context, accounts *auth.Service, p seeds.Person) error {
	_, err := accounts.UserByName(ctx, p.Username)
	if inspection.CodeOf(err) != inspection.CodeNotFound {
		return err
	}
	_, err = accounts.AddUser(ctx, "", auth.NewUser{
		Username: p.Username, Name: p.Name, Password: DemoPassword,
		Role: inspection.Role(p.Role), Areas: p.Areas,
	})
	return err
}
