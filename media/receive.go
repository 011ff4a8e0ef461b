package media

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"io"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Chunk is a part of an upload as it arrives.
type Chunk struct {
	// Offset is where the client believes that the part begins; Length its
	// size, -1 if unknown.
	Offset, Length int64
	Body           io.Reader
	// Hash and Sum check the part, if given.
	Hash hash.Hash
	Sum  []byte
	// Interrupt makes a read of Body that waits return at once, and all later
	// ones fail. It may be called from any goroutine while Receive runs.
	Interrupt func()
}

// Receive adds a part to an upload and finishes it with its last byte: then
// the file is checked, kept, and records that name it are judged. What came
// before the body broke off is kept, and the body's error returned. ctx is for
// all of it, however slowly the body comes.
//
// Returns CodeNotFound, CodeUploadLocked, CodeWrongOffset, CodeTooLarge,
// CodeChecksumMismatch (that part is dropped; at the end, all of the upload),
// CodeNotAPicture and CodeTooManyPixels (all of it), CodeInsufficientStorage.
func (s *Service) Receive(ctx context.Context, principal *inspection.Principal, id string, c Chunk) (Upload, error) {
	row, offset, unlock, err := s.lockedUpload(ctx, principal.Device.User, id, c.Interrupt)
	if err != nil {
		return Upload{}, err
	}
	defer unlock()
	if c.Offset != offset {
		return Upload{}, inspection.Errorf(inspection.CodeWrongOffset, "The upload has %d bytes, not %d. Go on from there.", offset, c.Offset)
	}
	if row.State == receiving {
		n, err := s.appendChunk(ctx, &row, c)
		s.counts.received.Add(n)
		if err != nil {
			return Upload{}, err
		}
		offset += n
		if err := s.extendExpiry(ctx, &row); err != nil {
			return Upload{}, err
		}
	}
	return s.finishIfWhole(ctx, &row, offset)
}

// appendChunk appends the part's bytes to what is here and returns how many stay.
func (s *Service) appendChunk(ctx context.Context, row *uploadRow, c Chunk) (int64, error) {
	left := row.Length - c.Offset
	if c.Length > left {
		return 0, beyondLength(row.Length)
	}
	if err := s.checkFreeSpace(ctx, min(left, max(c.Length, 0))); err != nil {
		return 0, err
	}
	body := c.Body
	if c.Hash != nil {
		body = io.TeeReader(body, c.Hash)
	}
	n, err := s.cfg.Blobs.Append(ctx, row.part(), c.Offset, io.LimitReader(body, left))
	switch {
	case errors.Is(err, store.ErrStale):
		// Another server took bytes of this upload at the same time.
		return 0, uploadLocked()
	case err != nil:
		// Whether the part was what its checksum says can't be told any more;
		// the checksum of the whole will.
		return n, err
	case n == left && goesOn(c.Body):
		err = beyondLength(row.Length)
	case c.Hash != nil && !bytes.Equal(c.Hash.Sum(nil), c.Sum):
		err = inspection.Errorf(inspection.CodeChecksumMismatch, "This part is not what its checksum says, and was dropped. Send it again from %d.", c.Offset)
	}
	if err != nil {
		return 0, errors.Join(err, s.cfg.Blobs.Truncate(ctx, row.part(), c.Offset))
	}
	return n, nil
}

// goesOn reports whether a body has more bytes.
func goesOn(body io.Reader) bool {
	n, _ := io.ReadFull(body, make([]byte, 1)) // its end, or its breaking off
	return n > 0
}

func beyondLength(length int64) error {
	return inspection.Errorf(inspection.CodeTooLarge, "The part goes beyond the end of the file, which has %d bytes by its Upload-Length.", length)
}

// extendExpiry lets an upload that goes on live on. Its row is written at most
// every twentieth of its life.
func (s *Service) extendExpiry(ctx context.Context, row *uploadRow) error {
	next := s.cfg.Now().UTC().Add(s.cfg.UploadTTL)
	if next.Sub(row.Expires) < s.cfg.UploadTTL/20 {
		return nil
	}
	return s.changeUpload(ctx, row, func(u *uploadRow) { u.Expires = next })
}
