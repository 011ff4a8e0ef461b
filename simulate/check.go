package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkedAtOnce is how many phones or documents are looked at together.
const checkedAtOnce = 8

// final is what the checks share: the server's documents in the end, and what
// the ledger makes of them.
type final struct {
	docs   replica
	photos map[string][]string // inspections by the photos that they show

	mu      sync.Mutex
	stories map[string]*story           // by collection and id
	seen    map[*mutation]int           // how often history has it
	places  map[string]map[int64]string // which document has a place in an area's log
}

// checkAll looks at every promise.
func (s *simulation) checkAll(ctx context.Context) {
	f := &final{stories: map[string]*story{}, seen: map[*mutation]int{}, places: map[string]map[int64]string{}}
	s.checkAnswers()
	// Evidence must be right before the last start, which looks through all.
	if !s.awaitQuiet(ctx, f) {
		return
	}
	s.checkEvidence(ctx, f)
	s.forgetRights(ctx)
	if !s.awaitQuiet(ctx, f) {
		return
	}
	for _, step := range []struct {
		name  string
		check func(context.Context, *final)
	}{
		{"comparing phones", s.checkPhones}, {"playing histories", s.checkStories}, {"looking for mutations", s.checkMutations},
		{"looking for gaps", s.checkPlaces}, {"reading quarantine", s.checkQuarantined}, {"fetching photos", s.checkUploads},
		{"judging evidence", s.checkEvidence}, {"counting", s.checkReports}, {"verifying", s.checkHistory},
	} {
		s.tell(Progress{Step: step.name, Day: s.cfg.Days})
		step.check(ctx, f)
	}
}

func (s *simulation) checkAnswers() {
	for _, m := range s.ledger.all() {
		s.tally.checked(checkAnswered)
		if m.answer == nil {
			s.tally.violated(checkAnswered, "%s was never answered", m)
		}
	}
	for _, p := range s.phones {
		if len(p.uploads) > 0 {
			s.tally.violated(checkPhotos, "phone %d can't finish %d uploads", p.number, len(p.uploads))
		}
	}
}

// checkMutations finds every acknowledged mutation in history, once.
func (s *simulation) checkMutations(_ context.Context, f *final) {
	for _, m := range s.ledger.all() {
		a := m.answer
		stored := a != nil && a.status != rejected && a.rev > 0
		s.tally.checked(checkOnce)
		switch seen := f.seen[m]; {
		case seen > 1:
			s.tally.violated(checkOnce, "%s stands in history %d times", m, seen)
		case stored && seen == 0:
			s.tally.violated(checkKept, "%s was answered %s, rev %d, seq %d, and is not in history", m, a.status, a.rev, a.seq)
		case a != nil && a.status == rejected && seen > 0:
			s.tally.violated(checkKept, "%s was rejected, and stands in history", m)
		}
	}
}

// place notes which document has a place in an area's log.
func (f *final) place(t *tally, area string, seq int64, k string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.places[area] == nil {
		f.places[area] = map[int64]string{}
	}
	if other, dup := f.places[area][seq]; dup {
		t.violated(checkGapless, "place %d of area %s is taken by %s and by %s", seq, area, other, k)
	}
	f.places[area][seq] = k
}

// checkPlaces: an area's log is all of its documents' revisions, so none of
// its places may be free.
func (s *simulation) checkPlaces(_ context.Context, f *final) {
	for area, places := range f.places {
		for seq := int64(1); seq <= int64(len(places)); seq++ {
			s.tally.checked(checkGapless)
			if places[seq] == "" {
				s.tally.violated(checkGapless, "nothing stands in place %d of area %s, of %d", seq, area, len(places))
			}
		}
	}
}

// forgetRights makes sure that no server remembers a right that is gone: the
// simulation's own are started anew, another one has some seconds to forget.
func (s *simulation) forgetRights(ctx context.Context) {
	for _, p := range s.cfg.Servers {
		p.Kill()
		s.kills.Add(1)
	}
	for _, p := range s.cfg.Servers {
		if err := p.Start(ctx); err != nil {
			s.tally.violated(checkAnswered, "after the last kill: %v", err)
		}
	}
	if len(s.cfg.Servers) > 0 {
		return
	}
	sleep(ctx, s.ledger.lastLoss().Add(rightsLag).Sub(s.cfg.Now()))
}

// awaitQuiet waits until the server has done what it does in the background: no
// news come, and the evidence is what it has to be, or patience ends. Then it
// takes all documents anew.
func (s *simulation) awaitQuiet(ctx context.Context, f *final) bool {
	office := s.office.phone
	for deadline := s.cfg.Now().Add(s.cfg.Patience); ; {
		before := office.checkpoint
		s.office.pull(ctx)
		f.docs, f.photos = office.replica, nil
		late := s.cfg.Now().After(deadline)
		if late || office.checkpoint == before && s.evidenceIsRight(f) {
			break
		}
		if !sleep(ctx, 300*time.Millisecond) {
			return false
		}
	}
	all, ok := office.fresh(ctx, true)
	if !ok && ctx.Err() == nil {
		s.tally.violated(checkAnswered, "the administrator's last pull doesn't come to an end")
	}
	f.docs, f.photos = all, nil
	return ok
}

func (s *simulation) evidenceIsRight(f *final) bool {
	probe := &tally{}
	for _, h := range f.docs {
		s.evidenceOf(f, h, probe)
	}
	return probe.broken[checkEvidence] == 0
}

