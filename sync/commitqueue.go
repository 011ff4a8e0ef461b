package sync

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of one commit. Encoded entries stay well under
// store.MaxCommitBytes: one document more may still follow the last check.
// What a commit's items need is held in memory, which bounds their number:
// each may be about a document of 1 MiB.
const (
	commitBytes = 4 << 20
	commitItems = 256
)

// Bounds of time, so that no request and no user holds a queue for long.
const (
	// decidingTime is how long one commit decides: what is decided by then is
	// appended, the rest waits for its next turn.
	decidingTime = 100 * time.Millisecond
	// Of those that wait, who has taken a whole muchTime more than others within
	// spentFor goes after them.
	muchTime = 500 * time.Millisecond
	spentFor = time.Minute
	// standsAfter is how long a commit may take before its queue counts as
	// standing.
	standsAfter = 20 * time.Second
)

// commitQueues holds one queue per area. While a commit is being made, the
// pushes that arrive wait and become the next one together.
type commitQueues struct {
	mu     gosync.Mutex
	byArea map[inspection.Area]*commitQueue
	active gosync.WaitGroup
}

type commitQueue struct {
	mu      gosync.Mutex
	waiting []*submission // as they came, those that are being committed too
	busy    bool
	moved   time.Time // when the commit that is being made began
	// spent is what deciding took for each user since a while ago.
	spent map[inspection.UserID]time.Duration
	since time.Time
	// window is how many items the next commit reads: about as many as it will
	// have time for.
	window int
}

// submission is the part of one push that concerns one area.
type submission struct {
	items []*item
	by    inspection.UserID
	// decided counts the items that are.
	decided int
	err     error
	done    chan struct{}
}

func (sub *submission) left() int { return len(sub.items) - sub.decided }

// turn returns whose items make up the next commit, and the items, or nil after
// marking the queue idle. Of those that wait, who has taken little time goes
// before who has taken much, and does not share a commit with them; else, and
// always of one user, who came first.
func (q *commitQueue) turn(now time.Time) (subs []*submission, items []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.moved, q.busy = now, len(q.waiting) > 0
	if !q.busy {
		return nil, nil
	}
	if now.Sub(q.since) > spentFor {
		clear(q.spent)
		q.since = now
	}
	taken := func(sub *submission) time.Duration { return q.spent[sub.by] / muchTime }
	order := slices.Clone(q.waiting)
	slices.SortStableFunc(order, func(a, b *submission) int { return cmp.Compare(taken(a), taken(b)) })
	for _, sub := range order {
		if len(items) == q.window || taken(sub) > taken(order[0]) {
			break
		}
		n := min(sub.left(), q.window-len(items))
		subs, items = append(subs, sub), append(items, sub.items[sub.decided:sub.decided+n]...)
	}
	return subs, items
}

// finish ends the submissions all of whose items are decided after n more of
// the turn's items, or all of the turn after an error.
func (q *commitQueue) finish(turn []*submission, items, n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case n == items:
		q.window = min(2*q.window, commitItems)
	case err == nil:
		q.window = min(2*n, commitItems)
	}
	for _, sub := range turn {
		if err == nil && n < sub.left() {
			sub.decided += n
			break
		}
		n -= sub.left()
		sub.decided, sub.err = len(sub.items), err
		close(sub.done)
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(sub *submission) bool { return sub.left() == 0 })
}

// charge notes what deciding for a user took.
func (q *commitQueue) charge(spent map[inspection.UserID]time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for user, d := range spent {
		q.spent[user] += d
	}
}

// Ready returns a CodeUnavailable error if a commit takes too long, for which
// others wait. The cause names the area, for the log.
func (s *Service) Ready() error {
	s.queues.mu.Lock()
	defer s.queues.mu.Unlock()
	for area, q := range s.queues.byArea {
		if since, stands := q.stands(s.now()); stands {
			return &inspection.Error{
				Code: inspection.CodeUnavailable, Detail: "A commit takes too long, and others wait for it.",
				Err: fmt.Errorf("the queue of %s stands since %s", area, inspection.StampOf(since)),
			}
		}
	}
	return nil
}

func (q *commitQueue) stands(now time.Time) (since time.Time, stands bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.moved, q.busy && now.Sub(q.moved) > standsAfter
}

