package media

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"

	"golang.org/x/sync/errgroup"
)

// Put tells that documents which name photos were put. It doesn't wait: they
// are judged in the background, and if the process ends before, by a sweep.
func (s *Service) Put(area inspection.Area, ids []inspection.DocID) {
	for _, id := range ids {
		s.enqueue(area, id)
	}
}

// enqueue has a record judged soon.
func (s *Service) enqueue(area inspection.Area, id inspection.DocID) {
	s.markDue(area, id)
	s.wakeUp()
}

// markDue has a record judged when watch wakes next.
func (s *Service) markDue(area inspection.Area, id inspection.DocID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[id] = area
}

func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// watch judges what is due.
func (s *Service) watch() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
			s.judgeDue()
		}
	}
}

// judgeDue judges what is due, some records at a time, and rests in between four
// times as long as that took: phones go first. What fails waits until a sweep
// rouses it again.
func (s *Service) judgeDue() {
	for chunk := range slices.Chunk(s.drainDue(), judgedTogether) {
		began := s.cfg.Now()
		s.judgeChunk(chunk)
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(min(4*s.cfg.Now().Sub(began), longestRest)):
		}
	}
}

const longestRest = 250 * time.Millisecond

// dueRecord is a record to be judged.
type dueRecord struct {
	area inspection.Area
	id   inspection.DocID
}

func (s *Service) drainDue() []dueRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]dueRecord, 0, len(s.due))
	for id, area := range s.due {
		list = append(list, dueRecord{area, id})
	}
	clear(s.due)
	return list
}

func (s *Service) judgeChunk(chunk []dueRecord) {
	var left []dueRecord
	err := s.safely(func() (err error) {
		left, err = s.skipWaiting(s.ctx, chunk)
		return err
	})
	if err != nil {
		left = chunk
	}
	for _, d := range left {
		err := s.safely(func() error { return s.refreshEvidence(s.ctx, d.area, d.id) })
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			s.cfg.Log.Warn("a record's evidence waits for the next sweep", "area", d.area, "id", d.id, "error", err)
			s.markDue(d.area, d.id)
		}
	}
}

// safely turns a panic in the background into an error: one odd document must
// not end the process.
func (s *Service) safely(work func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return work()
}

// Bounds of the background's work: records looked at together, and rows written
// at the same time, which share a commit.
const (
	judgedTogether = 100
	missingWrites  = 50
)

// skipWaiting deals with those of the records whose photos are all still to come and
// whose evidence says so already, as most do that phones push: it only writes
// down who owes them. It returns the others, which must be judged.
func (s *Service) skipWaiting(ctx context.Context, chunk []dueRecord) (left []dueRecord, err error) {
	ids := make([]inspection.DocID, len(chunk))
	for i, d := range chunk {
		ids[i] = d.id
	}
	records, err := s.cfg.Store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var recent []*store.Record
	for _, d := range chunk {
		if rec, ok := records[d.id]; ok && rec.Rev > 0 && rec.Area == d.area && hasEvidence(rec.Collection) {
			recent = append(recent, &rec)
		}
	}
	here, err := s.anyHere(ctx, recent)
	if err != nil {
		return nil, err
	}
	var waiting []*store.Record
	for _, rec := range recent {
		if awaitsAll(rec, here) {
			waiting = append(waiting, rec)
		} else {
			left = append(left, dueRecord{rec.Area, rec.ID})
		}
	}
	return left, s.noteAllMissing(ctx, waiting)
}

// anyHere returns those of the records' photos that are here for anybody.
func (s *Service) anyHere(ctx context.Context, records []*store.Record) (map[string]bool, error) {
	var keys []string
	for _, rec := range records {
		keys = append(keys, photosOf(rec)...)
	}
	rows, err := s.cfg.Store.Rows(ctx, store.TablePhotos, keys)
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, row := range rows {
		var p photo
		if err := json.Unmarshal(row.Value, &p); err != nil || p.here() {
			here[row.Key] = true // refreshEvidence says what is wrong with a row that can't be read
		}
	}
	return here, nil
}

func awaitsAll(rec *store.Record, here map[string]bool) bool {
	doc, err := inspection.ParseObject(rec.Doc)
	if err != nil {
		return false
	}
	known := map[string]*seen{}
	for _, p := range inspection.Photos(doc) {
		if here[p.SHA256] {
			return false
		}
		known[p.SHA256] = &seen{}
	}
	before := inspection.ServerOf(doc).Evidence
	return before.Same(evidenceOf(rec, doc, before, known))
}

func (s *Service) noteAllMissing(ctx context.Context, records []*store.Record) error {
	rows, err := s.missingRows(ctx, records)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(missingWrites)
	for _, rec := range records {
		var missing []string
		if !rec.Deleted {
			missing = photosOf(rec)
		}
		group.Go(func() error { return s.updateMissing(ctx, rec, missing, rows) })
	}
	return group.Wait()
}
