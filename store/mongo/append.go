package mongo

import (
	"bytes"
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Append implements store.Log. It takes three commands: claims of new ids,
// the log, the views; and a read of the records first if the commit doesn't
// bring them.
func (s *Store) Append(ctx context.Context, c *store.Commit) error {
	return s.within(ctx, "append", func(ctx context.Context) error {
		if err := checkCommit(c); err != nil {
			return err
		}
		a := s.area(c.Area)
		done, err := a.takeTurn(ctx)
		if err != nil {
			return err
		}
		defer done()
		return s.append(ctx, a, c)
	})
}

// checkCommit refuses what Seal would never make, since a log can't be
// corrected later.
func checkCommit(c *store.Commit) error {
	if len(c.Entries) == 0 || c.First < 1 || c.Last-c.First+1 != int64(len(c.Entries)) {
		return misuse("a commit of %d entries says that it spans %d to %d", len(c.Entries), c.First, c.Last)
	}
	if len(c.Bytes) > store.MaxCommitBytes {
		return misuse("a commit of %d bytes is over the bound of %d", len(c.Bytes), store.MaxCommitBytes)
	}
	return nil
}

func (s *Store) append(ctx context.Context, a *area, c *store.Commit) error {
	if err := s.checkHead(ctx, a, c); err != nil {
		return err
	}
	before, err := s.before(ctx, c)
	if err != nil {
		return err
	}
	if err := s.claim(ctx, c, before); err != nil {
		return err
	}
	s.step("claimed")
	if err := s.insertCommit(ctx, c); err != nil {
		a.forget()
		return err
	}
	s.step("appended")
	// From here on the commit is in. Whoever can't be told so reads again,
	// which projects it.
	if err := s.project(ctx, c, before); err != nil {
		a.forget()
		return errors.Join(store.ErrStale, err)
	}
	s.step("projected")
	a.advance(c.Head())
	return nil
}

func (s *Store) step(name string) {
	if s.tweaks.step != nil {
		s.tweaks.step(name)
	}
}

// checkHead returns ErrStale unless the commit was sealed on the head that is
// known here, or that is found in the log.
func (s *Store) checkHead(ctx context.Context, a *area, c *store.Commit) error {
	follows := func(h store.Head) bool { return h.Seq == c.First-1 && h.Hash == c.Previous }
	head, known := a.peek()
	if known && follows(head) {
		return s.checkFirst(ctx, c)
	}
	head, err := s.catchUp(ctx, a)
	if err == nil && !follows(head) {
		err = store.ErrStale
	}
	if err != nil {
		return err
	}
	return s.checkFirst(ctx, c)
}

// checkFirst: a database that takes no writes holds a place after each head,
// but can't hold those of areas that have no commits yet.
func (s *Store) checkFirst(ctx context.Context, c *store.Commit) error {
	if c.First > 1 {
		return nil
	}
	return s.checkWritable(ctx)
}

func touchedIDs(c *store.Commit) []inspection.DocID {
	var ids []inspection.DocID
	seen := map[inspection.DocID]bool{}
	for i := range c.Entries {
		if e := &c.Entries[i]; e.TouchesRecord() && !seen[e.ID] {
			ids, seen[e.ID] = append(ids, e.ID), true
		}
	}
	return ids
}

// before returns the commit's records as they are before it. They are right
// if the commit gets in: nobody else has written to the area then.
func (s *Store) before(ctx context.Context, c *store.Commit) (map[inspection.DocID]store.Record, error) {
	if c.Before != nil {
		return c.Before, nil
	}
	return s.readRecords(ctx, touchedIDs(c))
}

// claim reserves ids that are new for the commit's area, and returns ErrStale
// if one of the commit's ids belongs to another. Claims that turn out to be
// there already, left by an append that got no further, are looked at.
func (s *Store) claim(ctx context.Context, c *store.Commit, before map[inspection.DocID]store.Record) error {
	var claims []any
	var ids []inspection.DocID
	for _, id := range touchedIDs(c) {
		r, known := before[id]
		if known && r.Area != c.Area {
			return store.ErrStale
		}
		if !known {
			ids = append(ids, id)
			claims = append(claims, bson.D{{Key: "_id", Value: recordKey(id)}, {Key: "area", Value: c.Area}})
		}
	}
	if len(claims) == 0 {
		return nil
	}
	_, err := s.views.InsertMany(ctx, claims, options.InsertMany().SetOrdered(false))
	if !onlyDuplicates(err) {
		return err
	}
	there, err := s.readRecords(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range there {
		if r.Area != c.Area || r.Rev > 0 {
			return store.ErrStale
		}
	}
	return nil
}

// onlyDuplicates reports whether a write did all but what was there before.
func onlyDuplicates(err error) bool {
	var bulk driver.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return false
	}
	for _, e := range bulk.WriteErrors {
		if !e.HasErrorCode(codeDuplicateKey) {
			return false
		}
	}
	return true
}

const codeDuplicateKey = 11000

// insertCommit decides: of all that want the place, one gets it. If the answer
// is lost, or says that someone has the place, the log tells who.
func (s *Store) insertCommit(ctx context.Context, c *store.Commit) error {
	_, err := s.log.InsertOne(ctx, encodeCommit(c))
	if err == nil || !driver.IsDuplicateKeyError(err) && !unknownOutcome(err) {
		return err
	}
	var there storedCommit
	missing := s.log.FindOne(ctx, bson.D{{Key: "_id", Value: commitKey(c.Area, c.First)}},
		options.FindOne().SetProjection(ascending("hash", "sealed"))).Decode(&there)
	switch {
	case missing == nil && there.Sealed:
		return store.ErrReadOnly
	case missing == nil && bytes.Equal(there.Hash, c.Hash[:]):
		return nil
	}
	return errors.Join(store.ErrStale, err)
}

func encodeCommit(c *store.Commit) *storedCommit {
	at, nanos := split(c.At)
	stored := &storedCommit{
		ID: commitKey(c.Area, c.First), Area: c.Area, First: c.First, Last: c.Last, At: at, Nanos: nanos,
		Previous: c.Previous[:], Hash: c.Hash[:], Seqs: make([]int64, len(c.Entries)), Bytes: c.Bytes,
	}
	for i := range stored.Seqs {
		stored.Seqs[i] = c.First + int64(i)
	}
	if c.First == 1 {
		stored.Opens = c.Area
	}
	return stored
}

// unknownOutcome reports whether a write that failed with err may have taken
// place.
func unknownOutcome(err error) bool {
	var selection topology.ServerSelectionError
	if err == nil || errors.As(err, &selection) {
		return false
	}
	var write driver.WriteException
	if errors.As(err, &write) && write.WriteConcernError != nil {
		return true
	}
	return driver.IsNetworkError(err) || driver.IsTimeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