func (q *commitQueues) of(area inspection.Area) *commitQueue {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byArea == nil {
		q.byArea = map[inspection.Area]*commitQueue{}
	}
	if q.byArea[area] == nil {
		q.byArea[area] = &commitQueue{spent: map[inspection.UserID]time.Duration{}, window: commitItems}
	}
	return q.byArea[area]
}

// submit decides and commits the items through the area's queue. When it
// returns nil every item has its outcome and what was decided is durable. After
// an error some may be stored: the phone sends the same batch again.
func (s *Service) submit(area inspection.Area, items []*item) error {
	own := &submission{items: items, by: items[0].by(), done: make(chan struct{})}
	q := s.queues.of(area)
	s.queues.active.Add(1)
	defer s.queues.active.Done()
	q.mu.Lock()
	q.waiting = append(q.waiting, own)
	lead := !q.busy
	if lead {
		q.busy, q.moved = true, s.now()
	}
	q.mu.Unlock()
	if lead {
		s.queues.active.Add(1)
		go func() { // of its own, so that no push pays for those that come after it
			defer s.queues.active.Done()
			s.commitWaiting(area, q)
		}()
	}
	<-own.done
	return own.err
}

// commitWaiting commits what waits until nothing does. Who has all of theirs
// goes on at once. An error or a panic fails the commit's turn, never the queue.
func (s *Service) commitWaiting(area inspection.Area, q *commitQueue) {
	for {
		subs, items := q.turn(s.now())
		if subs == nil {
			return
		}
		n, err := s.commitGuarded(area, q, items)
		q.finish(subs, len(items), n, err)
	}
}

// commitGuarded turns a panic into an error.
func (s *Service) commitGuarded(area inspection.Area, q *commitQueue, items []*item) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("commit panicked", "area", area, "panic", fmt.Sprint(r))
			n, err = 0, fmt.Errorf("committing to %s: %v", area, r)
		}
	}()
	n, d, err := s.commitSome(context.Background(), area, items)
	if d != nil {
		q.charge(d.spent)
	}
	for _, it := range items[:n] {
		it.weigh()
	}
	return n, err
}

// weigh takes the document out of a result for which the answer has no room.
func (it *item) weigh() {
	if it.room != nil && it.room.Add(-int64(len(it.result.doc))) < 0 {
		it.result.doc = nil
	}
}

// commitSome decides a prefix of the items and appends it as one commit. Where
// nothing is to be appended, what was decided rests on the head that was read,
// unless all are replays: receipts hold in any case.
func (s *Service) commitSome(ctx context.Context, area inspection.Area, items []*item) (n int, d *decider, err error) {
	commit, err := store.AppendDecided(ctx, s.store, area, func(ctx context.Context) (_ store.Decision, err error) {
		if d, err = s.prepare(ctx, area, items); err != nil {
			return store.Decision{}, err
		}
		for n = 0; n < len(items) && (n == 0 || d.goesOn()); n++ {
			d.decideItem(items[n])
		}
		if !slices.ContainsFunc(items[:n], func(it *item) bool { return !it.result.replayed }) {
			return store.Decision{}, store.ErrUnchanged
		}
		return store.Decision{Head: d.head, Entries: d.entries, Before: d.before}, nil
	})
	if err != nil {
		return 0, d, err
	}
	if d.overran != nil {
		s.log.Warn("judging took too much", "area", area, "error", d.overran.Error())
	}
	if commit != nil {
		s.hub.committed(area, commit.Last)
		s.announcePhotos(area, d)
	}
	return n, d, nil
}

// goesOn reports whether the commit takes another item.
func (d *decider) goesOn() bool {
	return d.bytes < commitBytes && d.clock().Sub(d.now) < decidingTime
}

// announcePhotos tells of documents that were put, or whose fields an act
// changed, and that name photos.
func (s *Service) announcePhotos(area inspection.Area, d *decider) {
	if s.onPhotos == nil {
		return
	}
	var ids []inspection.DocID
	for i := range d.entries {
		e := &d.entries[i]
		put := e.Kind == store.KindPut || slices.Contains(d.judged, e.ID)
		if put && e.Index.Names(store.TermPhoto) && !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) > 0 {
		s.onPhotos(area, ids)
	}
}

