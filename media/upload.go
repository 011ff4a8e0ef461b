package media

import (
	"context"
	"errors"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// NewUpload is what a client says of a file that it is going to send in parts.
// Its claim must have a hash and a length.
type NewUpload struct {
	Claim
	// Metadata is what the client said, verbatim: it gets it back.
	Metadata string
}

// Upload is a file on its way. Offset is how many bytes of it are here and
// durable; at Length it is done: checked, kept and known to records.
type Upload struct {
	ID       string
	Offset   int64
	Length   int64
	Expires  time.Time
	Metadata string
}

// uploadRow is a row of the uploads table, under "<user>/<id>".
type uploadRow struct {
	User     inspection.UserID `json:"user"`
	ID       string            `json:"id"`
	SHA256   string            `json:"sha256"`
	Length   int64             `json:"length"`
	Metadata string            `json:"metadata"`
	Created  time.Time         `json:"created"`
	Expires  time.Time         `json:"expires"`
	// Reach is where the user could write when the upload was made.
	inspection.Reach
	State uploadState `json:"state"`
	// Facts are known from "verified" on.
	Facts *Facts `json:"facts,omitempty"`
}

// uploadState says how far an upload has come.
type uploadState string

const (
	receiving uploadState = ""
	// verified: the file is whole and a picture. From here on everything may
	// be done again after a crash.
	verified uploadState = "verified"
	// done: the row only answers a client that lost the last reply.
	done uploadState = "done"
)

func (u *uploadRow) key() string { return uploadKey(u.User, u.ID) }

func uploadKey(user inspection.UserID, id string) string { return string(user) + "/" + id }

func (u *uploadRow) part() store.BlobName { return store.BlobName{Kind: store.Parts, Key: u.ID} }

func (u *uploadRow) at(offset int64) Upload {
	return Upload{ID: u.ID, Offset: offset, Length: u.Length, Expires: u.Expires, Metadata: u.Metadata}
}

// doneTTL is how long the row of a finished upload answers a client that lost
// the last reply. Later, beginning it anew is answered as done at once.
const doneTTL = time.Hour

// Create begins an upload. One of a photo that the same user has sent before
// is done at once. Returns CodeBadRequest, CodeMediaType, CodeTooLarge,
// CodeNotAPicture, CodeQuotaExceeded, CodeInsufficientStorage.
func (s *Service) Create(ctx context.Context, principal *inspection.Principal, n NewUpload) (Upload, error) {
	if err := n.check(); err != nil {
		return Upload{}, err
	}
	row, err := s.begin(ctx, principal, n)
	if err != nil {
		return Upload{}, err
	}
	if row.State == receiving {
		return row.at(0), nil
	}
	return row.at(row.Length), nil
}

// check refuses what no upload can be made of.
func (n *NewUpload) check() error {
	switch {
	case !inspection.IsSHA256(n.SHA256):
		return inspection.Errorf(inspection.CodeBadRequest, "Upload-Metadata must name the file's sha256, 64 lower-case hex digits.")
	case n.Length < 0:
		return inspection.Errorf(inspection.CodeBadRequest, "Upload-Length must be the file's size in bytes.")
	}
	return n.Claim.check("as filetype in Upload-Metadata")
}

// begin makes an upload of a claim. One of a photo that the same user has sent
// before needs no bytes: it is completed at once.
func (s *Service) begin(ctx context.Context, principal *inspection.Principal, n NewUpload) (uploadRow, error) {
	now := s.cfg.Now().UTC()
	row := uploadRow{
		User: principal.Device.User, ID: s.cfg.NewID(), SHA256: n.SHA256, Length: n.Length, Metadata: n.Metadata,
		Created: now, Expires: now.Add(s.cfg.UploadTTL), Reach: principal.Writable(now),
	}
	p, err := s.photo(ctx, n.SHA256)
	if err != nil {
		return row, err
	}
	if p.sentBy(principal.Device.User) {
		// A file that was lost from under its row is sent anew.
		if _, err := s.decoder.findOriginal(ctx, n.SHA256); inspection.CodeOf(err) != inspection.CodeNotFound {
			err = s.beginDone(ctx, &row, &p, err)
			return row, err
		}
	}
	if n.Length < 0 {
		row.Length = MaxBytes
	}
	if err := s.admit(ctx, &row); err != nil {
		return row, err
	}
	if n.Length >= 0 {
		if err := s.charge(ctx, &row); err != nil {
			return row, err
		}
	}
	if err := s.putUpload(ctx, &row); err != nil {
		return row, err
	}
	s.counts.created.Add(1)
	return row, nil
}

// beginDone makes an upload of what is here: the user's own photo, maybe for
// an area that is new to the user.
func (s *Service) beginDone(ctx context.Context, row *uploadRow, p *photo, err error) error {
	if err != nil {
		return err
	}
	row.State, row.Facts = verified, &p.Facts
	row.Length = p.Bytes
	if p.knows(row.User, row.Reach) {
		row.State, row.Expires = done, row.Created.Add(doneTTL)
		return s.putUpload(ctx, row)
	}
	if err := s.putUpload(ctx, row); err != nil {
		return err
	}
	return s.complete(ctx, row, nil)
}

// knows reports whether all of areas are among those noted for a sender.
func (p *photo) knows(user inspection.UserID, reach inspection.Reach) bool {
	for _, s := range p.Senders {
		if s.sameBut(user, reach) {
			return !slices.ContainsFunc(reach.Areas, func(a inspection.Area) bool { return !slices.Contains(s.Areas, a) })
		}
	}
	return false
}

// putUpload writes a new row.
func (s *Service) putUpload(ctx context.Context, row *uploadRow) error {
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TableUploads, row.key(), func(v *uploadRow, _ bool) error {
		*v = *row
		return nil
	})
	return err
}

