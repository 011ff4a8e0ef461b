package media

import (
	"context"
	"fmt"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// usage is a row of the usage table: what a user began to upload on a day, and
// how long decoding it has taken.
type usage struct {
	Day     string        `json:"day"` // in UTC
	Bytes   int64         `json:"bytes"`
	Decoded time.Duration `json:"decoded,omitempty"` // in nanoseconds
}

// admit checks an upload against the disk and against how many its user has
// under way.
func (s *Service) admit(ctx context.Context, row *uploadRow) error {
	if err := s.checkFreeSpace(ctx, row.Length); err != nil {
		return err
	}
	open := 0
	return store.ScanRows(ctx, s.cfg.Store, store.TableUploads, string(row.User)+"/", func(r store.Row) error {
		if open++; open >= maxOpen {
			return quotaExceeded(fmt.Sprintf("You have %d uploads under way. Finish or end some of them.", open))
		}
		return nil
	})
}

// maxOpen is how many uploads one user may have that are unfinished, or were
// finished within the last hour.
const maxOpen = 1000

// charge counts an upload's bytes for its user's day. What never arrives
// counts too: the quota bounds what one account can do to the disk, and an
// honest phone uses a tenth of it.
func (s *Service) charge(ctx context.Context, row *uploadRow) error {
	today := row.Created.Format("2006-01-02")
	decoded := s.takeDecoded(row.User)
	var refused error
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TableUsage, string(row.User), func(u *usage, _ bool) error {
		if u.Day != today {
			*u = usage{Day: today}
		}
		u.Decoded += decoded
		if refused = s.overQuota(u, row.Length); refused == nil {
			u.Bytes += row.Length
		} else if decoded == 0 {
			return store.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		s.noteDecoded(row.User, decoded)
		return err
	}
	return refused
}

func (s *Service) overQuota(u *usage, length int64) error {
	switch {
	case u.Bytes+length > s.cfg.DailyQuota:
		return quotaExceeded(fmt.Sprintf("You have uploaded %d MB today, which is as much as one account may. Try again tomorrow.", u.Bytes>>20))
	case u.Decoded >= s.cfg.DecodeQuota:
		return quotaExceeded(fmt.Sprintf("Decoding your photos of today has taken %d minutes, which is as much as one account may. Try again tomorrow.", u.Decoded/time.Minute))
	}
	return nil
}

// noteDecoded notes how long a user's pictures have taken. It is written down
// when the user begins the next upload, with what that is charged.
func (s *Service) noteDecoded(user inspection.UserID, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if took > 0 {
		s.decoded[user] += took
	}
}

func (s *Service) takeDecoded(user inspection.UserID) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.decoded[user]
	delete(s.decoded, user)
	return took
}

func quotaExceeded(detail string) error {
	return inspection.Errorf(inspection.CodeQuotaExceeded, "%s", detail)
}

// checkFreeSpace makes sure that the disk's floor stays free, so that records can still
// be written when photos can't.
func (s *Service) checkFreeSpace(ctx context.Context, bytes int64) error {
	free, err := s.cfg.Blobs.Free(ctx)
	if err != nil || free < 0 || free-bytes >= s.cfg.Floor {
		return err
	}
	s.counts.refuse(inspection.CodeInsufficientStorage)
	return inspection.Errorf(inspection.CodeInsufficientStorage, "%s", inspection.Codes[inspection.CodeInsufficientStorage])
}
