package history

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"gridpatrol/store"
)

// broken says what is wrong with a backup.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBackup}, args...)...)
}

// CheckBackup reads a backup to its end and returns what it holds. Returns
// ErrBackup if it was cut or changed, or can't be restored to the database:
// of that only the names of its parts count.
func CheckBackup(ctx context.Context, r io.Reader, to Database, o Options) (*Contents, error) {
	b, err := openBackup(r, to)
	if err != nil {
		return nil, err
	}
	defer b.close()
	return b.readAll(ctx, func(Item) error { return nil }, o)
}

// backupReader reads the frames of a backup. Whatever comes out of it may
// still prove to be part of a broken backup, until readAll returns.
type backupReader struct {
	header header

	source *source
	close  func()
	lines  *bufio.Reader
	sum    hash.Hash
	heads  Heads
	parts  map[string]bool
	items  map[string]int64
}

// source remembers why its reader failed: that is no fault of the backup.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func openBackup(r io.Reader, to Database) (*backupReader, error) {
	s := &source{r: r}
	packed, err := zstd.NewReader(s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	b := newBackupReader(s, packed, to)
	b.close = packed.Close
	if err := b.readHeader(); err != nil {
		packed.Close()
		return nil, err
	}
	return b, nil
}

// newBackupReader reads frames that are not packed any more.
func newBackupReader(s *source, frames io.Reader, to Database) *backupReader {
	b := &backupReader{
		source: s, lines: bufio.NewReaderSize(frames, 64<<10),
		sum: sha256.New(), heads: Heads{}, parts: map[string]bool{}, items: map[string]int64{},
	}
	for _, p := range to.parts(&logs{}) {
		b.parts[p.Name()] = true
	}
	return b
}

func (b *backupReader) readHeader() error {
	line, err := b.line()
	if err != nil {
		return err
	}
	if json.Unmarshal(line, &b.header) != nil || b.header.Format < 1 || b.header.ID == "" || b.header.Database == "" {
		return broken("it doesn't begin as one")
	}
	if b.header.Format > backupFormat {
		return broken("it has format %d, made by a newer version of this program; install that one", b.header.Format)
	}
	b.sum.Write(line)
	return nil
}

// line returns the next line, line feed included.
func (b *backupReader) line() ([]byte, error) {
	var line []byte
	for {
		piece, err := b.lines.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, b.fault(err)
		case len(line) > maxLineBytes:
			return nil, broken("a line is too long")
		}
	}
}

// fault tells a broken stream from one that can't be read just now.
func (b *backupReader) fault(err error) error {
	switch {
	case b.source.err != nil:
		return b.source.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return broken("it ends too early")
	}
	return broken("%w", err)
}

// readAll hands over every item, then checks the end.
func (b *backupReader) readAll(ctx context.Context, each func(Item) error, o Options) (*Contents, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		line, err := b.line()
		if err != nil {
			return nil, err
		}
		var f frame
		if err := json.Unmarshal(line, &f); err != nil {
			return nil, broken("a frame is none: %w", err)
		}
		if f.End != nil {
			return b.finish(f.End)
		}
		b.sum.Write(line)
		if err := b.item(&f, each); err != nil {
			return nil, err
		}
		o.tell("bytes", b.source.n, 0)
	}
}

func (b *backupReader) item(f *frame, each func(Item) error) error {
	if f.Size < 0 {
		return broken("an item has no size")
	}
	if !b.parts[f.Part] {
		return broken("it holds %q, which this version doesn't know; install a newer one", f.Part)
	}
	b.items[f.Part]++
	if f.Part == logPart {
		return b.commit(f, each)
	}
	if _, isTable := tableOf(f.Part); isTable && f.Size > maxRowBytes {
		return broken("a row has %d bytes", f.Size)
	}
	c := &content{from: io.TeeReader(b.lines, b.sum), left: f.Size}
	if err := each(Item{Part: f.Part, Key: f.Key, Size: f.Size, Content: c}); err != nil && c.err == nil {
		return err
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return b.fault(err)
	}
	return b.feed()
}

func tableOf(part string) (store.Table, bool) {
	t := store.Table(part)
	return t, slices.Contains(store.AllTables, t)
}

// content is an item's bytes. It remembers why they couldn't be read.
type content struct {
	from io.Reader
	left int64
	err  error
}

func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.from.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if c.left > 0 {
		c.err = err
	}
	return n, c.err
}

// commit checks the chain, too, so that a commit that comes out of a backup is
// one that was sealed.
func (b *backupReader) commit(f *frame, each func(Item) error) error {
	head := b.heads[f.Area]
	if f.Size > store.MaxCommitBytes || f.First != head.Seq+1 {
		return broken("area %q has a commit %d to %d after %d", f.Area, f.First, f.Last, head.Seq)
	}
	var sealed bytes.Buffer
	if _, err := io.Copy(io.MultiWriter(&sealed, b.sum), &content{from: b.lines, left: f.Size}); err != nil {
		return b.fault(err)
	}
	if err := b.feed(); err != nil {
		return err
	}
	opened, err := store.Open(f.Area, f.First, head.Hash, sealed.Bytes())
	if err != nil {
		return broken("area %q: %w", f.Area, err)
	}
	if opened.Hash.String() != f.Hash || opened.Last != f.Last {
		return broken("the commit at %d of area %q doesn't continue its chain", f.First, f.Area)
	}
	b.heads[f.Area] = opened.Head()
	return each(Item{
		Part: logPart, Size: f.Size, Content: &sealed, opened: opened,
		Link: Link{Area: f.Area, First: f.First, Last: f.Last, Previous: head.Hash, Hash: opened.Hash},
	})
}

// feed reads the line feed after an item.
func (b *backupReader) feed() error {
	c, err := b.lines.ReadByte()
	if err != nil {
		return b.fault(err)
	}
	if c != '\n' {
		return broken("an item is longer than it is said to be")
	}
	b.sum.Write([]byte{c})
	return nil
}

// finish compares the end with what came, and makes sure that nothing follows.
func (b *backupReader) finish(e *end) (*Contents, error) {
	var items int64
	for _, n := range b.items {
		items += n
	}
	if e.SHA256 != hex.EncodeToString(b.sum.Sum(nil)) || e.Items != items || !sameHeads(e.Heads, b.heads) {
		return nil, broken("its end doesn't fit what comes before")
	}
	if _, err := b.lines.ReadByte(); err == nil {
		return nil, broken("something follows its end")
	} else if !errors.Is(err, io.EOF) {
		return nil, b.fault(err)
	}
	return &Contents{
		Database: b.header.Database, MadeAt: b.header.MadeAt, Heads: e.Heads, Items: b.items,
	}, nil
}

// sameHeads compares places and hashes; engines keep times more or less
// exactly.
func sameHeads(a, b Heads) bool {
	if len(a) != len(b) {
		return false
	}
	for area, head := range a {
		if other := b[area]; head.Seq != other.Seq || head.Hash != other.Hash {
			return false
		}
	}
	return true
}
