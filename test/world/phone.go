package world

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// Edit is a mutation or a document as a phone writes it.
type Edit = map[string]any

// Phone is a signed-in device with a counter.
type Phone struct {
	W         *World
	Principal *inspection.Principal
	N         int64
	// Slow is how far the phone's clock is behind.
	Slow time.Duration
}

// Phone signs an inspector in who has the areas, an hour ago.
func (w *World) Phone(user string, areas ...inspection.Area) *Phone {
	device := inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}
	p := &Phone{W: w, Principal: inspection.NewPrincipal(inspection.RoleInspector, device, areas...)}
	p.Principal.FirstSeen = w.Now().Add(-time.Hour)
	return p
}

// Asks makes the principal of a request, as the transport does.
func (p *Phone) Asks() *inspection.Principal {
	confirmed, err := p.W.Sync.Confirmed(p.W.Ctx, p.Principal.Device)
	if err != nil { // no Helper: fuzz targets ask, too
		p.W.T.Fatal(err)
	}
	now := *p.Principal
	now.Confirmed = confirmed
	return &now
}

// Mutation makes a mutation with the phone's next number. A document that is
// nil is left out.
func (p *Phone) Mutation(collection inspection.Collection, op, id string, base int64, doc any) Edit {
	p.N++
	m := Edit{"n": p.N, "collection": collection, "op": op, "id": id, "base": base}
	if doc != nil {
		m["doc"] = doc
	}
	return m
}

// Put makes a mutation that puts an inspection.
func (p *Phone) Put(id string, base int64, doc any) Edit {
	return p.Mutation(inspection.Inspections, "put", id, base, doc)
}

// Delete makes a mutation that deletes an inspection.
func (p *Phone) Delete(id string, base int64) Edit {
	return p.Mutation(inspection.Inspections, "delete", id, base, nil)
}

// In makes it a mutation of another collection.
func In(collection inspection.Collection, m Edit) Edit {
	m["collection"] = collection
	return m
}

// Push pushes a batch and returns its results, whatever they are.
func (p *Phone) Push(edits ...Edit) []sync.Result {
	p.W.T.Helper()
	return p.PushAt(p.W.Now().Add(-p.Slow), edits...)
}

// PushAt is Push by a phone whose clock shows a time.
func (p *Phone) PushAt(deviceTime time.Time, edits ...Edit) []sync.Result {
	p.W.T.Helper()
	body, err := json.Marshal(Edit{"device_time": deviceTime.Format(time.RFC3339), "mutations": edits})
	p.W.Must(err)
	return p.PushBody(body)
}

// PushBody pushes a batch as it arrives.
func (p *Phone) PushBody(body []byte) []sync.Result {
	p.W.T.Helper()
	batch, err := sync.DecodeBatch(body)
	p.W.Must(err)
	answer, err := p.W.Sync.Push(p.W.Ctx, p.Asks(), batch)
	p.W.Must(err)
	return answer.Results
}

// One pushes a single edit, which must have a status.
func (p *Phone) One(want store.Status, m Edit) sync.Result {
	p.W.T.Helper()
	r := p.Push(m)[0]
	if r.Status != want {
		p.W.T.Fatalf("%v: got %s (%s), want %s", m, r.Status, detail(r), want)
	}
	return r
}

// Stored pushes a single edit, which must not be rejected.
func (p *Phone) Stored(m Edit) sync.Result {
	p.W.T.Helper()
	r := p.Push(m)[0]
	if r.Status == store.Rejected {
		p.W.T.Fatalf("%v: rejected: %s", m, detail(r))
	}
	return r
}

func detail(r sync.Result) string {
	if r.Detail == nil {
		return ""
	}
	return *r.Detail
}

// Pull follows the checkpoint until it is up to date and returns what came,
// newest state by id, and the last page.
func (p *Phone) Pull(req sync.PullRequest) (map[string]sync.Change, *sync.PullAnswer) {
	p.W.T.Helper()
	seen := map[string]sync.Change{}
	if req.Limit == 0 {
		req.Limit = sync.DefaultLimit
	}
	for {
		page, err := p.W.Sync.Pull(p.W.Ctx, p.Asks(), req)
		p.W.Must(err)
		if len(page.Changes) > req.Limit {
			p.W.T.Fatalf("%d changes on a page of at most %d", len(page.Changes), req.Limit)
		}
		for _, c := range page.Changes {
			seen[c.ID] = c
		}
		req.Checkpoint, req.ConfirmRevoked = page.Checkpoint, nil
		if !page.More {
			return seen, page
		}
	}
}