// decideItem decides an item the way its queue does. A mistake of ours in one item
// must not hold up the others that share its commit, nor its phone for ever:
// the item is set aside, and the log says why.
func (d *decider) decideItem(it *item) {
	defer func() {
		if d.area == inspection.ReferenceArea && it.act == nil {
			return // there is no other place to keep it: the whole push fails
		}
		if r := recover(); r != nil {
			d.log.Error("deciding panicked", "area", d.area, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			it.failed = inspection.Errorf(inspection.CodeInternal, "%s", inspection.Codes[inspection.CodeInternal])
			it.result = outcome{reject: inspection.Errorf(inspection.CodeInternal,
				"The server could not handle this edit. It is kept aside; tell your administrator.")}
		}
	}()
	start := d.clock()
	defer func() { d.spent[it.by()] += d.clock().Sub(start) }()
	d.patience = it.patience
	switch {
	case it.act != nil:
		d.perform(it)
	case d.area == inspection.ReferenceArea:
		it.result = d.setAside(it)
	default:
		it.result = d.decideMutation(it)
	}
}

// prepare reads what deciding needs. Whatever is appended after the head that
// it saw makes the append stale.
func (s *Service) prepare(ctx context.Context, area inspection.Area, items []*item) (*decider, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	q := readSetOf(area, items)
	seen, err := store.ReadSnapshot(ctx, s.store, q)
	if err != nil {
		return nil, err
	}
	d := &decider{
		area: area, ref: ref, now: s.now().UTC(), clock: s.now, head: seen.Head,
		spent:    map[inspection.UserID]time.Duration{},
		known:    map[inspection.DocID]*current{},
		receipts: seen.Receipts,
		history:  map[int64]*store.Entry{},
		before:   seen.Records,
		log:      s.log,
		done:     ctx.Done(),
	}
	for id, r := range seen.Records {
		// An id that this area claimed, but never wrote, is still new.
		if r.Rev > 0 || r.Area != area {
			d.known[id] = &current{rec: r}
		}
	}
	if err := s.readSites(ctx, d, items, q.IDs); err != nil {
		return nil, err
	}
	return d, s.readHistory(ctx, d, items)
}

// readSetOf asks for all receipts and records that deciding the items may look
// at.
func readSetOf(area inspection.Area, items []*item) store.ReadSet {
	q := store.ReadSet{Area: area, Receipts: map[inspection.Device][]int64{}}
	for _, it := range items {
		q.IDs = append(q.IDs, it.ids()...)
		if it.act != nil {
			continue
		}
		if area == inspection.ReferenceArea {
			q.IDs = append(q.IDs, quarantineID(it))
		}
		if site, err := inspection.ParseDocID(it.m.Doc.Text("site")); err == nil {
			q.IDs = append(q.IDs, site)
		}
		if it.m.unnumbered == nil {
			q.Receipts[it.principal.Device] = append(q.Receipts[it.principal.Device], it.m.N)
		}
	}
	return q
}

// readSites reads the sites that the stored documents name, besides those that
// were asked for: an inspection carries its site's name.
func (s *Service) readSites(ctx context.Context, d *decider, items []*item, asked []inspection.DocID) error {
	var ids []inspection.DocID
	for _, it := range items {
		for _, id := range it.ids() {
			cur := d.known[id]
			if cur == nil {
				continue
			}
			site, err := inspection.ParseDocID(strings.TrimPrefix(cur.rec.Index.Term(store.TermSite), store.TermSite))
			if err == nil && !slices.Contains(asked, site) && !slices.Contains(ids, site) {
				ids = append(ids, site)
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

// baseSeqs returns the seqs of the entries that deciding may ask for.
func baseSeqs(it *item, rec *store.Record) []int64 {
	var seqs []int64
	if mark, ok := rec.Mark(it.principal.Device); ok && (mark.Base == it.m.Base || it.m.Op == OpDelete || it.m.unnumbered != nil) {
		seqs = append(seqs, mark.Seq)
	}
	if it.m.Base >= 1 && it.m.Base < rec.Rev {
		seqs = append(seqs, rec.Revisions[it.m.Base-1])
	}
	return seqs
}