// fresh pulls as a phone does that knows nothing yet, with the rights of this
// one.
func (p *phone) fresh(ctx context.Context, whole bool) (replica, bool) {
	other := &phone{
		s: p.s, number: p.number, account: p.account, device: p.device,
		access: p.access, refresh: p.refresh, signedIn: p.signedIn, replica: replica{}, whole: whole,
	}
	done := false
	for tries := 0; tries < pullTries && !done && ctx.Err() == nil; tries++ {
		done = other.pull(ctx, false, 2000, p.s.noFaults())
	}
	p.access, p.refresh, p.signedIn, p.areas = other.access, other.refresh, other.signedIn, other.areas
	return other.replica, done
}

// differences names the documents in which two replicas differ, sorted.
func (r replica) differences(o replica) []string {
	different := map[string]bool{}
	for k, h := range r {
		if g, known := o[k]; !known || !h.equals(g) {
			different[k] = true
		}
	}
	for k := range o {
		if _, known := r[k]; !known {
			different[k] = true
		}
	}
	return sorted(different)
}

// checkPhones compares every phone after a last pull with a new one.
func (s *simulation) checkPhones(ctx context.Context, _ *final) {
	var group errgroup.Group
	group.SetLimit(checkedAtOnce)
	for _, p := range append(slices.Clone(s.phones), s.office.phone) {
		group.Go(func() error {
			s.checkPhone(ctx, p)
			return nil
		})
	}
	_ = group.Wait() // nothing in it returns an error
}

func (s *simulation) checkPhone(ctx context.Context, p *phone) {
	p.pull(ctx, len(p.queue) == 0, 2000, s.noFaults())
	fresh, ok := p.fresh(ctx, false)
	if !ok {
		s.tally.violated(checkEqual, "phone %d: a last pull doesn't come to an end", p.number)
		return
	}
	s.tally.checkedMany(checkEqual, len(fresh))
	for _, k := range p.replica.differences(fresh) {
		mine, theirs := p.replica[k], fresh[k]
		s.tally.violated(checkEqual, "phone %d holds %s at revision %d (deleted %t), a new one gets revision %d (deleted %t)",
			p.number, k, mine.rev, mine.deleted, theirs.rev, theirs.deleted)
	}
	s.office.mu.Lock()
	granted := slices.Sorted(slices.Values(s.office.areas[p.account.id]))
	s.office.mu.Unlock()
	s.tally.checked(checkRights)
	if p != s.office.phone && !slices.Equal(slices.Sorted(slices.Values(p.areas)), granted) {
		s.tally.violated(checkRights, "phone %d reads %v and should read %v", p.number, p.areas, granted)
	}
}

// checkHistory has the program prove its own history.
func (s *simulation) checkHistory(ctx context.Context, _ *final) {
	if len(s.cfg.Servers) == 0 {
		s.verify = "not run: the server is not the simulation's own"
		return
	}
	said, fine, err := s.cfg.Servers[0].Verify(ctx)
	s.verify = said
	s.tally.checked(checkVerify)
	if err != nil {
		s.tally.violated(checkVerify, "%v", err)
	} else if !fine {
		s.tally.violated(checkVerify, "%s", said)
	}
}

// checkQuarantined compares quarantine with what was rejected.
func (s *simulation) checkQuarantined(ctx context.Context, _ *final) {
	list, ok := s.office.quarantine(ctx)
	if !ok {
		s.tally.violated(checkQuarantine, "quarantine can't be read")
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
			s.tally.violated(checkQuarantine, "%s is in quarantine and was answered %v", m, m.answer)
		}
		if canonicalText(string(q.Mutation)) != canonicalText(string(m.raw)) {
			s.tally.violated(checkQuarantine, "%s is in quarantine as %.300s", m, q.Mutation)
		}
	}
	for _, m := range s.ledger.all() {
		if m.answer == nil {
			continue
		}
		is := m.answer.status == rejected
		if is || m.foreign {
			s.tally.checked(checkQuarantine)
		}
		if is && !kept[m] || m.foreign && !is {
			s.tally.violated(checkQuarantine, "%s was answered %v; in quarantine: %t", m, m.answer, kept[m])
		}
	}
}

// quarantined is a mutation in quarantine.
type quarantined struct {
	Device   string          `json:"device"`
	N        int64           `json:"n"`
	Mutation json.RawMessage `json:"mutation"`
}

// quarantine lists all that was ever held.
func (o *office) quarantine(ctx context.Context) ([]quarantined, bool) {
	var all []quarantined
	cursor := ""
	for {
		a := o.act(ctx, &request{method: http.MethodGet, path: "/v1/quarantine?limit=200&cursor=" + cursor})
		var body struct {
			Documents []quarantined `json:"documents"`
			Cursor    *string       `json:"cursor"`
		}
		if a.status != http.StatusOK || json.Unmarshal(a.body, &body) != nil {
			return nil, false
		}
		all = append(all, body.Documents...)
		if body.Cursor == nil {
			return all, true
		}
		cursor = *body.Cursor
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
			a := s.callUntilAnswered(ctx, &request{method: http.MethodGet, path: "/v1/media/" + sha, token: p.access})
			s.tally.checked(checkPhotos)
			if a.status != http.StatusOK || hashOf(a.body) != sha {
				s.tally.violated(checkPhotos, "photo %s of phone %d comes back as %d, %d bytes", sha, p.number, a.status, len(a.body))
			}
			return nil
		})
	}
	_ = group.Wait() // nothing in it returns an error
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
