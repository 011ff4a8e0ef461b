package media

import (
	"context"
	"fmt"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// usage is a row of the usage table: what a user began to upload on a day.
type usage struct {
	Day   string `json:"day"` // in UTC
	Bytes int64  `json:"bytes"`
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
	_, err := store.ChangeRow(ctx, s.cfg.Store, store.TableUsage, string(row.User), func(u *usage, _ bool) error {
		if u.Day != today {
			*u = usage{Day: today}
		}
		if u.Bytes+row.Length > s.cfg.DailyQuota {
			return quotaExceeded(fmt.Sprintf("You have uploaded %d MB today, which is as much as one account may. Try again tomorrow.", u.Bytes>>20))
		}
		u.Bytes += row.Length
		return nil
	})
	return err
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
