package media

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"time"

	"github.com/corona10/goimagehash"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// findAlike finds the photos that are near-identical to one that has just come,
// notes them on both sides and returns them. Its own fingerprint is durable
// before it looks: of two that come at the same moment, at least one finds
// the other.
func (s *Service) findAlike(ctx context.Context, sha string, d *decoded) ([]string, error) {
	p, err := s.photo(ctx, sha)
	if err != nil || !p.here() {
		return nil, err
	}
	thumb, err := s.thumb(ctx, sha, d)
	if err != nil {
		return nil, err
	}
	own, err := fingerprintOf(thumb)
	if err != nil {
		return nil, err
	}
	if err := s.likeness.putPrint(ctx, p.Received, sha, own); err != nil {
		return nil, err
	}
	near, err := s.likeness.nearest(ctx, sha, own)
	if err != nil {
		return nil, err
	}
	alike, err := s.lookClosely(ctx, detailOf(thumb), near)
	if err != nil {
		return nil, err
	}
	for _, other := range alike {
		if err := errors.Join(s.noteAlike(ctx, sha, other), s.noteAlike(ctx, other, sha)); err != nil {
			return nil, err
		}
	}
	return alike, nil
}

// thumb is a photo's small view as pixels.
func (s *Service) thumb(ctx context.Context, sha string, d *decoded) (image.Image, error) {
	if d != nil {
		return d.thumb, nil
	}
	data, err := s.decoder.view(ctx, "", sha, store.Small)
	if err != nil {
		return nil, err
	}
	return jpeg.Decode(bytes.NewReader(data))
}

// lookClosely returns those of the photos whose detail agrees.
func (s *Service) lookClosely(ctx context.Context, own *detail, near []string) ([]string, error) {
	var alike []string
	for _, sha := range near {
		thumb, err := s.thumb(ctx, sha, nil)
		if inspection.CodeOf(err) == inspection.CodeNotFound {
			continue // it was swept
		}
		if err != nil {
			return nil, err
		}
		if agreement(own, detailOf(thumb)) >= matchFrom {
			alike = append(alike, sha)
		}
	}
	return alike, nil
}

func (s *Service) noteAlike(ctx context.Context, sha, other string) error {
	_, err := s.changePhoto(ctx, sha, func(p *photo) bool {
		if slices.Contains(p.Alike, other) || len(p.Alike) >= maxAlike {
			return false
		}
		p.Alike = append(p.Alike, other)
		slices.Sort(p.Alike)
		return true
	})
	return err
}

// fingerprint is a picture's two perceptual hashes: of its coarsest frequencies, and
// of where it gets lighter from left to right. What is done to a picture
// rarely changes both.
type fingerprint struct{ frequencies, slopes uint64 }

// distance is the number of bits that differ; far if one hash differs too
// much. Pictures cut by a tenth differ by up to 18 bits in either.
func (p fingerprint) distance(q fingerprint) (bitsApart int, far bool) {
	f, s := bits.OnesCount64(p.frequencies^q.frequencies), bits.OnesCount64(p.slopes^q.slopes)
	return f + s, f > 20 || s > 20
}

func fingerprintOf(m image.Image) (fingerprint, error) {
	f, err := goimagehash.PerceptionHash(m)
	if err != nil {
		return fingerprint{}, fmt.Errorf("hashing a picture: %w", err)
	}
	s, err := goimagehash.DifferenceHash(m)
	if err != nil {
		return fingerprint{}, fmt.Errorf("hashing a picture: %w", err)
	}
	return fingerprint{f.GetHash(), s.GetHash()}, nil
}

// likeness knows the prints of all photos. They are compared one by one: a
// million take some milliseconds and 48 MB, and no index of near values is
// faster at distances as large as cutting makes.
//
// Rows of its table are keyed by the time of their writing, so a process
// learns of another's photos by reading on from where it was.
type likeness struct {
	tables store.Tables

	mu     gosync.Mutex
	keys   [][32]byte
	prints []fingerprint
	// upto is the newest row read; recent are the rows that reading on from
	// overlap before it finds again.
	upto   time.Time
	recent map[string]bool
}

// overlap is how far apart the clocks of processes may be, and how long a row
// may take from its time to its writing.
const overlap = 5 * time.Minute

func likenessKey(at time.Time, sha256 string) string {
	return fmt.Sprintf("%016x/%s", max(at.UnixMilli(), 0), sha256)
}

// putPrint makes the print of a photo durable and known to all processes.
func (l *likeness) putPrint(ctx context.Context, at time.Time, sha256 string, p fingerprint) error {
	value := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, p.frequencies), p.slopes)
	_, err := l.tables.Put(ctx, store.TableLikeness, store.Row{Key: likenessKey(at, sha256), Value: value})
	return ignoring(err, store.ErrStale) // it is there already
}

func (l *likeness) deletePrint(ctx context.Context, at time.Time, sha256 string) error {
	return l.tables.Delete(ctx, store.TableLikeness, likenessKey(at, sha256))
}

// maxCandidates bounds how many photos are compared closely with a new one.
const maxCandidates = 24

// nearest returns the photos whose prints are nearest, the nearest first, without
// the photo itself.
func (l *likeness) nearest(ctx context.Context, sha256 string, p fingerprint) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	type candidate struct{ at, distance int }
	var found []candidate
	for i, q := range l.prints {
		if d, far := p.distance(q); !far {
			found = append(found, candidate{i, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var out []string
	for _, c := range found {
		other := hex.EncodeToString(l.keys[c.at][:])
		if other != sha256 && !slices.Contains(out, other) && len(out) < maxCandidates {
			out = append(out, other)
		}
	}
	return out, nil
}

// catchUp reads the rows that were written since the last time.
func (l *likeness) catchUp(ctx context.Context) error {
	after := likenessKey(l.upto.Add(-overlap), "")
	for {
		rows, err := l.tables.Scan(ctx, store.TableLikeness, "", after, likenessPage)
		if err != nil {
			return fmt.Errorf("reading fingerprints: %w", err)
		}
		for _, row := range rows {
			after = row.Key
			l.keepRow(row)
		}
		begin := likenessKey(l.upto.Add(-overlap), "")
		maps.DeleteFunc(l.recent, func(key string, _ bool) bool { return key < begin })
		if len(rows) < likenessPage {
			return nil
		}
	}
}

const likenessPage = 5000

// keepRow keeps one row, unless it is here already or no fingerprint.
func (l *likeness) keepRow(row store.Row) {
	stamp, sha, _ := strings.Cut(row.Key, "/")
	millis, err := strconv.ParseInt(stamp, 16, 64)
	key, bad := hex.DecodeString(sha)
	if err != nil || bad != nil || len(key) != 32 || len(row.Value) != 16 || l.recent[row.Key] {
		return
	}
	if at := time.UnixMilli(millis); at.After(l.upto) {
		l.upto = at
	}
	l.recent[row.Key] = true
	l.keys = append(l.keys, [32]byte(key))
	l.prints = append(l.prints, fingerprint{binary.BigEndian.Uint64(row.Value), binary.BigEndian.Uint64(row.Value[8:])})
}
