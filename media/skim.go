package media

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of a skim: records looked at together, and rows written at the same
// time, which share a commit.
const (
	skimSize   = 100
	skimWrites = 50
)

// skim deals with those of the records whose photos are all still to come and
// whose evidence says so already, as most do that phones push: it only writes
// down who owes them. It returns the others, which must be judged.
func (s *Service) skim(ctx context.Context, chunk []dueRecord) (left []dueRecord, err error) {
	ids := make([]inspection.DocID, len(chunk))
	for i, d := range chunk {
		ids[i] = d.id
	}
	records, err := s.cfg.Store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var recent []*store.Record
	for _, d := range chunk {
		if rec, ok := records[d.id]; ok && rec.Rev > 0 && rec.Area == d.area && hasEvidence(rec.Collection) {
			recent = append(recent, &rec)
		}
	}
	here, err := s.anyHere(ctx, recent)
	if err != nil {
		return nil, err
	}
	var waiting []*store.Record
	for _, rec := range recent {
		if awaitsAll(rec, here) {
			waiting = append(waiting, rec)
		} else {
			left = append(left, dueRecord{rec.Area, rec.ID})
		}
	}
	return left, s.oweAll(ctx, waiting)
}

// anyHere returns those of the records' photos that are here for anybody.
func (s *Service) anyHere(ctx context.Context, records []*store.Record) (map[string]bool, error) {
	var keys []string
	for _, rec := range records {
		keys = append(keys, photosOf(rec)...)
	}
	rows, err := s.cfg.Store.Rows(ctx, store.TablePhotos, keys)
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, row := range rows {
		var p photo
		if err := json.Unmarshal(row.Value, &p); err != nil || p.here() {
			here[row.Key] = true // judge says what is wrong with a row that can't be read
		}
	}
	return here, nil
}

func awaitsAll(rec *store.Record, here map[string]bool) bool {
	doc, err := inspection.ParseObject(rec.Doc)
	if err != nil {
		return false
	}
	known := map[string]*seen{}
	for _, p := range inspection.Photos(doc) {
		if here[p.SHA256] {
			return false
		}
		known[p.SHA256] = &seen{}
	}
	server, _ := doc["server"].(inspection.Object)
	return inspection.Equal(server["evidence"], evidenceOf(rec, doc, server, known))
}

func (s *Service) oweAll(ctx context.Context, records []*store.Record) error {
	debts, err := s.debts(ctx, records)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(skimWrites)
	for _, rec := range records {
		var missing []string
		if !rec.Deleted {
			missing = photosOf(rec)
		}
		group.Go(func() error { return s.settleDebts(ctx, rec, missing, debts) })
	}
	return group.Wait()
}
