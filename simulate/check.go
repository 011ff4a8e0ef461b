package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkedAtOnce is how many phones or documents are looked at together.
const checkedAtOnce = 8

func decodeInto(raw []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v) == nil
}

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
	if !s.quiet(ctx, f) {
		return
	}
	s.checkEvidence(ctx, f)
	s.outwaitRights(ctx)
	if !s.quiet(ctx, f) {
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
		s.tally.look(checkAnswered)
		if m.answer == nil {
			s.tally.broke(checkAnswered, "%s was never answered", m)
		}
	}
	for _, p := range s.phones {
		if len(p.uploads) > 0 {
			s.tally.broke(checkPhotos, "phone %d can't finish %d uploads", p.number, len(p.uploads))
		}
	}
}

// outwaitRights makes sure that no server remembers a right that is gone: the
// simulation's own are started anew, another one has some seconds to forget.
func (s *simulation) outwaitRights(ctx context.Context) {
	for _, p := range s.cfg.Servers {
		p.Kill()
		s.kills.Add(1)
	}
	for _, p := range s.cfg.Servers {
		if err := p.Start(ctx); err != nil {
			s.tally.broke(checkAnswered, "after the last kill: %v", err)
		}
	}
	if len(s.cfg.Servers) > 0 {
		return
	}
	rest(ctx, s.ledger.lastLoss().Add(rightsLag).Sub(s.cfg.Now()))
}

// quiet waits until the server has done what it does in the background: no
// news come, and the evidence is what it has to be, or patience ends. Then it
// takes all documents anew.
func (s *simulation) quiet(ctx context.Context, f *final) bool {
	office := s.office.phone
	for deadline := s.cfg.Now().Add(s.cfg.Patience); ; {
		before := office.checkpoint
		s.office.pull(ctx)
		f.docs, f.photos = office.replica, nil
		late := s.cfg.Now().After(deadline)
		if late || office.checkpoint == before && s.evidenceStands(f) {
			break
		}
		if !rest(ctx, 300*time.Millisecond) {
			return false
		}
	}
	all, ok := office.fresh(ctx, true)
	if !ok && ctx.Err() == nil {
		s.tally.broke(checkAnswered, "the administrator's last pull doesn't come to an end")
	}
	f.docs, f.photos = all, nil
	return ok
}

func (s *simulation) evidenceStands(f *final) bool {
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
		done = other.pull(ctx, false, 2000, p.s.calm())
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
	p.pull(ctx, len(p.queue) == 0, 2000, s.calm())
	fresh, ok := p.fresh(ctx, false)
	if !ok {
		s.tally.broke(checkEqual, "phone %d: a last pull doesn't come to an end", p.number)
		return
	}
	s.tally.looks(checkEqual, len(fresh))
	for _, k := range p.replica.differences(fresh) {
		mine, theirs := p.replica[k], fresh[k]
		s.tally.broke(checkEqual, "phone %d holds %s at revision %d (deleted %t), a new one gets revision %d (deleted %t)",
			p.number, k, mine.rev, mine.deleted, theirs.rev, theirs.deleted)
	}
	s.office.mu.Lock()
	granted := slices.Sorted(slices.Values(s.office.areas[p.account.id]))
	s.office.mu.Unlock()
	s.tally.look(checkRights)
	if p != s.office.phone && !slices.Equal(slices.Sorted(slices.Values(p.areas)), granted) {
		s.tally.broke(checkRights, "phone %d reads %v and should read %v", p.number, p.areas, granted)
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
	s.tally.look(checkVerify)
	if err != nil {
		s.tally.broke(checkVerify, "%v", err)
	} else if !fine {
		s.tally.broke(checkVerify, "%s", said)
	}
}
