package sync

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Result answers one mutation. Rev and Seq are nil for a rejected one.
type Result struct {
	N        int64           `json:"n"`
	ID       string          `json:"id"`
	Status   store.Status    `json:"status"`
	Replayed bool            `json:"replayed"`
	Rev      *int64          `json:"rev"`
	Seq      *int64          `json:"seq"`
	Code     *string         `json:"code"`
	Detail   *string         `json:"detail"`
	Doc      json.RawMessage `json:"doc"`
}

// AppendJSON appends the result as docs/contract.md, section 3, has it.
func (r *Result) AppendJSON(dst []byte) []byte {
	bare := *r
	bare.Doc = nil
	head, err := json.Marshal(bare)
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	dst = append(dst, head[:len(head)-len(`null}`)]...)
	if r.Doc == nil {
		return append(dst, `null}`...)
	}
	return append(append(dst, r.Doc...), '}')
}

// AppendJSON appends the answer of docs/contract.md, section 3. Documents are
// copied as they are stored, not encoded again.
func (a *PushAnswer) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"results":[`...)
	for i := range a.Results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.Results[i].AppendJSON(dst)
	}
	dst = append(dst, `],"server_time":`...)
	return append(inspection.AppendString(dst, string(inspection.StampOf(a.ServerTime))), '}')
}

// PushAnswer has one result per mutation, in order.
type PushAnswer struct {
	Results    []Result  `json:"results"`
	ServerTime time.Time `json:"server_time"`
}

// maxAnswerBytes bounds the documents in one answer. A thousand small edits of
// large documents would make a gigabyte; results after that come without
// theirs, which the next pull brings.
const maxAnswerBytes = 64 << 20

// Push stores a batch. When it returns without error, everything that the
// answer says is durable. After an error parts may be stored; sending the
// same batch again is safe and completes it.
func (s *Service) Push(ctx context.Context, principal *inspection.Principal, b *Batch) (*PushAnswer, error) {
	received := s.now().UTC()
	items := make([]*item, len(b.Mutations))
	room, patient := &atomic.Int64{}, &patience{}
	room.Store(maxAnswerBytes)
	offset := clockOffset(received, b.DeviceTime)
	for i := range b.Mutations {
		items[i] = &item{m: &b.Mutations[i], principal: principal, room: room, patience: patient, offset: offset}
	}
	if err := s.keep(ctx, items); err != nil {
		return nil, err
	}
	s.reports.note(principal.Device, Report{LastSeen: received, ClockOffsetS: offset, Backlog: b.Backlog})
	return answer(items, s.now()), nil
}

// clockOffset is server minus device, in seconds.
func clockOffset(received, device time.Time) *int64 {
	if device.IsZero() {
		return nil
	}
	seconds := received.Unix() - device.Unix()
	return &seconds
}

// keep commits the items area by area, then sets aside, in their order, what
// has no place there.
func (s *Service) keep(ctx context.Context, items []*item) error {
	byArea, err := s.route(ctx, items)
	if err != nil {
		return err
	}
	if err := s.submitAll(byArea); err != nil {
		return err
	}
	var aside []*item
	for _, it := range items {
		if it.result.reject != nil {
			it.reject = it.result.reject
		}
		if it.aside || it.reject != nil || it.result.forget {
			aside = append(aside, it)
		}
	}
	if len(aside) == 0 {
		return nil
	}
	return s.submit(inspection.ReferenceArea, aside)
}

// submitAll runs the queues of different areas at the same time.
func (s *Service) submitAll(byArea map[inspection.Area][]*item) error {
	errs := make(chan error, len(byArea))
	for area, list := range byArea {
		go func() { errs <- s.submit(area, list) }()
	}
	var first error
	for range byArea {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// route finds the queue of each item: the stored document's area, for a new
// document the one that it names. An area that doesn't exist has no queue;
// nor has what is no document at all. A number's second use in the batch goes
// where the first one went, which owns it.
func (s *Service) route(ctx context.Context, items []*item) (map[inspection.Area][]*item, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	records, err := s.store.Records(ctx, idsOf(items))
	if err != nil {
		return nil, err
	}
	areas := areasOf(items, records, s.now())
	byArea := map[inspection.Area][]*item{}
	first := make(map[int64]int, len(items))
	for i, it := range items {
		k, twice := first[it.m.N]
		switch {
		case !twice || it.m.unnumbered != nil:
			first[it.m.N] = i
			it.assignQueue(ref, areas[i])
		case it.m.Content == items[k].m.Content:
			areas[i], it.aside, it.reject = areas[k], items[k].aside, items[k].reject
		default:
			it.aside, it.reject = true, nReused(it.m.N)
		}
		if !it.aside {
			byArea[areas[i]] = append(byArea[areas[i]], it)
		}
	}
	return byArea, nil
}

// assignQueue decides whether the item goes to its area's queue.
func (it *item) assignQueue(ref *Reference, area inspection.Area) {
	switch {
	case it.m.Fault != nil:
		it.aside, it.reject = true, it.m.Fault
	case ref.Areas[area]:
	case it.m.Op == OpDelete && it.m.Collection != inspection.Tasks:
		it.aside = true
	default:
		it.aside, it.reject = true, notYours()
	}
}

// areasOf returns where each item's document lies. Edits of a document that
// an earlier item of the batch creates need not name its area, and a delete
// can't: they follow that item.
func areasOf(items []*item, records map[inspection.DocID]store.Record, now time.Time) []inspection.Area {
	placed := make(map[inspection.DocID]inspection.Area, len(items))
	for id, r := range records {
		placed[id] = r.Area
	}
	areas := make([]inspection.Area, len(items))
	for i, it := range items {
		area, known := placed[it.m.ID]
		if !known {
			area = it.m.area()
		}
		areas[i] = area
		if !known && it.m.Fault == nil && it.m.Op == OpPut && it.principal.CanWrite(area, now) {
			placed[it.m.ID] = area
		}
	}
	return areas
}

func idsOf(items []*item) []inspection.DocID {
	ids := make([]inspection.DocID, 0, len(items))
	for _, it := range items {
		if it.m.ID != "" {
			ids = append(ids, it.m.ID)
		}
	}
	return ids
}

func answer(items []*item, now time.Time) *PushAnswer {
	a := &PushAnswer{Results: make([]Result, len(items)), ServerTime: now.UTC()}
	for i, it := range items {
		out := &it.result
		r := Result{
			N: it.m.N, ID: it.m.SentID, Status: out.status, Replayed: out.replayed,
			Code: optional(string(out.code)), Detail: optional(out.detail), Doc: out.doc,
		}
		if out.status != store.Rejected {
			r.Rev, r.Seq = &out.rev, &out.seq
		}
		a.Results[i] = r
	}
	return a
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
