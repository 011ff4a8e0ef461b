package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// storedCommit is a document of the log. Bytes is the exact JSON that was
// hashed; all else but Previous only repeats it, for queries and for people.
type storedCommit struct {
	ID       string             `bson:"_id"`
	Area     inspection.Area    `bson:"area"`
	First    int64              `bson:"first"`
	Last     int64              `bson:"last"`
	At       primitive.DateTime `bson:"at"`
	Nanos    int64              `bson:"nanos"`
	Previous []byte             `bson:"previous"`
	Hash     []byte             `bson:"hash"`
	Seqs     []int64            `bson:"seqs"`
	// Opens names the area in its first commit, so that areas can be found.
	Opens inspection.Area `bson:"opens,omitempty"`
	Bytes []byte          `bson:"bytes"`
	// Sealed: this is no commit, but holds the place of the next one, so that
	// none gets in. The database was migrated elsewhere.
	Sealed bool `bson:"sealed,omitempty"`
}

// open computes the hash anew rather than reading the stored one: whoever
// compares it with the next commit's Previous finds a falsified log.
func (sc *storedCommit) open() (*store.Commit, error) {
	previous, err := toHash(sc.Previous)
	if err != nil {
		return nil, err
	}
	return store.Open(sc.Area, sc.First, previous, sc.Bytes)
}

// head is read from the stored fields, for where the bytes aren't.
func (sc *storedCommit) head() (store.Head, error) {
	hash, err := toHash(sc.Hash)
	return store.Head{Seq: sc.Last, Hash: hash, At: join(sc.At, sc.Nanos)}, err
}

// errNoCommit: there is no commit at a place.
var errNoCommit = errors.New("no commit")

// endOf returns the last seq of the commit at a place, 0 if there is none.
func (s *Store) endOf(ctx context.Context, name inspection.Area, first int64) (int64, error) {
	var sc storedCommit
	err := s.log.FindOne(ctx, bson.D{{Key: "_id", Value: commitKey(name, first)}},
		options.FindOne().SetProjection(ascending("last"))).Decode(&sc)
	if errors.Is(err, driver.ErrNoDocuments) {
		return 0, nil
	}
	return sc.Last, err
}

// Head implements store.Log.
func (s *Store) Head(ctx context.Context, name inspection.Area) (store.Head, error) {
	var head store.Head
	err := s.within(ctx, "head", func(ctx context.Context) (err error) {
		head, err = s.fresh(ctx, name)
		return err
	})
	return head, err
}

// Heads implements store.Log. It looks for what follows the heads that are
// known here, and for areas that aren't, until there is nothing more.
func (s *Store) Heads(ctx context.Context) (map[inspection.Area]store.Head, error) {
	heads := s.knownHeads()
	err := s.within(ctx, "heads", func(ctx context.Context) error {
		for {
			found, err := s.beyond(ctx, heads)
			if err != nil || len(found) == 0 {
				return err
			}
			for i := range found {
				head, err := found[i].head()
				if err != nil {
					return err
				}
				if head.Seq > heads[found[i].Area].Seq {
					heads[found[i].Area] = head
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

func (s *Store) knownHeads() map[inspection.Area]store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := map[inspection.Area]store.Head{}
	for name, a := range s.areas {
		if head, known := a.peek(); known && head.Seq > 0 {
			heads[name] = head
		}
	}
	return heads
}

// beyond returns the commits right after the heads, and the first ones of
// other areas, without what they hold.
func (s *Store) beyond(ctx context.Context, heads map[inspection.Area]store.Head) ([]storedCommit, error) {
	places, names := bson.A{}, bson.A{}
	for name, head := range heads {
		places = append(places, commitKey(name, head.Seq+1))
		names = append(names, name)
	}
	return collect[storedCommit](ctx, s.log, bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: places}}}, {Key: "sealed", Value: bson.D{{Key: "$ne", Value: true}}}},
		bson.D{{Key: "opens", Value: bson.D{{Key: "$gt", Value: ""}, {Key: "$nin", Value: names}}}},
	}}}, options.Find().SetProjection(bson.D{{Key: "bytes", Value: 0}, {Key: "seqs", Value: 0}}))
}

