package sync_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

const street = world.Street

type edit = world.Edit

// district is a world whose servers notice soon what others commit.
type district struct {
	*world.World
}

func newDistrict(t testing.TB) *district {
	t.Helper()
	return &district{world.New(t, world.Options{Configure: world.Poll})}
}

// phone is a signed-in device, with numbers and without.
type phone struct {
	*world.Phone
}

func (w *district) phone(user string, areas ...inspection.Area) *phone {
	return &phone{w.Phone(user, areas...)}
}

// review appends a supervisor's act, as another process does.
func (w *district) review(id, state string) {
	w.T.Helper()
	r := w.Record(id)
	head, err := w.Store.Head(w.Ctx, r.Area)
	w.Must(err)
	d := world.Parse(w.T, r.Doc)
	server := d.Object("server")
	server["review"] = inspection.Object{"state": state, "by": "boss", "at": nil, "comment": "look again"}
	server["rev"] = json.Number(fmt.Sprint(r.Rev + 1))
	commit, err := store.Seal(r.Area, head, []store.Entry{{
		Seq: head.Seq + 1, Collection: r.Collection, ID: r.ID, Rev: r.Rev + 1, Kind: store.KindReview,
		Actor: "boss", At: head.At, Pinned: state == "has_issues", Doc: inspection.AppendJSON(nil, d),
	}})
	w.Must(err)
	w.Must(w.Store.Append(w.Ctx, commit))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
