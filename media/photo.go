package media

import (
	"context"
	"errors"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Facts are what a photo's file says of itself.
type Facts struct {
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	EXIF   EXIF   `json:"exif"`
}

// photo is a row of the photos table. A row without senders is that of a photo
// that was swept: as good as none.
type photo struct {
	Facts
	Received time.Time `json:"received"`
	Senders  []sender  `json:"senders,omitempty"`
	// Named: a record names the photo, or did. It is kept for ever then.
	Named bool `json:"named,omitempty"`
	// Alike are near-identical photos, at most maxAlike.
	Alike []string `json:"alike,omitempty"`
}

// sender is someone who uploaded the photo, all of it, and where this one
// could write at that time.
type sender struct {
	User inspection.UserID `json:"user"`
	At   time.Time         `json:"at"`
	inspection.Reach
}

func (s *sender) sameBut(user inspection.UserID, reach inspection.Reach) bool {
	return s.User == user && slices.Equal(s.Except, reach.Except)
}

const maxAlike = 20

func (p *photo) here() bool { return len(p.Senders) > 0 }

// sentBy reports whether the user has uploaded the photo.
func (p *photo) sentBy(user inspection.UserID) bool {
	return slices.ContainsFunc(p.Senders, func(s sender) bool { return s.User == user })
}

// countsFor reports whether the photo is here as far as a record is concerned:
// someone uploaded it who could write the record's area, or who did write that
// record. So naming the hash of someone else's picture opens nothing.
func (p *photo) countsFor(rec *store.Record) bool {
	for _, s := range p.Senders {
		if s.Has(rec.Area) {
			return true
		}
		if slices.ContainsFunc(rec.Marks, func(m store.Mark) bool { return m.Device.User == s.User }) {
			return true
		}
	}
	return false
}

// photo reads a row. A photo that isn't here gives the zero photo.
func (s *Service) photo(ctx context.Context, sha256 string) (photo, error) {
	p, err := store.ReadRow[photo](ctx, s.cfg.Store, store.TablePhotos, sha256)
	if errors.Is(err, store.ErrNotFound) {
		return photo{}, nil
	}
	return p, err
}

// changePhoto changes the row of a photo that is here; of another it does
// nothing.
func (s *Service) changePhoto(ctx context.Context, sha256 string, change func(*photo) (changed bool)) (photo, error) {
	return store.ChangeRow(ctx, s.cfg.Store, store.TablePhotos, sha256, func(p *photo, _ bool) error {
		if !p.here() || !change(p) {
			return store.ErrUnchanged
		}
		return nil
	})
}

// mayRead reports whether the principal may see the photo: its senders, and whoever
// reads a record for which it counts.
func (s *Service) mayRead(ctx context.Context, principal *inspection.Principal, sha256 string, p *photo) (bool, error) {
	if !p.here() || p.sentBy(principal.Device.User) {
		return p.here(), nil
	}
	found := false
	err := s.eachNaming(ctx, sha256, func(rec *store.Record) error {
		if principal.CanRead(rec.Area, s.cfg.Now()) && p.countsFor(rec) {
			found = true
			return errEnough
		}
		return nil
	})
	return found, err
}

// errEnough ends a walk early.
var errEnough = errors.New("media: enough")

// eachNaming calls each for all records that name the photo, until it returns an
// error; errEnough is none.
func (s *Service) eachNaming(ctx context.Context, sha256 string, each func(*store.Record) error) error {
	const page = 100
	var after inspection.DocID
	for {
		records, err := s.cfg.Store.ByTerm(ctx, store.TermPhoto+sha256, after, page)
		if err != nil {
			return err
		}
		for i := range records {
			after = records[i].ID
			if err := each(&records[i]); err != nil {
				return ignoring(err, errEnough)
			}
		}
		if len(records) < page {
			return nil
		}
	}
}

func original(sha256 string) store.BlobName {
	return store.BlobName{Kind: store.Originals, Key: sha256}
}
