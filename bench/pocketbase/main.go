// Command pocketbase is the peer that Gridpatrol is raced against: PocketBase
// as its documentation says to extend it with Go, with the same inspections in
// a collection, the same right to one's own streets, and batches switched on.
//
//	pocketbase serve --http 127.0.0.1:8090 --dir ./data
package main

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// password is that of all accounts, as in Gridpatrol's demo district.
const password = "gridpatrol-demo"

// streets is how many inspectors there are, one for each street.
const streets = 9

func main() {
	app := pocketbase.NewWithConfig(pocketbase.Config{HideStartBanner: true})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		if _, err := e.App.FindCollectionByNameOrId("inspections"); err == nil {
			return e.Next()
		}
		if err := errors.Join(settings(e.App), accounts(e.App), inspections(e.App)); err != nil {
			return err
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

// settings switches batches on, as large as Gridpatrol's.
func settings(app core.App) error {
	s := app.Settings()
	s.Batch.Enabled, s.Batch.MaxRequests, s.Batch.Timeout = true, 500, 30
	s.RateLimits.Enabled = false
	s.Logs.MaxDays = 0
	return app.Save(s)
}

// accounts adds an inspector for each street, and a supervisor of all.
func accounts(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(&core.TextField{Name: "areas"})
	if err := app.Save(users); err != nil {
		return err
	}
	all := ""
	for i := range streets {
		area := fmt.Sprintf("61010200%d", i+1)
		all += area + " "
		if err := account(app, users, fmt.Sprint("inspector", i+1), area); err != nil {
			return err
		}
	}
	return account(app, users, "supervisor", all)
}

func account(app core.App, users *core.Collection, name, areas string) error {
	u := core.NewRecord(users)
	u.SetEmail(name + "@example.com")
	u.SetPassword(password)
	u.SetVerified(true)
	u.Set("areas", areas)
	return app.Save(u)
}

// inspections makes the collection: the members of an inspection as columns,
// what has members of its own as JSON, and an index for what pulls ask for.
func inspections(app core.App) error {
	c := core.NewBaseCollection("inspections")
	id, ok := c.Fields.GetByName("id").(*core.TextField)
	if !ok {
		return errors.New("the id is not a text")
	}
	id.Min, id.Max, id.Pattern, id.AutogeneratePattern = 36, 36, `^[a-f0-9\-]+$`, ""
	for _, name := range []string{"area", "grid", "template", "template_version", "status", "started_at", "finished_at", "session", "site", "task"} {
		c.Fields.Add(&core.TextField{Name: name})
	}
	for _, name := range []string{"location", "answers", "photos"} {
		c.Fields.Add(&core.JSONField{Name: name})
	}
	c.Fields.Add(&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	c.AddIndex("inspections_by_update", false, "updated, id", "")
	own := types.Pointer(`@request.auth.areas ~ area`)
	c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule = own, own, own, own
	return app.Save(c)
}