// changeUpload changes a row that is there.
func (s *Service) changeUpload(ctx context.Context, row *uploadRow, change func(*uploadRow)) error {
	changed, err := store.ChangeRow(ctx, s.cfg.Store, store.TableUploads, row.key(), func(v *uploadRow, found bool) error {
		if !found {
			return store.ErrUnchanged
		}
		change(v)
		return nil
	})
	if err == nil && changed.ID != "" {
		*row = changed
	}
	return err
}

// upload reads the row of an upload of the user's. Returns CodeNotFound for
// one that is someone else's, that ended or that expired.
func (s *Service) upload(ctx context.Context, user inspection.UserID, id string) (uploadRow, error) {
	row, err := store.ReadRow[uploadRow](ctx, s.cfg.Store, store.TableUploads, uploadKey(user, id))
	gone := errors.Is(err, store.ErrNotFound)
	if err != nil && !gone {
		return row, err
	}
	if gone || !s.cfg.Now().Before(row.Expires) {
		return row, inspection.Errorf(inspection.CodeNotFound, "There is no such upload, or it has expired or failed. Begin it anew.")
	}
	return row, nil
}

// offset returns how much of an upload is here.
func (s *Service) offset(ctx context.Context, row *uploadRow) (int64, error) {
	if row.State != receiving {
		return row.Length, nil
	}
	info, err := s.cfg.Blobs.Stat(ctx, row.part())
	return info.Size, ignoring(err, store.ErrNotFound)
}

// Upload tells how far an upload is. A server that was killed after the last
// byte finishes it here, so an offset of Length always means done. Returns
// CodeNotFound, CodeUploadLocked, and what the end of Receive returns.
func (s *Service) Upload(ctx context.Context, principal *inspection.Principal, id string) (Upload, error) {
	row, offset, unlock, err := s.lockedUpload(ctx, principal.Device.User, id, nil)
	if err != nil {
		return Upload{}, err
	}
	defer unlock()
	return s.finishIfWhole(ctx, &row, offset)
}

// lockedUpload locks an upload and tells how much of it is here. unlock gives
// it up again. Returns CodeNotFound, CodeUploadLocked.
func (s *Service) lockedUpload(ctx context.Context, user inspection.UserID, id string, interrupt func()) (row uploadRow, offset int64, unlock func(), err error) {
	unlock, err = s.lockUpload(ctx, uploadKey(user, id), interrupt)
	if err != nil {
		return row, 0, nil, err
	}
	if row, err = s.upload(ctx, user, id); err == nil {
		offset, err = s.offset(ctx, &row)
	}
	if err != nil {
		unlock()
		return row, 0, nil, err
	}
	return row, offset, unlock, nil
}

// finishIfWhole finishes an upload whose last byte is here.
func (s *Service) finishIfWhole(ctx context.Context, row *uploadRow, offset int64) (Upload, error) {
	if offset < row.Length || row.State == done {
		return row.at(offset), nil
	}
	if err := s.finish(ctx, row); err != nil {
		return Upload{}, err
	}
	return row.at(row.Length), nil
}

// Abandon ends an upload and drops what came of it; a photo that is done
// stays. Returns CodeNotFound, CodeUploadLocked.
func (s *Service) Abandon(ctx context.Context, principal *inspection.Principal, id string) error {
	release, err := s.lockUpload(ctx, uploadKey(principal.Device.User, id), nil)
	if err != nil {
		return err
	}
	defer release()
	row, err := s.upload(ctx, principal.Device.User, id)
	if err != nil {
		return err
	}
	return s.discard(ctx, &row)
}

// discard drops an upload: first its bytes, so that none are left that no row
// knows.
func (s *Service) discard(ctx context.Context, row *uploadRow) error {
	if err := s.cfg.Blobs.Delete(ctx, row.part()); err != nil {
		return err
	}
	return s.cfg.Store.Delete(ctx, store.TableUploads, row.key())
}
