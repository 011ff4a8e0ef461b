package cli

import (
	"context"
	"errors"
	"fmt"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// DemoPassword is that of every demo account. It stands in the contract and
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

// addDemo adds the demo's people and sites, as far as they are missing.
func addDemo(ctx context.Context, s *services) error {
	for _, p := range seeds.DemoPeople() {
		err := addPerson(ctx, s.auth, p)
		if err != nil {
			return fmt.Errorf("account %s: %w", p.Username, err)
		}
	}
	return addSites(ctx, s)
}

func addPerson(ctx context.Context, accounts *auth.Service, p seeds.Person) error {
	_, err := accounts.UserByName(ctx, p.Username)
	if inspection.CodeOf(err) != inspection.CodeNotFound {
		return err
	}
	_, err = accounts.AddUser(ctx, "", auth.NewUser{
		Username: p.Username, Name: p.Name, Password: DemoPassword,
		Role: auth.Role(p.Role), Areas: p.Areas,
	})
	return err
}

// demoDevice is the phone that the demo's own records come from.
const demoDevice inspection.DeviceID = "00000000-0000-7000-8000-00000000de40"

// addSites pushes the sites as the supervisor's phone would. Pushing them at
// every start is harmless: they are replays.
func addSites(ctx context.Context, s *services) error {
	sites, err := seeds.DemoSites()
	if err != nil {
		return err
	}
	supervisor, err := s.auth.UserByName(ctx, "supervisor")
	if err != nil {
		return err
	}
	batch := &sync.Batch{}
	for i, d := range sites {
		batch.Mutations = append(batch.Mutations, sync.NewPut(int64(i+1), d.Collection, d.ID, d.Doc))
	}
	grants := make([]inspection.Grant, len(supervisor.Areas))
	for i, a := range supervisor.Areas {
		grants[i] = inspection.Grant{Area: a}
	}
	answer, err := s.sync.Push(ctx, &sync.Asker{
		Device: inspection.Device{User: supervisor.ID, ID: demoDevice},
		Rights: inspection.Rights{Grants: grants},
	}, batch)
	if err != nil {
		return err
	}
	for _, r := range answer.Results {
		if r.Status == store.Rejected {
			return fmt.Errorf("site %s: %s", r.ID, *r.Detail)
		}
	}
	return nil
}
