package simulate

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// checkStories reads the history of every document and plays it again.
func (s *simulation) checkStories(ctx context.Context, f *final) {
	var group errgroup.Group
	group.SetLimit(checkedAtOnce)
	for k, h := range f.docs {
		if !slices.Contains(fieldCollections, h.collection) {
			continue
		}
		group.Go(func() error {
			revisions, raw, ok := s.office.history(ctx, h)
			if !ok {
				s.tally.broke(checkKept, "the history of %s can't be read", k)
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
	var clashes []parked
	for i, r := range revisions {
		f.place(s.tally, h.area, r.Seq, k)
		if r.Rev != int64(i+1) {
			s.tally.broke(checkMerged, "%s: its history has revision %d in place %d", k, r.Rev, i+1)
			return
		}
		m := s.ledger.find(r.Device, r.N)
		if m == nil {
			if err := st.act(r); err != nil {
				s.tally.broke(checkMerged, "%s: %v", k, err)
				return
			}
			st.reviewed(r)
			continue
		}
		clashes = append(clashes, s.playMutation(f, st, h, r, m, raw)...)
		st.reviewed(r)
	}
	s.compare(f, st, h)
	s.checkParked(h, clashes)
}

// parked is a clash and whose it was.
type parked struct {
	clash
	m *mutation
}

// playMutation plays a phone's revision and checks what history and the answer
// said of it.
func (s *simulation) playMutation(f *final, st *story, h held, r revision, m *mutation, raw string) []parked {
	f.meet(m)
	k := key(h.collection, h.id)
	if m.id != h.id || m.collection != h.collection {
		s.tally.broke(checkMerged, "%s stands in the history of %s", m, k)
		return nil
	}
	if m.answer != nil && (m.answer.rev != r.Rev || m.answer.seq != r.Seq) {
		s.tally.broke(checkOnce, "%s was answered rev %d, seq %d and stands in history at %d, %d", m, m.answer.rev, m.answer.seq, r.Rev, r.Seq)
	}
	status, clashes := st.next(m)
	s.tally.look(checkMerged)
	if status != r.Status || m.answer != nil && status != m.answer.status {
		s.tally.broke(checkMerged, "%s should be %s; history says %s, the answer %v", m, status, r.Status, m.answer)
	}
	if r.Deleted != st.now().deleted {
		s.tally.broke(checkMerged, "%s: after it the document's being deleted should be %t", m, st.now().deleted)
	}
	for _, trace := range m.traces {
		s.tally.look(checkKept)
		if !strings.Contains(raw, trace) && !strings.Contains(h.doc.Value(), trace) {
			s.tally.broke(checkKept, "%s brought %q, which is nowhere any more", m, trace)
		}
	}
	list := make([]parked, len(clashes))
	for i, c := range clashes {
		list[i] = parked{c, m}
	}
	return list
}

// compare holds the record against what the history makes of it.
func (s *simulation) compare(f *final, st *story, h held) {
	k := key(h.collection, h.id)
	f.mu.Lock()
	f.stories[k] = st
	f.mu.Unlock()
	s.tally.look(checkMerged)
	if h.rev != int64(len(st.states)) || h.deleted != st.now().deleted {
		s.tally.broke(checkMerged, "%s is served at revision %d, deleted %t; its history makes it %d, %t", k, h.rev, h.deleted, len(st.states), st.now().deleted)
	}
	if diff := flatten(h.decode()).differs(st.now().fields); diff != "" {
		s.tally.broke(checkMerged, "%s is served with %s in its history", k, diff)
	}
}

// checkParked finds every clash in the record's open conflicts, unless the
// office put an end to it.
func (s *simulation) checkParked(h held, clashes []parked) {
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
		s.tally.look(checkParked)
		k := conflictKey(h.id, c.pointer, c.m.phone.device, c.offered)
		s.ledger.mu.Lock()
		settled := s.ledger.settled[k]
		s.ledger.mu.Unlock()
		if !open[k] && !settled {
			s.tally.broke(checkParked, "%s offered %s for %s, which is not parked", c.m, strings.TrimSpace(canonical(c.offered)), c.pointer)
		}
	}
}

func (f *final) meet(m *mutation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[m]++
}

// place notes which document has a place in an area's log.
func (f *final) place(t *tally, area string, seq int64, k string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.places[area] == nil {
		f.places[area] = map[int64]string{}
	}
	if other, dup := f.places[area][seq]; dup {
		t.broke(checkGapless, "place %d of area %s is taken by %s and by %s", seq, area, other, k)
	}
	f.places[area][seq] = k
}

// checkPlaces: an area's log is all of its documents' revisions, so none of
// its places may be free.
func (s *simulation) checkPlaces(_ context.Context, f *final) {
	for area, places := range f.places {
		for seq := int64(1); seq <= int64(len(places)); seq++ {
			s.tally.look(checkGapless)
			if places[seq] == "" {
				s.tally.broke(checkGapless, "nothing stands in place %d of area %s, of %d", seq, area, len(places))
			}
		}
	}
}

// checkMutations finds every acknowledged mutation in history, once.
func (s *simulation) checkMutations(_ context.Context, f *final) {
	for _, m := range s.ledger.all() {
		a := m.answer
		stored := a != nil && a.status != rejected && a.rev > 0
		s.tally.look(checkOnce)
		switch seen := f.seen[m]; {
		case seen > 1:
			s.tally.broke(checkOnce, "%s stands in history %d times", m, seen)
		case stored && seen == 0:
			s.tally.broke(checkKept, "%s was answered %s, rev %d, seq %d, and is not in history", m, a.status, a.rev, a.seq)
		case a != nil && a.status == rejected && seen > 0:
			s.tally.broke(checkKept, "%s was rejected, and stands in history", m)
		}
	}
}

// checkQuarantined compares quarantine with what was rejected.
func (s *simulation) checkQuarantined(ctx context.Context, _ *final) {
	list, ok := s.office.quarantine(ctx)
	if !ok {
		s.tally.broke(checkQuarantine, "quarantine can't be read")
		return
	}
	kept := map[*mutation]bool{}
	for _, q := range list {
		m := s.ledger.find(q.Device, q.N)
		if m == nil {
			continue // someone else's
		}
		kept[m] = true
		if m.answer == nil || m.answer.status != rejected {
			s.tally.broke(checkQuarantine, "%s is in quarantine and was answered %v", m, m.answer)
		}
		if canonicalText(string(q.Mutation)) != canonicalText(string(m.raw)) {
			s.tally.broke(checkQuarantine, "%s is in quarantine as %.300s", m, q.Mutation)
		}
	}
	for _, m := range s.ledger.all() {
		if m.answer == nil {
			continue
		}
		is := m.answer.status == rejected
		if is || m.foreign {
			s.tally.look(checkQuarantine)
		}
		if is && !kept[m] || m.foreign && !is {
			s.tally.broke(checkQuarantine, "%s was answered %v; in quarantine: %t", m, m.answer, kept[m])
		}
	}
}

// checkUploads fetches photos and compares their hashes.
func (s *simulation) checkUploads(ctx context.Context, _ *final) {
	s.ledger.mu.Lock()
	uploaded := s.ledger.uploaded
	s.ledger.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(checkedAtOnce)
	for sha, p := range uploaded {
		group.Go(func() error {
			a := s.insist(ctx, &request{method: http.MethodGet, path: "/v1/media/" + sha, token: p.access})
			s.tally.look(checkPhotos)
			if a.status != http.StatusOK || hashOf(a.body) != sha {
				s.tally.broke(checkPhotos, "photo %s of phone %d comes back as %d, %d bytes", sha, p.number, a.status, len(a.body))
			}
			return nil
		})
	}
	_ = group.Wait() // nothing in it returns an error
}
