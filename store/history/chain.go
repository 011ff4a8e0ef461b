package history

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

func (v *verifier) readLog(ctx context.Context, area inspection.Area, first bool, done *int64) error {
	c := &chain{area: area, report: func(Kind, string, ...any) {}}
	if first {
		c.report = func(kind Kind, format string, args ...any) { v.report.addFinding(kind, area, "", format, args...) }
		if head, ok := v.noted[area]; ok {
			c.noted = &head
		}
	}
	err := walk(ctx, v.st, area, v.heads[area].Seq, func(s *store.StoredCommit) {
		opened := c.commit(s)
		if opened != nil {
			v.fold(area, opened.Entries)
		}
		if first {
			v.report.Commits++
			v.report.Entries += max(s.Last-s.First+1, 0)
		}
		v.o.tell("entries", *done+c.at.Seq, v.total)
	})
	if err := v.lookAt(InLog, area, "", err); err != nil {
		return fmt.Errorf("area %s: %w", area, err)
	}
	*done += c.at.Seq
	c.end(v.heads[area])
	return nil
}

// walk calls each for the stored commits of an area that begin at or before
// upto.
func walk(ctx context.Context, st store.Audit, area inspection.Area, upto int64, each func(*store.StoredCommit)) error {
	after := int64(math.MinInt64)
	for {
		page, err := st.StoredCommits(ctx, area, after, pageBytes)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if page[i].First > upto {
				return nil
			}
			each(&page[i])
			after = page[i].First
		}
	}
}

// chain checks the commits of one area, in order.
type chain struct {
	area inspection.Area
	// at is the end of what was looked at.
	at     store.Head
	noted  *store.Head
	report func(kind Kind, format string, args ...any)
}

// commit checks that a stored commit continues the chain and returns it
// decoded, or nil if it can't be.
func (c *chain) commit(s *store.StoredCommit) *store.Commit {
	switch {
	case s.First > c.at.Seq+1:
		c.report(InLog, "entries %d to %d are missing", c.at.Seq+1, s.First-1)
	case s.First <= c.at.Seq:
		c.report(InLog, "the commit at %d begins before the end of the one before it, %d", s.First, c.at.Seq)
	}
	if !bytes.Equal(s.Previous, c.at.Hash[:]) {
		c.report(InLog, "the commit at %d follows another commit than the one before it", s.First)
	}
	opened, err := open(c.area, s)
	if err != nil {
		c.report(InLog, "the commit at %d can't be read: %v", s.First, err)
		c.at = store.Head{Seq: max(s.Last, s.First), At: s.At}
		copy(c.at.Hash[:], s.Hash)
		return nil
	}
	c.compare(s, opened)
	c.times(opened)
	c.at = opened.Head()
	c.compareNoted(opened)
	return opened
}

func open(area inspection.Area, s *store.StoredCommit) (*store.Commit, error) {
	if len(s.Previous) != len(store.Hash{}) {
		return nil, fmt.Errorf("%w: %d bytes are no hash", store.ErrDamaged, len(s.Previous))
	}
	return store.Open(area, s.First, store.Hash(s.Previous), s.Bytes)
}

// compare looks at what is stored beside the bytes.
func (c *chain) compare(s *store.StoredCommit, opened *store.Commit) {
	if !bytes.Equal(s.Hash, opened.Hash[:]) {
		c.report(InLog, "the commit at %d was changed: its bytes don't have its hash", s.First)
	}
	if s.Last != opened.Last {
		c.report(InLog, "the commit at %d is stored as ending at %d and holds entries up to %d", s.First, s.Last, opened.Last)
	}
	if !sameTime(s.At, opened.At) {
		c.report(InLog, "the commit at %d is stored with another time than its last entry's", s.First)
	}
}

func (c *chain) times(opened *store.Commit) {
	last := c.at.At
	for i := range opened.Entries {
		if at := opened.Entries[i].At; at.Before(last) {
			c.report(InLog, "time runs backwards at entry %d", opened.Entries[i].Seq)
		} else {
			last = at
		}
	}
}

func (c *chain) compareNoted(opened *store.Commit) {
	if c.noted == nil || c.noted.Seq < opened.First || c.noted.Seq > opened.Last {
		return
	}
	if c.noted.Seq != opened.Last || c.noted.Hash != opened.Hash {
		c.report(InNote, "the history up to %d was rewritten: its hash was noted as %s", c.noted.Seq, c.noted.Hash)
	}
}

// end compares the end of the walk with the head that the engine has, unless
// that one can't be read.
func (c *chain) end(head store.Head) {
	switch {
	case head.Seq == unknownHead:
	case head.Seq != c.at.Seq:
		c.report(InHead, "the log ends at %d, the head is %d", c.at.Seq, head.Seq)
	case head.Hash != c.at.Hash:
		c.report(InHead, "the head at %d has another hash than the log", head.Seq)
	case !sameTime(head.At, c.at.At):
		c.report(InHead, "the head at %d has another time than the log", head.Seq)
	}
	if c.noted != nil && c.noted.Seq > c.at.Seq {
		c.report(InNote, "entries %d to %d are gone from the end: the head was noted as %d", c.at.Seq+1, c.noted.Seq, c.noted.Seq)
	}
}

// sameTime compares as exactly as the engine stores: some keep milliseconds.
func sameTime(stored, want time.Time) bool {
	return stored.Equal(want) || stored.Equal(want.Truncate(time.Millisecond))
}