// Commits implements store.Log.
func (s *Store) Commits(ctx context.Context, name inspection.Area, after int64, limit int) ([]*store.Commit, error) {
	if limit <= 0 {
		return nil, s.within(ctx, "commits", func(context.Context) error { return nil })
	}
	var list []*store.Commit
	err := s.within(ctx, "commits", func(ctx context.Context) error {
		found, err := collect[storedCommit](ctx, s.log,
			bson.D{{Key: "area", Value: name}, {Key: "last", Value: bson.D{{Key: "$gt", Value: after}}}},
			options.Find().SetSort(ascending("last")).SetLimit(int64(limit)))
		if err != nil {
			return err
		}
		list, err = openAll(found)
		return err
	})
	return list, err
}

func openAll(found []storedCommit) ([]*store.Commit, error) {
	list := make([]*store.Commit, len(found))
	for i := range found {
		var err error
		if list[i], err = found[i].open(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Entries implements store.Log. All commits that hold the seqs are read at
// once, and each is decoded once.
func (s *Store) Entries(ctx context.Context, name inspection.Area, seqs []int64) ([]store.Entry, error) {
	list := make([]store.Entry, len(seqs))
	err := s.within(ctx, "entries", func(ctx context.Context) error {
		if len(seqs) == 0 {
			return nil
		}
		found, err := collect[storedCommit](ctx, s.log, bson.D{
			{Key: "area", Value: name}, {Key: "seqs", Value: bson.D{{Key: "$in", Value: seqs}}},
		})
		if err != nil {
			return err
		}
		commits, err := openAll(found)
		if err != nil {
			return err
		}
		entries := map[int64]store.Entry{}
		for _, c := range commits {
			for i := range c.Entries {
				entries[c.Entries[i].Seq] = c.Entries[i]
			}
		}
		for i, seq := range seqs {
			e, ok := entries[seq]
			if !ok {
				return fmt.Errorf("entry %d: %w", seq, store.ErrNotFound)
			}
			list[i] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SeqBefore implements store.Log. Times never run backwards within an area:
// all commits before the first one that ends at t or later are before t, and
// so is the beginning of that one, perhaps.
func (s *Store) SeqBefore(ctx context.Context, name inspection.Area, t time.Time) (int64, error) {
	var seq int64
	err := s.within(ctx, "seq before", func(ctx context.Context) error {
		a := s.area(name)
		var settled bool
		if seq, settled = a.seqBefore(t); settled {
			return nil
		}
		c, err := s.firstEndingAt(ctx, name, t)
		if err != nil {
			return err
		}
		if c == nil {
			head, err := s.fresh(ctx, name)
			seq = head.Seq
			return err
		}
		seq = c.First - 1
		for i := range c.Entries {
			if c.Entries[i].At.Before(t) {
				seq++
			}
		}
		a.rememberSeqBefore(t, seq)
		return nil
	})
	return seq, err
}

func (a *area) seqBefore(t time.Time) (int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.past.seq, a.past.at.Equal(t) && !t.IsZero()
}

// rememberSeqBefore notes how many entries are before t, where there are later ones.
func (a *area) rememberSeqBefore(t time.Time, seq int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.past.at, a.past.seq = t, seq
}

// firstEndingAt returns the first commit whose last entry is of t or later, or
// nil. Dates count milliseconds, so those of t's own are looked at closely.
func (s *Store) firstEndingAt(ctx context.Context, name inspection.Area, t time.Time) (*store.Commit, error) {
	cursor, err := s.log.Find(ctx,
		bson.D{{Key: "area", Value: name}, {Key: "at", Value: bson.D{{Key: "$gte", Value: primitive.NewDateTimeFromTime(t)}}}},
		options.Find().SetSort(ascending("at", "first")).SetBatchSize(2))
	if err != nil {
		return nil, err
	}
	defer closeCursor(ctx, cursor)
	for cursor.Next(ctx) {
		var sc storedCommit
		if err := cursor.Decode(&sc); err != nil {
			return nil, err
		}
		if join(sc.At, sc.Nanos).Before(t) {
			continue
		}
		return sc.open()
	}
	return nil, cursor.Err()
}
