package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// logs is the part that holds the logs of all areas.
//
// The streets come first, then the reference log. That matters for receipts:
// the first entry that names a mutation makes its receipt, and a number that
// a phone used twice leaves a second entry, in quarantine, which is in the
// reference log. Written in this order, the same entry is the first again.
type logs struct {
	st store.Store
	// from is where reading begins; upto where it ended.
	from, upto Heads
	// heads are those of the store that is written to, as far as known.
	heads Heads
	tell  func(done, total int64)
}

func newLogs(st store.Store, from Heads, o Options) *logs {
	return &logs{
		st: st, from: from, heads: Heads{},
		tell: func(done, total int64) { o.tell("entries", done, total) },
	}
}

// Name implements Part.
func (l *logs) Name() string { return logPart }

// cutTries bounds how often cut looks for a moment in which the reference log
// stands still: it grows with accounts, grants and quarantine, not with work.
const cutTries = 1000

// cut returns the heads of all areas as of one moment, as far as that matters:
// none of them points beyond another. The streets' heads are read between two
// looks at the reference log that show the same, so all that streets rest on
// was in it before, and all streets that it points at were as far as that.
func cut(ctx context.Context, st store.Log) (Heads, error) {
	before, err := st.Heads(ctx)
	for range cutTries {
		if err != nil {
			return nil, err
		}
		var between, after map[inspection.Area]store.Head
		if between, err = st.Heads(ctx); err != nil {
			return nil, err
		}
		if after, err = st.Heads(ctx); err != nil {
			return nil, err
		}
		if before[inspection.ReferenceArea].Seq == after[inspection.ReferenceArea].Seq {
			return between, nil
		}
		before = after
	}
	return nil, inspection.Errorf(inspection.CodeUnavailable,
		"The reference log changes too fast to be read at one moment. Try again when fewer accounts are imported or mutations rejected.")
}

// Read implements Part: it reads on to the heads of the moment in which it is
// called, and checks the chains on the way. Returns store.ErrDamaged.
func (l *logs) Read(ctx context.Context, each func(Item) error) error {
	areas, err := l.st.StoredAreas(ctx)
	if err != nil {
		return err
	}
	if l.upto, err = cut(ctx, l.st); err != nil {
		return err
	}
	for _, area := range areas {
		if l.upto[area].Seq == 0 {
			return fmt.Errorf("%w: area %s has commits, but no head", store.ErrDamaged, area)
		}
	}
	p := &pace{tell: l.tell}
	for area, head := range l.upto {
		p.total += head.Seq - l.from[area].Seq
	}
	for _, area := range inOrder(l.upto) {
		if err := l.readArea(ctx, area, p, each); err != nil {
			return fmt.Errorf("area %s: %w", area, err)
		}
	}
	return nil
}

// inOrder returns the areas, the reference log's last.
func inOrder(heads Heads) []inspection.Area {
	areas := slices.Sorted(maps.Keys(heads))
	if i := slices.Index(areas, inspection.ReferenceArea); i >= 0 {
		areas = append(slices.Delete(areas, i, i+1), inspection.ReferenceArea)
	}
	return areas
}

// pace counts entries.
type pace struct {
	tell        func(done, total int64)
	done, total int64
}

func (p *pace) addEntries(entries int64) {
	p.done += entries
	p.tell(p.done, p.total)
}

func (l *logs) readArea(ctx context.Context, area inspection.Area, p *pace, each func(Item) error) error {
	at, upto := l.from[area], l.upto[area]
	for at.Seq < upto.Seq {
		page, err := l.st.StoredCommits(ctx, area, at.Seq, pageBytes)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return fmt.Errorf("%w: the log ends at %d, its head is %d", store.ErrDamaged, at.Seq, upto.Seq)
		}
		for i := range page {
			if at.Seq >= upto.Seq {
				break
			}
			link, err := follow(area, at, &page[i])
			if err != nil {
				return err
			}
			if err := each(Item{Part: logPart, Size: int64(len(page[i].Bytes)), Content: bytes.NewReader(page[i].Bytes), Link: link}); err != nil {
				return err
			}
			at.Seq, at.Hash = link.Last, link.Hash
			p.addEntries(link.Last - link.First + 1)
		}
	}
	if at.Seq != upto.Seq || at.Hash != upto.Hash {
		return fmt.Errorf("%w: the log ends at %d with hash %s, its head is %d with %s", store.ErrDamaged, at.Seq, at.Hash, upto.Seq, upto.Hash)
	}
	return nil
}

// follow returns the place of a stored commit that continues the chain at
// head, or store.ErrDamaged.
func follow(area inspection.Area, head store.Head, c *store.StoredCommit) (Link, error) {
	hash := store.Chain(head.Hash, area, c.First, c.Bytes)
	if c.First != head.Seq+1 || c.Last < c.First || !bytes.Equal(c.Previous, head.Hash[:]) || !bytes.Equal(c.Hash, hash[:]) {
		return Link{}, fmt.Errorf("%w: the commit at %d doesn't continue the chain that ends at %d", store.ErrDamaged, c.First, head.Seq)
	}
	return Link{Area: area, First: c.First, Last: c.Last, Previous: head.Hash, Hash: hash}, nil
}

// Write implements Part. Returns ErrNotEmpty if the log holds another history.
func (l *logs) Write(ctx context.Context, item Item) error {
	head, known := l.heads[item.Area]
	if !known {
		var err error
		if head, err = l.st.Head(ctx, item.Area); err != nil {
			return err
		}
		l.heads[item.Area] = head
	}
	if item.Last <= head.Seq {
		if item.Last == head.Seq && item.Hash != head.Hash {
			return otherHistory(item.Area)
		}
		return nil
	}
	c, err := item.open()
	if err != nil {
		return err
	}
	if err := l.append(ctx, c); err != nil {
		return err
	}
	l.heads[item.Area] = c.Head()
	return nil
}

// open returns the commit that the item is, decoded.
func (item *Item) open() (*store.Commit, error) {
	if item.opened != nil {
		return item.opened, nil
	}
	content, err := io.ReadAll(item.Content)
	if err != nil {
		return nil, err
	}
	c, err := store.Open(item.Area, item.First, item.Previous, content)
	if err == nil && (c.Last != item.Last || c.Hash != item.Hash) {
		err = fmt.Errorf("%w: the commit at %d of area %s isn't what it is said to be", store.ErrDamaged, item.First, item.Area)
	}
	return c, err
}

func otherHistory(area inspection.Area) error {
	return fmt.Errorf("%w: area %s there has another history, or someone is writing to it", ErrNotEmpty, area)
}

// append appends a commit as it is. After an append of unknown outcome the
// head tells whether it went in.
func (l *logs) append(ctx context.Context, c *store.Commit) error {
	return store.RetryStale(ctx, func(ctx context.Context) error {
		stale := l.st.Append(ctx, c)
		if !errors.Is(stale, store.ErrStale) {
			return stale
		}
		head, err := l.st.Head(ctx, c.Area)
		switch {
		case err != nil:
			return err
		case head.Seq == c.Last && head.Hash == c.Hash:
			return nil
		case head.Seq != c.First-1 || head.Hash != c.Previous:
			return otherHistory(c.Area)
		}
		return stale
	})
}
