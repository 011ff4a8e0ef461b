package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// checkStories reads the history of every document and plays it again.
func (s *simulation) checkStories(ctx context.Context, f *final) {
	var group errgroup.Group
	group.SetLimit(checkedAtOnce)
	for k, h := range f.docs {
		if h.collection != tasks && !slices.Contains(fieldCollections, h.collection) {
			continue
		}
		group.Go(func() error {
			revisions, raw, ok := s.office.history(ctx, h)
			if !ok {
				s.tally.violated(checkKept, "the history of %s can't be read", k)
				return nil
			}
			s.checkStory(f, h, revisions, raw)
			return nil
		})
	}
	_ = group.Wait() // nothing in it returns an error
}

// checkStory plays one document's history and compares.
func (s *simulation) checkStory(f *final, h held, revisions []revision, raw string) {
	k := key(h.collection, h.id)
	st := &story{marks: map[string]mark{}}
	var clashes []mutationClash
	for _, r := range revisions {
		f.place(s.tally, h.area, r.Seq, k)
	}
	if h.collection == tasks { // no phone of the simulation writes them
		return
	}
	for i, r := range revisions {
		if r.Rev != int64(i+1) {
			s.tally.violated(checkMerged, "%s: its history has revision %d in place %d", k, r.Rev, i+1)
			return
		}
		m := s.ledger.find(r.Device, r.N)
		if m == nil {
			if err := st.act(r); err != nil {
				s.tally.violated(checkMerged, "%s: %v", k, err)
				return
			}
			st.reviewed(r)
			continue
		}
		clashes = append(clashes, s.playMutation(f, st, h, r, m, raw)...)
		st.reviewed(r)
	}
	s.compare(f, st, h)
	s.checkClashes(h, clashes)
}

// revision is one line of a document's history.
type revision struct {
	Rev     int64       `json:"rev"`
	Seq     int64       `json:"seq"`
	Device  string      `json:"device"`
	N       int64       `json:"n"`
	Base    int64       `json:"base"`
	Kind    string      `json:"kind"`
	Status  string      `json:"status"`
	Deleted bool        `json:"deleted"`
	Changes []fieldNews `json:"changes"`
	Offered []fieldNews `json:"offered"`
}

// fieldNews is a field before and after.
type fieldNews struct {
	Pointer string `json:"pointer"`
	Before  any    `json:"before"`
	After   any    `json:"after"`
}

// history reads all revisions of a document, the oldest first, and the text in
// which they came.
func (o *office) history(ctx context.Context, h held) ([]revision, string, bool) {
	var all []revision
	var raw string
	path := "/v1/" + h.collection + "/" + h.id + "/history?limit=200"
	for before := int64(0); ; {
		q := &request{method: http.MethodGet, path: path}
		if before > 0 {
			q.path += "&before=" + strconv.FormatInt(before, 10)
		}
		a := o.act(ctx, q)
		var body struct {
			Revisions []revision `json:"revisions"`
			Before    *int64     `json:"before"`
		}
		if a.status != http.StatusOK || !decodeInto(a.body, &body) {
			return nil, "", false
		}
		all, raw = append(all, body.Revisions...), raw+string(a.body)
		if body.Before == nil {
			slices.Reverse(all)
			return all, raw, true
		}
		before = *body.Before
	}
}

// mutationClash is a clash and whose it was.
type mutationClash struct {
	clash
	m *mutation
}

// playMutation plays a phone's revision and checks what history and the answer
// said of it.
func (s *simulation) playMutation(f *final, st *story, h held, r revision, m *mutation, raw string) []mutationClash {
	f.meet(m)
	k := key(h.collection, h.id)
	if m.id != h.id || m.collection != h.collection {
		s.tally.violated(checkMerged, "%s stands in the history of %s", m, k)
		return nil
	}
	if m.answer != nil && (m.answer.rev != r.Rev || m.answer.seq != r.Seq) {
		s.tally.violated(checkOnce, "%s was answered rev %d, seq %d and stands in history at %d, %d", m, m.answer.rev, m.answer.seq, r.Rev, r.Seq)
	}
	status, clashes := st.next(m)
	s.tally.checked(checkMerged)
	if status != r.Status || m.answer != nil && status != m.answer.status {
		s.tally.violated(checkMerged, "%s should be %s; history says %s, the answer %v", m, status, r.Status, m.answer)
	}
	if r.Deleted != st.now().deleted {
		s.tally.violated(checkMerged, "%s: after it the document's being deleted should be %t", m, st.now().deleted)
	}
	for _, trace := range m.traces {
		s.tally.checked(checkKept)
		if !strings.Contains(raw, trace) && !strings.Contains(h.doc.Value(), trace) {
			s.tally.violated(checkKept, "%s brought %q, which is nowhere any more", m, trace)
		}
	}
	list := make([]mutationClash, len(clashes))
	for i, c := range clashes {
		list[i] = mutationClash{c, m}
	}
	return list
}

// compare holds the record against what the history makes of it.
func (s *simulation) compare(f *final, st *story, h held) {
	k := key(h.collection, h.id)
	f.mu.Lock()
	f.stories[k] = st
	f.mu.Unlock()
	s.tally.checked(checkMerged)
	if h.rev != int64(len(st.states)) || h.deleted != st.now().deleted {
		s.tally.violated(checkMerged, "%s is served at revision %d, deleted %t; its history makes it %d, %t", k, h.rev, h.deleted, len(st.states), st.now().deleted)
	}
	if diff := flatten(h.decode()).differs(st.now().fields); diff != "" {
		s.tally.violated(checkMerged, "%s is served with %s in its history", k, diff)
	}
}

// differs names a field in which two documents differ.
func (f flat) differs(g flat) string {
	for _, p := range pointers(f, g) {
		if !alike(f[p], g[p]) {
			return p + ": " + strings.TrimSpace(canonical(f[p])) + " here, " + strings.TrimSpace(canonical(g[p])) + " there"
		}
	}
	return ""
}

// checkClashes finds every clash in the record's open conflicts, unless the
// office put an end to it.
func (s *simulation) checkClashes(h held, clashes []mutationClash) {
	open := map[string]bool{}
	server := members(h.decode()["server"])
	for _, x := range list(server["conflicts"]) {
		for _, k := range conflictKeys(h.id, members(x)) {
			open[k] = true
		}
	}
	if server["conflicts_more"] != nil {
		return
	}
	for _, c := range clashes {
		s.tally.checked(checkConflicts)
		k := conflictKey(h.id, c.pointer, c.m.phone.device, c.offered)
		s.ledger.mu.Lock()
		settled := s.ledger.settled[k]
		s.ledger.mu.Unlock()
		if !open[k] && !settled {
			s.tally.violated(checkConflicts, "%s offered %s for %s, which is no conflict", c.m, strings.TrimSpace(canonical(c.offered)), c.pointer)
		}
	}
}

func (f *final) meet(m *mutation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[m]++
}

func decodeInto(raw []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v) == nil
}
