package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
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

// Sweeps are what repairs the rest: they run at the start and again and again.
func (s *Service) sweepAgainAndAgain() {
	tick := time.NewTicker(s.cfg.Sweep)
	defer tick.Stop()
	for {
		if err := s.safely(func() error { return s.Sweep(s.ctx) }); err != nil && s.ctx.Err() == nil {
			s.cfg.Log.Warn("a sweep failed and is repeated", "error", err)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep finishes uploads that a crash left verified, drops those that expired,
// judges the records that changed since the last sweep, and puts out what
// nothing names.
func (s *Service) Sweep(ctx context.Context) error {
	defer s.wakeUp()
	return errors.Join(s.sweepUploads(ctx), s.sweepRecords(ctx), s.sweepPhotos(ctx), s.sweepTrash(ctx))
}

// sweepRecords judges what changed in each area since it was last looked
// through. Usually that was done before: then nothing is written but the
// position.
func (s *Service) sweepRecords(ctx context.Context) error {
	heads, err := s.cfg.Store.Heads(ctx)
	if err != nil {
		return err
	}
	database, err := s.cfg.Store.ID(ctx)
	if err != nil {
		return err
	}
	var failed error
	for area, head := range heads {
		if area != inspection.ReferenceArea {
			failed = errors.Join(failed, s.sweepArea(ctx, database, area, head.Seq))
		}
	}
	return failed
}

// swept is a row of the swept table: all records up to Seq have been judged.
// It counts in the database that it was written in: a restored one is looked
// through from the start.
type swept struct {
	Database string `json:"database"`
	Seq      int64  `json:"seq"`
}

func (s *Service) sweepArea(ctx context.Context, database string, area inspection.Area, head int64) error {
	row, err := store.ReadRow[swept](ctx, s.cfg.Store, store.TableSwept, string(area))
	if row.Database != database {
		row.Seq = 0
	}
	if err = ignoring(err, store.ErrNotFound); err != nil || row.Seq >= head {
		return err
	}
	from := row.Seq
	for more := true; more; {
		page, err := s.cfg.Store.Changes(ctx, store.ChangesQuery{
			Area: area, Collections: []inspection.Collection{inspection.Inspections, inspection.Tasks}, After: from, Limit: 200,
		})
		if err != nil {
			return err
		}
		for i := range page.Records {
			if err := s.sweepRecord(ctx, &page.Records[i]); err != nil {
				return fmt.Errorf("judging %s: %w", page.Records[i].ID, err)
			}
		}
		from, more = page.Seq, page.More
		if err := s.noteSwept(ctx, area, swept{database, from}); err != nil {
			return err
		}
	}
	return nil
}

// noteSwept moves the position up, never down: another process may be ahead.
func (s *Service) noteSwept(ctx context.Context, area inspection.Area, upto swept) error {
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TableSwept, string(area), func(row *swept, _ bool) error {
		if row.Database == upto.Database && row.Seq >= upto.Seq {
			return store.ErrUnchanged
		}
		*row = upto
		return nil
	})
	return err
}

// sweepRecord judges a record unless it certainly has no evidence, and has
// those judged that share photos with it: whoever judged it before may have
// died before telling them.
func (s *Service) sweepRecord(ctx context.Context, rec *store.Record) error {
	if !rec.Index.Names(store.TermPhoto) && !rec.Index.Names(store.TermFlag) && rec.Index.Evidence == "" {
		return nil
	}
	if err := s.refreshEvidence(ctx, rec.Area, rec.ID); err != nil {
		return err
	}
	for _, sha := range photosOf(rec) {
		if err := s.requeueSharing(ctx, rec.ID, sha); err != nil {
			return err
		}
	}
	return nil
}
