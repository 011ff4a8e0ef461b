package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"sync"
)

// columns are the words of one block in memory, in order of term: to count
// them takes some nanoseconds each, a fiftieth of what rows take.
type columns struct {
	version int64
	terms   string // one after the other
	ends    []uint32
	shared  []uint32
	facets  []uint32
	starts  []uint64 // how their places begin
}

// clip gives back what growing left over, so that bytes tells all.
func (c *columns) clip() {
	c.terms = strings.Clone(c.terms)
	c.ends, c.starts = slices.Clone(c.ends), slices.Clone(c.starts)
	c.shared, c.facets = slices.Clone(c.shared), slices.Clone(c.facets)
}

func (c *columns) bytes() int { return len(c.terms) + len(c.ends)*(3*4+8) }

func (c *columns) term(i int) string {
	if i == 0 {
		return c.terms[:c.ends[0]]
	}
	return c.terms[c.ends[i-1]:c.ends[i]]
}

// wanted is what a search counts.
type wanted struct {
	first, last string // terms from first, and below last
	low, high   uint64 // starts from low up to high
	marked      []byte // has a 1 at the facets; nil takes all
}

// moment is a place's time as a number, in nanoseconds.
func moment(place []byte) uint64 {
	if len(place) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(place)
}

// count counts the records of the block that have a word that is wanted, up to
// a number.
func (c *columns) count(w wanted, limit int) (n int) {
	from := sort.Search(len(c.ends), func(i int) bool { return c.term(i) >= w.first })
	to := from + sort.Search(len(c.ends)-from, func(i int) bool { return c.term(from+i) >= w.last })
	for i := from; i < to && n < limit; i++ {
		if int(c.shared[i]) < len(w.first) && w.low <= c.starts[i] && c.starts[i] <= w.high && w.takes(c.facets[i]) {
			n++
		}
	}
	return n
}

func (w wanted) takes(facet uint32) bool {
	return w.marked == nil || int(facet) < len(w.marked) && w.marked[facet] == 1
}

// wordMemory keeps the columns of blocks that searches count in. Whoever asks
// for a block that isn't kept, or has changed since, counts its rows; if it
// didn't change from one time to the next, it is read in the background. So
// nobody waits, and what changes all the time isn't read in vain.
type wordMemory struct {
	read func(ctx context.Context, block int64) (*columns, error)

	mu    sync.Mutex
	left  int // bytes
	kept  map[int64]*columns
	asked map[int64]int64 // the version of each block that was asked for
	// refused are versions for which there was no room.
	refused map[int64]int64
	busy    bool
	fills   sync.WaitGroup
}

// usualRoom, in bytes, is enough for a million words.
const usualRoom = 64 << 20

func newWordMemory(read func(context.Context, int64) (*columns, error)) *wordMemory {
	return &wordMemory{read: read, left: usualRoom, kept: map[int64]*columns{}, asked: map[int64]int64{}, refused: map[int64]int64{}}
}

// split parts the blocks into those that are kept as they are now and the
// others.
func (m *wordMemory) split(blocks []block) (kept []*columns, others []block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range blocks {
		if c := m.kept[b.number]; c != nil && c.version == b.version {
			kept = append(kept, c)
		} else {
			others = append(others, b)
		}
	}
	return kept, others
}

// ask has those of the blocks read that haven't changed since they were last
// asked for.
func (m *wordMemory) ask(ctx context.Context, blocks []block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	numbers := m.unchanged(blocks)
	if m.busy || len(numbers) == 0 {
		return
	}
	m.busy = true
	m.fills.Go(func() { m.fill(context.WithoutCancel(ctx), numbers) })
}

// unchanged notes what was asked for, and returns the blocks that are worth
// reading.
func (m *wordMemory) unchanged(blocks []block) (numbers []int64) {
	for _, b := range blocks {
		m.drop(b)
		if m.kept[b.number] != nil {
			continue // the reader's snapshot is older
		}
		before, asked := m.asked[b.number]
		tried, refused := m.refused[b.number]
		if asked && before == b.version && (!refused || tried != b.version) {
			numbers = append(numbers, b.number)
		}
		m.asked[b.number] = b.version
	}
	return numbers
}

// drop forgets what was read of the block before this version. The others may
// find room then.
func (m *wordMemory) drop(b block) {
	if c := m.kept[b.number]; c != nil && c.version < b.version {
		m.left += c.bytes()
		delete(m.kept, b.number)
		clear(m.refused)
	}
}

// fill gives up on the first failure: it will show where rows are counted.
func (m *wordMemory) fill(ctx context.Context, numbers []int64) {
	for _, number := range numbers {
		c, err := m.read(ctx, number)
		if err != nil {
			break
		}
		m.put(number, c)
	}
	m.mu.Lock()
	m.busy = false
	m.mu.Unlock()
}

func (m *wordMemory) put(number int64, c *columns) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(block{number: number, version: c.version})
	switch {
	case m.kept[number] != nil:
	case c.bytes() > m.left:
		m.refused[number] = c.version
	default:
		m.left -= c.bytes()
		m.kept[number] = c
	}
}

// readColumns reads a block with its version.
func (s *Store) readColumns(ctx context.Context, number int64) (*columns, error) {
	c := &columns{}
	err := s.snapshot(ctx, "search", func(at querier) error {
		versions, err := collect(ctx, at, scanOne[int64], `SELECT version FROM blocks WHERE block = ?`, number)
		if err != nil || len(versions) == 0 {
			return err
		}
		c.version = versions[0]
		var terms strings.Builder
		_, err = collect(ctx, at, func(rows *sql.Rows) (struct{}, error) {
			var place sql.RawBytes
			var term string
			var shared, facet uint32
			err := rows.Scan(&term, &shared, &facet, &place)
			terms.WriteString(term)
			c.ends = append(c.ends, uint32(terms.Len()))
			c.shared, c.facets = append(c.shared, shared), append(c.facets, facet)
			c.starts = append(c.starts, moment(place))
			return struct{}{}, err
		}, `SELECT term, shared, facet, place FROM words WHERE block = ? ORDER BY term, row`, number)
		c.terms = terms.String()
		return err
	})
	c.clip()
	return c, err
}
