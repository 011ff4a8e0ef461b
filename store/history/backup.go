package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"gridpatrol/inspection"
)

// A backup is one zstd stream of frames. A frame is a line of JSON, for items
// followed by as many bytes as its size says and a line feed; so `zstdcat`
// shows one to a person. The first frame is the header, the last one the end,
// with the SHA-256 of everything before it: a stream without a right end was
// cut or changed.

// backupFormat is the version of the form. Readers refuse higher ones.
const backupFormat = 1

// Bounds of what a reader takes.
const (
	maxLineBytes = 1 << 20
	maxRowBytes  = 16 << 20
	maxWindow    = 8 << 20
)

// header begins a backup.
type header struct {
	Format   int       `json:"gridpatrol_backup"`
	ID       string    `json:"id"`
	Database string    `json:"database"`
	MadeAt   time.Time `json:"made_at"`
}

// frame is the line of an item, or of the end.
type frame struct {
	Part  string          `json:"part,omitempty"`
	Key   string          `json:"key,omitempty"`
	Size  int64           `json:"size"`
	Area  inspection.Area `json:"area,omitempty"`
	First int64           `json:"first,omitempty"`
	Last  int64           `json:"last,omitempty"`
	Hash  string          `json:"hash,omitempty"`
	End   *end            `json:"end,omitempty"`
}

// end is the last frame.
type end struct {
	Items  int64  `json:"items"`
	Heads  Heads  `json:"heads"`
	SHA256 string `json:"sha256"`
}

// Contents tells what was carried.
type Contents struct {
	// Database is the id of the database that it came from.
	Database string
	MadeAt   time.Time
	Heads    Heads
	// Items counts what each part held: commits, rows, pictures.
	Items map[string]int64
}

// Entries returns the number of entries in all logs.
func (c *Contents) Entries() int64 {
	var n int64
	for _, head := range c.Heads {
		n += head.Seq
	}
	return n
}

// Backup writes everything that the database holds, as of now, while others
// may write to it. Memory doesn't grow with the database. Returns
// store.ErrDamaged for a log whose chain is broken, ErrEmpty, ErrUnfinished.
func Backup(ctx context.Context, from Database, w io.Writer, o Options) (*Contents, error) {
	if err := checkSource(ctx, from.Store); err != nil {
		return nil, err
	}
	id, err := from.Store.ID(ctx)
	if err != nil {
		return nil, err
	}
	packer, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxWindow))
	if err != nil {
		return nil, err
	}
	b := &backupWriter{to: packer, sum: sha256.New(), contents: Contents{
		Database: id, MadeAt: o.Now().UTC(), Items: map[string]int64{},
	}}
	logs := newLogs(from.Store, nil, o)
	if err := b.writeAll(ctx, header{backupFormat, o.NewID(), id, b.contents.MadeAt}, from.parts(logs)); err != nil {
		return nil, err
	}
	b.contents.Heads = logs.upto
	if err := b.writeEnd(); err != nil {
		return nil, err
	}
	return &b.contents, packer.Close()
}

type backupWriter struct {
	to       io.Writer
	sum      hash.Hash
	contents Contents
}

func (b *backupWriter) writeAll(ctx context.Context, h header, parts []Part) error {
	if err := b.line(h); err != nil {
		return err
	}
	for _, p := range parts {
		b.contents.Items[p.Name()] = 0
		if err := p.Read(ctx, b.item); err != nil {
			return fmt.Errorf("reading %s: %w", p.Name(), err)
		}
	}
	return nil
}

func (b *backupWriter) item(item Item) error {
	f := frame{Part: item.Part, Key: item.Key, Size: item.Size, Area: item.Area, First: item.First, Last: item.Last}
	if !utf8.ValidString(item.Key) {
		return fmt.Errorf("the key %q is not text", item.Key)
	}
	if item.Part == logPart {
		f.Hash = item.Hash.String()
	}
	if err := b.line(f); err != nil {
		return err
	}
	n, err := io.Copy(b, item.Content)
	if err == nil && n != item.Size {
		err = fmt.Errorf("%s %s has %d bytes, not %d", item.Part, item.Key, n, item.Size)
	}
	if err != nil {
		return err
	}
	b.contents.Items[item.Part]++
	_, err = b.Write([]byte{'\n'})
	return err
}

func (b *backupWriter) writeEnd() error {
	e := end{Heads: b.contents.Heads, SHA256: hex.EncodeToString(b.sum.Sum(nil))}
	for _, n := range b.contents.Items {
		e.Items += n
	}
	return b.line(frame{End: &e})
}

func (b *backupWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = b.Write(append(text, '\n'))
	}
	return err
}

// Write implements io.Writer: everything that is written is summed.
func (b *backupWriter) Write(p []byte) (int, error) {
	b.sum.Write(p)
	return b.to.Write(p)
}
