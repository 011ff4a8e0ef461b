package review_test

import (
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

const (
	street    = world.Street
	elsewhere = world.Elsewhere
)

// The people of the tests.
var (
	boss   = supervisor("boss", "610102")
	deputy = supervisor("deputy", street)
	remote = supervisor("remote", "610103")
)

func supervisor(user inspection.UserID, area inspection.Area) *inspection.Principal {
	return inspection.NewPrincipal(inspection.RoleSupervisor, inspection.Device{User: user}, area)
}

// desk is a world and what a supervisor does in it.
type desk struct {
	*world.World
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	return &desk{world.New(t, world.Options{})}
}

// decide carries a decision of the boss out on the newest revision.
func (w *desk) decide(id string, e inspection.ReviewEvent, comment string) store.Record {
	w.T.Helper()
	r, err := w.Review.Decide(w.Ctx, boss, inspection.DocID(id), review.Decision{Event: e, Comment: comment, Rev: w.Record(id).Rev})
	w.Must(err)
	return r
}

type edit = world.Edit

// phone is a phone whose edits are looked at one by one.
type phone struct {
	*world.Phone
}

func (w *desk) phone(user string, areas ...inspection.Area) *phone {
	return &phone{w.Phone(user, areas...)}
}

// put pushes an edit and returns its result, whatever its status.
func (p *phone) put(id string, base int64, doc edit) sync.Result {
	p.W.T.Helper()
	return p.Push(p.Put(id, base, doc))[0]
}

// applied pushes an edit that must be stored as sent.
func (p *phone) applied(id string, base int64, doc edit) sync.Result {
	p.W.T.Helper()
	return p.One(store.Applied, p.Put(id, base, doc))
}

// pulled returns what a first sync brings, by id.
func (p *phone) pulled() map[string]inspection.Object {
	p.W.T.Helper()
	changes, _ := p.Pull(sync.PullRequest{})
	docs := map[string]inspection.Object{}
	for id, c := range changes {
		docs[id] = world.Parse(p.W.T, c.Doc)
	}
	return docs
}

// refused checks an error's code and that it says what to do.
func refused(t testing.TB, err error, code inspection.Code) {
	t.Helper()
	if inspection.CodeOf(err) != code || strings.TrimSpace(err.Error()) == "" {
		t.Errorf("got %v, want %s", err, code)
	}
}
