package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// sweepUploads goes through all uploads: finishes those whose last byte is
// here, ends those that expired, and drops parts that no upload knows.
func (s *Service) sweepUploads(ctx context.Context) error {
	known := map[string]bool{}
	var failed error
	err := store.ScanRows(ctx, s.cfg.Store, store.TableUploads, "", func(r store.Row) error {
		var row uploadRow
		if err := json.Unmarshal(r.Value, &row); err != nil {
			return fmt.Errorf("reading an upload: %w", err)
		}
		known[row.ID] = true
		failed = errors.Join(failed, s.sweepUpload(ctx, row.User, row.ID))
		return ctx.Err()
	})
	return errors.Join(err, failed, s.sweepParts(ctx, known))
}

// sweepUpload looks at one upload, unless a client is at work on it.
func (s *Service) sweepUpload(ctx context.Context, user inspection.UserID, id string) error {
	key := uploadKey(user, id)
	if s.tryLockUpload(key, nil, false) != nil {
		return nil
	}
	defer s.unlockUpload(key)
	row, err := store.ReadRow[uploadRow](ctx, s.cfg.Store, store.TableUploads, key)
	if err != nil {
		return ignoring(err, store.ErrNotFound)
	}
	expired := !s.cfg.Now().Before(row.Expires)
	if row.State == done {
		if expired {
			return s.discard(ctx, &row)
		}
		return nil
	}
	offset, err := s.offset(ctx, &row)
	switch {
	case err != nil:
		return err
	case offset == row.Length:
		if err := s.finish(ctx, &row); !slices.Contains(refusals, inspection.CodeOf(err)) {
			return err
		}
		return nil // what was refused is gone
	case expired:
		return s.discard(ctx, &row)
	}
	return nil
}

// sweepParts drops parts whose upload is unknown, when they are old enough not
// to be one that was made meanwhile.
func (s *Service) sweepParts(ctx context.Context, known map[string]bool) error {
	return eachBlob(ctx, s.cfg.Blobs, store.Parts, func(info store.BlobInfo) error {
		if known[info.Name.Key] || s.cfg.Now().Sub(info.Written) < s.cfg.UploadTTL {
			return nil
		}
		return s.cfg.Blobs.Delete(ctx, info.Name)
	})
}

// photoSweeps is how often the photos are gone through: what is looked for
// takes a month to come about.
const photoSweeps = 24 * time.Hour

