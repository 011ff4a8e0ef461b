package sync

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
)

// gathered is a service, two phones and a document at revision 1.
type gathered struct {
	t          *testing.T
	s          *Service
	id         string
	principals map[string]*inspection.Principal
	n          int64
}

const gatheredArea = inspection.Area("610102003")

func newGathered(t *testing.T) *gathered {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)
	s, err := New(t.Context(), Config{Store: st, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	docs, err := seeds.Reference()
	if err != nil {
		t.Fatal(err)
	}
	var list []ReferenceDocument
	for _, d := range docs {
		list = append(list, ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc})
	}
	if _, err := s.SeedReference(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	g := &gathered{t: t, s: s, id: uuid.Must(uuid.NewV7()).String(), principals: map[string]*inspection.Principal{}}
	g.commit(g.put("li", 0, inspection.Object{"area": string(gatheredArea), "note": "first", "point": "first"}))
	return g
}

func (g *gathered) item(user string, op Op, base int64, doc inspection.Object) *item {
	if g.principals[user] == nil {
		device := inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}
		g.principals[user] = inspection.NewPrincipal(inspection.RoleInspector, device, gatheredArea)
	}
	g.n++
	m := NewMutation(g.n, op, inspection.Sessions, g.id, base, doc)
	room := &atomic.Int64{}
	room.Store(maxAnswerBytes)
	return &item{m: &m, principal: g.principals[user], room: room}
}

func (g *gathered) put(user string, base int64, doc inspection.Object) *item {
	return g.item(user, OpPut, base, doc)
}

func (g *gathered) del(user string, base int64) *item { return g.item(user, OpDelete, base, nil) }

// commit decides the items in one commit.
func (g *gathered) commit(items ...*item) {
	g.t.Helper()
	if n, err := g.s.commitGuarded(gatheredArea, items); n != len(items) || err != nil {
		g.t.Fatal(n, err)
	}
}

// TestAnEditOfWhatTheSameCommitChanged: pushes that wait are decided together.
// An edit whose base the same commit has left behind is merged from it all the
// same.
func TestAnEditOfWhatTheSameCommitChanged(t *testing.T) {
	note := func(s string) inspection.Object { return inspection.Object{"note": s} }
	tests := []struct {
		name  string
		items func(g *gathered) []*item
		want  store.Status
		note  string
	}{
		{"another field was changed", func(g *gathered) []*item {
			return []*item{g.put("wang", 1, inspection.Object{"point": "second"}), g.put("zhao", 1, note("second"))}
		}, store.Merged, "second"},
		{"the same field was changed", func(g *gathered) []*item {
			return []*item{g.put("wang", 1, note("second")), g.put("zhao", 1, note("third"))}
		}, store.Conflicted, "second"},
		{"it was deleted", func(g *gathered) []*item {
			return []*item{g.del("wang", 1), g.put("zhao", 1, note("second"))}
		}, store.Merged, "second"},
		{"a delete of what was changed", func(g *gathered) []*item {
			return []*item{g.put("wang", 1, note("second")), g.del("zhao", 1)}
		}, store.Conflicted, "second"},
		{"a delete of what was deleted", func(g *gathered) []*item {
			return []*item{g.del("wang", 1), g.del("zhao", 1)}
		}, store.Applied, "first"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newGathered(t)
			items := test.items(g)
			g.commit(items...)
			last := items[len(items)-1].result
			doc, err := inspection.ParseObject(last.doc)
			if err != nil {
				t.Fatal(err)
			}
			if last.status != test.want || doc["note"] != test.note {
				t.Errorf("the second is %s with %s, want %s with the note %q", last.status, last.doc, test.want, test.note)
			}
		})
	}
}
