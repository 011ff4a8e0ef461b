package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// refusals are the codes with which an upload ends for good.
var refusals = []inspection.Code{
	inspection.CodeChecksumMismatch, inspection.CodeNotAPicture, inspection.CodeTooManyPixels,
}

// finish checks a file whose last byte is here and keeps it. What is refused
// is gone before the client hears of it.
func (s *Service) finish(ctx context.Context, row *uploadRow) error {
	var d *decoded
	if row.State == receiving {
		var err error
		d, err = s.inspect(ctx, row)
		if code := inspection.CodeOf(err); slices.Contains(refusals, code) {
			s.counts.refuse(code)
			return errors.Join(err, s.discard(ctx, row))
		}
		if err != nil {
			return err
		}
		err = s.changeUpload(ctx, row, func(u *uploadRow) { u.State, u.Facts = verified, &d.Facts })
		if err != nil {
			return err
		}
	}
	return s.complete(ctx, row, d)
}

// inspect compares a part with its hash, then decodes it. Returns the
// refusals.
func (s *Service) inspect(ctx context.Context, row *uploadRow) (*decoded, error) {
	open := func() (io.ReadCloser, error) { return s.cfg.Blobs.Open(ctx, row.part(), 0, row.Length) }
	sum, err := sumOf(open)
	if err != nil {
		return nil, err
	}
	if sum != row.SHA256 {
		return nil, inspection.Errorf(inspection.CodeChecksumMismatch, "The file is not what its sha256 says, and was thrown away. Send it again from the start.")
	}
	return s.decoder.decode(ctx, row.User, open, row.Length)
}

func sumOf(open func() (io.ReadCloser, error)) (string, error) {
	file, err := open()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, file.Close())
}

// complete does what follows from a verified file; all of it may be done again.
// First the photo becomes durable. What comes after can wait: if it fails, the
// row stays "verified" and a sweep does it.
func (s *Service) complete(ctx context.Context, row *uploadRow, d *decoded) error {
	if err := s.storePhoto(ctx, row); err != nil {
		return err
	}
	if err := s.publish(ctx, row, d); err != nil {
		s.cfg.Log.Warn("a photo is kept, but not yet known to all records", "upload", row.ID, "error", err)
		return nil
	}
	s.counts.finished.Add(1)
	expires := s.cfg.Now().UTC().Add(doneTTL)
	return s.changeUpload(ctx, row, func(u *uploadRow) { u.State, u.Expires = done, expires })
}

// storePhoto gives the file its name and writes down who sent it. An upload that was
// done at its creation has no part.
func (s *Service) storePhoto(ctx context.Context, row *uploadRow) error {
	if err := s.cfg.Blobs.Move(ctx, row.part(), original(row.SHA256)); err != nil {
		return err
	}
	now := s.cfg.Now().UTC()
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TablePhotos, row.SHA256, func(p *photo, _ bool) error {
		if !p.here() {
			*p = photo{Facts: *row.Facts, Received: now}
		}
		p.sent(row.User, now, row.Reach)
		return nil
	})
	return err
}

// sent notes that the user has uploaded the photo; areas add up.
func (p *photo) sent(user inspection.UserID, at time.Time, reach inspection.Reach) {
	i := slices.IndexFunc(p.Senders, func(s sender) bool { return s.sameBut(user, reach) })
	if i < 0 {
		p.Senders = append(p.Senders, sender{User: user, At: at, Reach: inspection.Reach{Except: reach.Except}})
		i = len(p.Senders) - 1
	}
	for _, a := range reach.Areas {
		if !slices.Contains(p.Senders[i].Areas, a) {
			p.Senders[i].Areas = append(p.Senders[i].Areas, a)
		}
	}
}

// publish makes what people look at, finds photos that look alike, and
// judges the records that name any of them.
func (s *Service) publish(ctx context.Context, row *uploadRow, d *decoded) error {
	if d != nil {
		if err := s.decoder.putViews(ctx, row.SHA256, d.views); err != nil {
			return err
		}
	}
	alike, err := s.findAlike(ctx, row.SHA256, d)
	if err != nil {
		return err
	}
	for _, sha := range append([]string{row.SHA256}, alike...) {
		err := s.eachNaming(ctx, sha, func(rec *store.Record) error { return s.refreshEvidence(ctx, rec.Area, rec.ID) })
		if err != nil {
			return err
		}
	}
	return nil
}