// sweepPhotos puts out what nobody ever named.
func (s *Service) sweepPhotos(ctx context.Context) error {
	now := s.cfg.Now()
	s.mu.Lock()
	due := now.Sub(s.photosSwept) >= photoSweeps
	if due {
		s.photosSwept = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return store.ScanRows(ctx, s.cfg.Store, store.TablePhotos, "", func(r store.Row) error {
		var p photo
		if err := json.Unmarshal(r.Value, &p); err != nil {
			return fmt.Errorf("reading a photo: %w", err)
		}
		if !s.unnamed(&p, now) {
			return nil
		}
		return s.discardPhoto(ctx, r.Key)
	})
}

// unnamed reports whether no record was ever seen to name the photo, in all
// the time since it was sent last.
func (s *Service) unnamed(p *photo, now time.Time) bool {
	if !p.here() || p.Named {
		return false
	}
	for _, sender := range p.Senders {
		if now.Sub(sender.At) < s.cfg.UnnamedTTL {
			return false
		}
	}
	return true
}

// discardPhoto takes a photo out of use. First its row stops saying that it is here,
// on condition that no record was found to name it meanwhile; then the file
// goes to the trash, from where it comes back if someone sends it again at
// this moment.
func (s *Service) discardPhoto(ctx context.Context, sha string) error {
	named := false
	err := s.eachNaming(ctx, sha, func(*store.Record) error {
		named = true
		return errEnough
	})
	if err != nil || named {
		return err
	}
	var was photo
	_, err = store.ChangeRow(ctx, s.cfg.Store, store.TablePhotos, sha, func(p *photo, _ bool) error {
		if was = *p; !s.unnamed(p, s.cfg.Now()) {
			was = photo{}
			return store.ErrUnchanged
		}
		*p = photo{}
		return nil
	})
	if err != nil || !was.here() {
		return err
	}
	s.cfg.Log.Info("a photo that nothing names is put out", "sha256", sha)
	return errors.Join(
		s.likeness.deletePrint(ctx, was.Received, sha),
		s.cfg.Blobs.Delete(ctx, viewName(store.Large, sha)),
		s.cfg.Blobs.Delete(ctx, viewName(store.Small, sha)),
		ignoring(s.cfg.Blobs.Move(ctx, original(sha), trashed(sha)), store.ErrNotFound),
	)
}

func trashed(sha string) store.BlobName { return store.BlobName{Kind: store.Trash, Key: sha} }

// trashTTL is how long a file stays in the trash at least, from when a sweep
// first saw it there: longer than any upload takes from moving its file to
// writing its row.
const trashTTL = time.Hour

// sweepTrash empties the trash, and takes out of it what someone has sent
// again.
func (s *Service) sweepTrash(ctx context.Context) error {
	return eachBlob(ctx, s.cfg.Blobs, store.Trash, func(info store.BlobInfo) error {
		sha := info.Name.Key
		p, err := s.photo(ctx, sha)
		if err != nil {
			return err
		}
		if p.here() {
			_, err := s.decoder.findOriginal(ctx, sha)
			if err != nil {
				return err
			}
			return s.cfg.Blobs.Delete(ctx, info.Name)
		}
		now := s.cfg.Now()
		s.mu.Lock()
		since, seen := s.trash[sha]
		if !seen {
			s.trash[sha] = now
		}
		s.mu.Unlock()
		if !seen || now.Sub(since) < trashTTL {
			return nil
		}
		s.mu.Lock()
		delete(s.trash, sha)
		s.mu.Unlock()
		return s.cfg.Blobs.Delete(ctx, info.Name)
	})
}

// Sweep finishes uploads that a crash left verified, drops those that expired,
// judges the records that changed since the last sweep, and puts out what
// nothing names.
func (s *Service) Sweep(ctx context.Context) error {
	defer s.wakeUp()
	return errors.Join(s.sweepUploads(ctx), s.sweepRecords(ctx), s.sweepPhotos(ctx), s.sweepTrash(ctx))
}

// sweepRecords judges what changed in each area since it was last looked
// through. Usually that was done before: then nothing is written but the
// position.
func (s *Service) sweepRecords(ctx context.Context) error {
	heads, err := s.cfg.Store.Heads(ctx)
	if err != nil {
		return err
	}
	database, err := s.cfg.Store.ID(ctx)
	if err != nil {
		return err
	}
	var failed error
	for area, head := range heads {
		if area != inspection.ReferenceArea {
			failed = errors.Join(failed, s.sweepArea(ctx, database, area, head.Seq))
		}
	}
	return failed
}

// swept is a row of the swept table: all records up to Seq have been judged.
// It counts in the database that it was written in: a restored one is looked
// through from the start.
type swept struct {
	Database string `json:"database"`
	Seq      int64  `json:"seq"`
}

func (s *Service) sweepArea(ctx context.Context, database string, area inspection.Area, head int64) error {
	row, err := store.ReadRow[swept](ctx, s.cfg.Store, store.TableSwept, string(area))
	if row.Database != database {
		row.Seq = 0
	}
	if err = ignoring(err, store.ErrNotFound); err != nil || row.Seq >= head {
		return err
	}
	from := row.Seq
	for more := true; more; {
		page, err := s.cfg.Store.Changes(ctx, store.ChangesQuery{
			Area: area, Collections: []inspection.Collection{inspection.Inspections, inspection.Tasks}, After: from, Limit: 200,
		})
		if err != nil {
			return err
		}
		for i := range page.Records {
			if err := s.sweepRecord(ctx, &page.Records[i]); err != nil {
				return fmt.Errorf("judging %s: %w", page.Records[i].ID, err)
			}
		}
		from, more = page.Seq, page.More
		if err := s.noteSwept(ctx, area, swept{database, from}); err != nil {
			return err
		}
	}
	return nil
}

// noteSwept moves the position up, never down: another process may be ahead.
func (s *Service) noteSwept(ctx context.Context, area inspection.Area, upto swept) error {
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TableSwept, string(area), func(row *swept, _ bool) error {
		if row.Database == upto.Database && row.Seq >= upto.Seq {
			return store.ErrUnchanged
		}
		*row = upto
		return nil
	})
	return err
}

// sweepRecord judges a record unless it certainly has no evidence, and has
// those judged that share photos with it: whoever judged it before may have
// died before telling them.
func (s *Service) sweepRecord(ctx context.Context, rec *store.Record) error {
	if !rec.Index.Names(store.TermPhoto) && !rec.Index.Names(store.TermFlag) && rec.Index.Evidence == "" {
		return nil
	}
	if err := s.refreshEvidence(ctx, rec.Area, rec.ID); err != nil {
		return err
	}
	for _, sha := range photosOf(rec) {
		if err := s.requeueSharing(ctx, rec.ID, sha); err != nil {
			return err
		}
	}
	return nil
}
