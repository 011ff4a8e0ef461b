package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of one commit. Encoded entries stay well under
// store.MaxCommitBytes: one document more may still follow the last check.
const (
	commitBytes    = 4 << 20
	commitItems    = 2000
	commitDeadline = 30 * time.Second
	commitTries    = 100
)

// lanes hold one queue per area. While a commit is being made, the pushes
// that arrive wait and become the next one together.
type lanes struct {
	mu     gosync.Mutex
	byArea map[inspection.Area]*lane
	active gosync.WaitGroup
}

type lane struct {
	mu      gosync.Mutex
	waiting []*job
	busy    bool
}

// job is the part of one push that concerns one area.
type job struct {
	items []*item
	err   error
	done  chan struct{}
}

func (l *lanes) of(area inspection.Area) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byArea == nil {
		l.byArea = map[inspection.Area]*lane{}
	}
	if l.byArea[area] == nil {
		l.byArea[area] = &lane{}
	}
	return l.byArea[area]
}

func (l *lanes) wait() { l.active.Wait() }

// submit decides and commits the items in the area's lane. When it returns
// nil every item has its outcome and what was decided is durable. After an
// error some may be stored: the phone sends the same batch again.
func (s *Service) submit(area inspection.Area, items []*item) error {
	j := &job{items: items, done: make(chan struct{})}
	ln := s.lanes.of(area)
	s.lanes.active.Add(1)
	defer s.lanes.active.Done()
	ln.mu.Lock()
	ln.waiting = append(ln.waiting, j)
	lead := !ln.busy
	ln.busy = true
	ln.mu.Unlock()
	if lead {
		s.drain(area, ln, j)
	}
	<-j.done
	return j.err
}

// drain commits what waits until own is done, then hands the rest to a
// goroutine, so that no push pays for all that come after it.
func (s *Service) drain(area inspection.Area, ln *lane, own *job) {
	for {
		jobs := ln.take()
		if jobs == nil {
			return
		}
		s.commitJobs(area, jobs)
		select {
		case <-own.done:
			s.lanes.active.Add(1)
			go func() {
				defer s.lanes.active.Done()
				s.drainRest(area, ln)
			}()
			return
		default:
		}
	}
}

func (s *Service) drainRest(area inspection.Area, ln *lane) {
	for jobs := ln.take(); jobs != nil; jobs = ln.take() {
		s.commitJobs(area, jobs)
	}
}

// take returns the waiting jobs that make up the next commit, or nil after
// marking the lane idle.
func (ln *lane) take() []*job {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.waiting) == 0 {
		ln.busy = false
		return nil
	}
	n, count := 0, 0
	for n < len(ln.waiting) && (n == 0 || count+len(ln.waiting[n].items) <= commitItems) {
		count += len(ln.waiting[n].items)
		n++
	}
	jobs := ln.waiting[:n:n]
	ln.waiting = ln.waiting[n:]
	return jobs
}

// commitJobs settles all items of the jobs, in order, in as few commits as
// their size allows. A panic fails these jobs, never the lane.
func (s *Service) commitJobs(area inspection.Area, jobs []*job) {
	var items []*item
	for _, j := range jobs {
		items = append(items, j.items...)
	}
	err := s.commitItems(area, items)
	for _, j := range jobs {
		j.err = err
		close(j.done)
	}
}

