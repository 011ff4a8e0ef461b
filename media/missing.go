package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// missingRow is a row of the missing table, under "<user>/<device>/<document>":
// photos that the device named in the document and that aren't here.
type missingRow struct {
	SHA256 []string `json:"sha256"`
}

func missingKey(d inspection.Device, id inspection.DocID) string {
	return missingPrefix(d) + string(id)
}

func missingPrefix(d inspection.Device) string { return string(d.User) + "/" + string(d.ID) + "/" }

// MissingPhotos counts the photos that a device named and that haven't
// arrived from anywhere.
func (s *Service) MissingPhotos(ctx context.Context, d inspection.Device) (int, error) {
	missing := map[string]bool{}
	err := store.ScanRows(ctx, s.cfg.Store, store.TableMissing, missingPrefix(d), func(row store.Row) error {
		list, err := readMissing(row)
		for _, sha := range list {
			missing[sha] = true
		}
		return err
	})
	return len(missing), err
}

// noteMissing writes down which device still owes which photos of a record.
func (s *Service) noteMissing(ctx context.Context, rec *store.Record, doc inspection.Object, known map[string]*seen) error {
	rows, err := s.missingRows(ctx, []*store.Record{rec})
	if err != nil {
		return err
	}
	var missing []string
	for _, p := range inspection.Photos(doc) {
		if k := known[p.SHA256]; !rec.Deleted && k != nil && !k.here && !slices.Contains(missing, p.SHA256) {
			missing = append(missing, p.SHA256)
		}
	}
	return s.updateMissing(ctx, rec, missing, rows)
}

// missingRows reads the rows of all devices that edited the records, by key.
func (s *Service) missingRows(ctx context.Context, records []*store.Record) (map[string]store.Row, error) {
	var keys []string
	for _, rec := range records {
		for _, m := range rec.Marks {
			keys = append(keys, missingKey(m.Device, rec.ID))
		}
	}
	rows, err := s.cfg.Store.Rows(ctx, store.TableMissing, keys)
	found := make(map[string]store.Row, len(rows))
	for _, row := range rows {
		found[row.Key] = row
	}
	return found, err
}

// updateMissing changes the rows that differ from what is missing now. If someone
// else did at the same time, the record is judged again.
func (s *Service) updateMissing(ctx context.Context, rec *store.Record, missing []string, rows map[string]store.Row) error {
	held := map[inspection.Device][]string{}
	unclaimed := slices.Clone(missing)
	for _, m := range rec.Marks {
		row, known := rows[missingKey(m.Device, rec.ID)]
		if !known {
			continue
		}
		list, err := readMissing(row)
		if err != nil {
			return err
		}
		held[m.Device] = list
		unclaimed = slices.DeleteFunc(unclaimed, func(sha string) bool { return slices.Contains(list, sha) })
	}
	fresh, err := s.namers(ctx, rec, unclaimed)
	if err != nil {
		return err
	}
	for _, m := range rec.Marks {
		before := held[m.Device]
		now := slices.DeleteFunc(slices.Concat(before, fresh[m.Device]), func(sha string) bool { return !slices.Contains(missing, sha) })
		if slices.Equal(before, now) {
			continue
		}
		key := missingKey(m.Device, rec.ID)
		if err := s.writeMissing(ctx, store.Row{Key: key, Version: rows[key].Version}, now); errors.Is(err, store.ErrStale) {
			s.enqueue(rec.Area, rec.ID)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) writeMissing(ctx context.Context, row store.Row, now []string) error {
	if len(now) == 0 {
		return s.cfg.Store.Delete(ctx, store.TableMissing, row.Key)
	}
	var err error
	if row.Value, err = json.Marshal(missingRow{now}); err != nil {
		return err
	}
	_, err = s.cfg.Store.Put(ctx, store.TableMissing, row)
	return err
}

// Bounds of the search for who named a photo.
const (
	namerPage = 16
	namerMax  = 128
)

// namers finds in the record's history which device first named each photo,
// in the latest stretch of revisions that name it.
func (s *Service) namers(ctx context.Context, rec *store.Record, photos []string) (map[inspection.Device][]string, error) {
	if len(rec.Marks) == 1 { // no other device has edited it
		return map[inspection.Device][]string{rec.Marks[0].Device: photos}, nil
	}
	found := map[string]inspection.Device{}
	open := slices.Clone(photos)
	revisions := rec.Revisions
	for looked := 0; len(open) > 0 && len(revisions) > 0 && looked < namerMax; looked += namerPage {
		from := max(len(revisions)-namerPage, 0)
		entries, err := s.cfg.Store.Entries(ctx, rec.Area, revisions[from:])
		if err != nil {
			return nil, err
		}
		revisions = revisions[:from]
		for i := len(entries) - 1; i >= 0; i-- {
			open = namedStill(&entries[i], open, found)
		}
	}
	out := map[inspection.Device][]string{}
	for _, sha := range photos {
		if d, ok := found[sha]; ok {
			out[d] = append(out[d], sha)
		}
	}
	return out, nil
}

// namedStill notes the entry's device for the photos that its document names,
// and returns them: an older entry may have named them first.
func namedStill(e *store.Entry, open []string, found map[string]inspection.Device) []string {
	doc, err := inspection.ParseObject(e.Doc)
	if err != nil {
		return open
	}
	var still []string
	for _, p := range inspection.Photos(doc) {
		if slices.Contains(open, p.SHA256) && !slices.Contains(still, p.SHA256) {
			still = append(still, p.SHA256)
			if e.FromPhone() {
				found[p.SHA256] = e.By()
			}
		}
	}
	return still
}

func readMissing(row store.Row) ([]string, error) {
	var o missingRow
	if err := json.Unmarshal(row.Value, &o); err != nil {
		return nil, fmt.Errorf("reading what a device has still to send: %w", err)
	}
	return o.SHA256, nil
}

// MaxMissing is how many photos may be asked for at once.
const MaxMissing = 1000

// Missing returns those of the photos that the principal has still to upload, in
// order, each once: what it has neither sent nor may see. Returns
// CodeBadRequest for what is no hash.
func (s *Service) Missing(ctx context.Context, principal *inspection.Principal, list []string) ([]string, error) {
	if len(list) > MaxMissing {
		return nil, inspection.Errorf(inspection.CodeBadRequest, "Ask for at most %d photos at once.", MaxMissing)
	}
	missing, seen := []string{}, map[string]bool{}
	for _, sha := range list {
		if !inspection.IsSHA256(sha) {
			return nil, inspection.Errorf(inspection.CodeBadRequest, "Each of sha256 must have 64 lower-case hex digits.")
		}
		if seen[sha] {
			continue
		}
		seen[sha] = true
		p, err := s.photo(ctx, sha)
		if err != nil {
			return nil, err
		}
		here, err := s.mayRead(ctx, principal, sha, &p)
		if err != nil {
			return nil, err
		}
		if !here {
			missing = append(missing, sha)
		}
	}
	return missing, nil
}
