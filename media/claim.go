package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"gridpatrol/inspection"
)

// Claim is what a client says of a photo's file before the file comes, whatever
// the way that it comes by. Whose claim it is, the principal beside it says.
type Claim struct {
	SHA256 string // of the whole file, lower-case hex; "" if the client can't tell
	Length int64  // bytes; below 0 if the client can't tell
	Type   string // as the client believes
}

// check refuses what can never become a photo. typeAt is where the client is to
// name a type that is taken.
func (c *Claim) check(typeAt string) error {
	switch {
	case c.Length == 0:
		return notAPicture("it is empty")
	case c.Length > MaxBytes:
		return tooManyBytes()
	}
	switch strings.ToLower(c.Type) {
	case TypeJPEG, TypePNG, TypeWebP, "image/jpg":
		return nil
	}
	return inspection.Errorf(inspection.CodeMediaType, "Photos are taken as image/jpeg, image/png or image/webp; say which %s.", typeAt)
}

func tooManyBytes() error {
	return inspection.Errorf(inspection.CodeTooLarge, "A photo may have at most %d bytes. Take it with a lower quality or fewer pixels.", MaxBytes)
}

// Accepted is a photo that is kept: its name, and what its file says of itself.
type Accepted struct {
	SHA256 string
	Facts
}

// Accept takes a photo whose file comes in one piece, as in a form, and ends as
// an upload does: checked, kept, and known to the records that name it. Without
// a hash in the claim the file is what comes. A piece that breaks off is thrown
// away, and the body's error returned. Of a photo that the same user has sent
// before, the body isn't read. ctx is for all of it, however slowly it comes.
//
// Returns CodeBadRequest, CodeMediaType, CodeTooLarge, CodeNotAPicture,
// CodeTooManyPixels, CodeChecksumMismatch, CodeQuotaExceeded,
// CodeInsufficientStorage.
func (s *Service) Accept(ctx context.Context, principal *inspection.Principal, c Claim, body io.Reader) (Accepted, error) {
	if c.SHA256 != "" && !inspection.IsSHA256(c.SHA256) {
		return Accepted{}, inspection.Errorf(inspection.CodeBadRequest, "The file's sha256 must be 64 lower-case hex digits.")
	}
	if err := c.check("as the file's media type"); err != nil {
		return Accepted{}, err
	}
	row, err := s.begin(ctx, principal, NewUpload{Claim: c})
	if err != nil {
		return Accepted{}, err
	}
	if row.State == receiving {
		if err := s.receiveWhole(ctx, &row, c, body); err != nil {
			return Accepted{}, err
		}
	}
	return Accepted{SHA256: row.SHA256, Facts: *row.Facts}, nil
}

// receiveWhole reads the file of an upload that nobody can go on with, and
// finishes it. Nobody asks for such an upload again: it goes when it is done.
func (s *Service) receiveWhole(ctx context.Context, row *uploadRow, c Claim, body io.Reader) error {
	unlock, err := s.lockUpload(ctx, row.key(), nil)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.spool(ctx, row, c, body); err != nil {
		return errors.Join(err, s.discard(context.WithoutCancel(ctx), row))
	}
	if err := s.finish(ctx, row); err != nil || row.State != done {
		return err // what is verified, but not known to all yet, is for a sweep
	}
	return s.discard(ctx, row)
}

// spool writes the file down and fills in what the claim left open.
func (s *Service) spool(ctx context.Context, row *uploadRow, c Claim, body io.Reader) error {
	h := sha256.New()
	n, err := s.cfg.Blobs.Append(ctx, row.part(), 0, io.TeeReader(io.LimitReader(body, row.Length), h))
	s.counts.received.Add(n)
	switch {
	case err != nil:
		return err
	case n == 0:
		return notAPicture("it is empty")
	case c.Length < 0 && goesOn(body):
		return tooManyBytes()
	case c.Length >= 0 && (n < c.Length || goesOn(body)):
		return inspection.Errorf(inspection.CodeBadRequest, "The file has not the %d bytes that it is said to have. Send it again.", c.Length)
	}
	if c.Length < 0 {
		row.Length = n
		if err := s.charge(ctx, row); err != nil {
			return err
		}
	}
	sum := hex.EncodeToString(h.Sum(nil))
	return s.changeUpload(ctx, row, func(u *uploadRow) {
		u.Length = n
		if u.SHA256 == "" {
			u.SHA256 = sum
		}
	})
}