func (s *Service) commitItems(area inspection.Area, items []*item) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("commit panicked", "area", area, "panic", fmt.Sprint(r))
			err = fmt.Errorf("committing to %s: %v", area, r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), commitDeadline)
	defer cancel()
	for len(items) > 0 {
		n, err := s.commitSome(ctx, area, items)
		if err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// commitSome decides a prefix of the items and appends it as one commit,
// again from the start whenever another writer was first.
func (s *Service) commitSome(ctx context.Context, area inspection.Area, items []*item) (int, error) {
	for try := range commitTries {
		n, err := s.tryCommit(ctx, area, items)
		if !errors.Is(err, store.ErrStale) {
			return n, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Duration(min(try, 10)) * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("area %s: %w for %d tries", area, store.ErrStale, commitTries)
}

func (s *Service) tryCommit(ctx context.Context, area inspection.Area, items []*item) (int, error) {
	d, err := s.prepare(ctx, area, items)
	if err != nil {
		return 0, err
	}
	n := 0
	for n < len(items) && d.bytes < commitBytes {
		d.settle(items[n])
		n++
	}
	if len(d.entries) == 0 {
		return n, nil
	}
	commit, err := store.Seal(area, d.head, d.entries)
	if err != nil {
		return 0, err
	}
	if err := s.store.Append(ctx, commit); err != nil {
		return 0, err
	}
	s.hub.committed(area, commit.Last)
	s.watch(area, d.entries)
	return n, nil
}

// watch tells of documents that phones put and that name photos.
func (s *Service) watch(area inspection.Area, entries []store.Entry) {
	if s.onPhotos == nil {
		return
	}
	var ids []inspection.DocID
	for i := range entries {
		e := &entries[i]
		if e.Kind == store.KindPut && e.Index.Names(store.TermPhoto) && !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) > 0 {
		s.onPhotos(area, ids)
	}
}

// settle decides an item the way its lane does.
func (d *decider) settle(it *item) {
	switch {
	case it.act != nil:
		d.perform(it)
	case d.area == inspection.ReferenceArea:
		it.result = d.setAside(it)
	default:
		it.result = d.decide(it)
	}
}

// prepare reads what deciding needs, in the order that makes it safe: the
// head first (views catch up with it), then receipts and records. Whatever
// is appended after the head was read makes the append stale.
func (s *Service) prepare(ctx context.Context, area inspection.Area, items []*item) (*decider, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	head, err := s.store.Head(ctx, area)
	if err != nil {
		return nil, err
	}
	d := &decider{
		area: area, ref: ref, now: s.now().UTC(), head: head,
		known:    map[inspection.DocID]*current{},
		receipts: map[inspection.Device]map[int64]store.Receipt{},
		history:  map[int64]*store.Entry{},
	}
	if err := s.readReceipts(ctx, d, items); err != nil {
		return nil, err
	}
	if err := s.readRecords(ctx, d, items); err != nil {
		return nil, err
	}
	return d, s.readHistory(ctx, d, items)
}

func (s *Service) readReceipts(ctx context.Context, d *decider, items []*item) error {
	ns := map[inspection.Device][]int64{}
	for _, it := range items {
		if it.act != nil {
			continue
		}
		ns[it.asker.Device] = append(ns[it.asker.Device], it.m.N)
	}
	for device, list := range ns {
		receipts, err := s.store.Receipts(ctx, device, list)
		if err != nil {
			return err
		}
		if receipts == nil {
			receipts = map[int64]store.Receipt{}
		}
		d.receipts[device] = receipts
	}
	return nil
}

func (s *Service) readRecords(ctx context.Context, d *decider, items []*item) error {
	var ids []inspection.DocID
	for _, it := range items {
		ids = append(ids, it.ids()...)
		if d.area == inspection.ReferenceArea && it.act == nil {
			ids = append(ids, quarantineID(it))
		}
	}
	records, err := s.store.Records(ctx, ids)
	if err != nil {
		return err
	}
	for id, r := range records {
		// An id that this area claimed, but never wrote, is still new.
		if r.Rev > 0 || r.Area != d.area {
			d.known[id] = &current{rec: r}
		}
	}
	return s.readSites(ctx, d, items)
}

// readSites reads the sites that the items' documents name: an inspection
// carries its site's name.
func (s *Service) readSites(ctx context.Context, d *decider, items []*item) error {
	var ids []inspection.DocID
	add := func(sent string) {
		id, err := inspection.ParseDocID(sent)
		if err == nil && d.known[id] == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, it := range items {
		if it.act == nil {
			add(stringOf(it.m.Doc["site"]))
		}
		for _, id := range it.ids() {
			if cur := d.known[id]; cur != nil {
				add(strings.TrimPrefix(cur.rec.Index.Term(store.TermSite), store.TermSite))
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	records, err := s.store.Records(ctx, ids)
	for id, r := range records {
		if r.Rev > 0 {
			d.known[id] = &current{rec: r}
		}
	}
	return err
}

// readHistory reads the revisions that the items' bases are.
func (s *Service) readHistory(ctx context.Context, d *decider, items []*item) error {
	wanted := map[int64]bool{}
	for _, it := range items {
		if it.act != nil {
			continue
		}
		if cur := d.known[it.m.ID]; cur != nil && cur.rec.Area == d.area {
			for _, seq := range baseSeqs(it, &cur.rec) {
				wanted[seq] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	seqs := make([]int64, 0, len(wanted))
	for seq := range wanted {
		seqs = append(seqs, seq)
	}
	entries, err := s.store.Entries(ctx, d.area, seqs)
	if err != nil {
		return err
	}
	for i := range entries {
		d.history[entries[i].Seq] = &entries[i]
	}
	return nil
}
