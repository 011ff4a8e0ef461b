package media

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of what one record is judged by. A record with more photos still has
// them all counted as here or missing.
const (
	maxFlagged   = 200 // photos whose flags are looked at
	maxTwins     = 5   // other records named per photo
	judgingTries = 10
)

// seen is what is known of one photo that a record names.
type seen struct {
	here  bool
	facts Facts
	twins []twin
}

// refreshEvidence makes a record's evidence what its photos say now. It is called when
// either changed; whichever comes last sees both.
func (s *Service) refreshEvidence(ctx context.Context, area inspection.Area, id inspection.DocID) error {
	for range judgingTries {
		records, err := s.cfg.Store.Records(ctx, []inspection.DocID{id})
		if err != nil {
			return err
		}
		rec, ok := records[id]
		if !ok || rec.Rev == 0 || rec.Area != area || !hasEvidence(rec.Collection) {
			return nil
		}
		current, err := s.tryRefresh(ctx, &rec)
		if err != nil || current {
			return err
		}
	}
	s.enqueue(area, id)
	return nil
}

func hasEvidence(c inspection.Collection) bool {
	return c == inspection.Inspections || c == inspection.Tasks
}

// tryRefresh judges a record as it was read. current is false if someone
// changed it meanwhile.
func (s *Service) tryRefresh(ctx context.Context, rec *store.Record) (current bool, err error) {
	doc, err := inspection.ParseObject(rec.Doc)
	if err != nil {
		return true, nil //nolint:nilerr // what can't be read has no photos, and never gets better
	}
	known, err := s.lookUpPhotos(ctx, rec, doc)
	if err != nil {
		return false, err
	}
	before := inspection.ServerOf(doc).Evidence
	after := evidenceOf(rec, doc, before, known)
	current = true
	if !before.Same(after) {
		current, err = s.writeEvidence(ctx, rec, known)
	}
	if err != nil || !current {
		return current, err
	}
	if err := s.noteMissing(ctx, rec, doc, known); err != nil {
		return false, err
	}
	return true, s.requeueTwins(ctx, rec, before, after)
}

// writeEvidence writes down the evidence of a record that is still as it was read.
// Otherwise someone may have judged it who saw photos and records that came
// since, and must not be overruled.
func (s *Service) writeEvidence(ctx context.Context, rec *store.Record, known map[string]*seen) (current bool, err error) {
	err = s.cfg.Amender.Amend(ctx, rec.Area, rec.ID, func(now *store.Record, client inspection.Object, server *inspection.Server) bool {
		if current = now.Rev == rec.Rev; !current {
			return false
		}
		server.Evidence = evidenceOf(now, client, server.Evidence, known)
		s.counts.judged.Add(1)
		return true
	})
	return current, err
}

// lookUpPhotos finds out about each photo that the record names, and notes on those
// that are here that a record does: from then on they are kept for ever. A
// deleted record shares no photo with others.
func (s *Service) lookUpPhotos(ctx context.Context, rec *store.Record, doc inspection.Object) (map[string]*seen, error) {
	known := map[string]*seen{}
	for _, named := range inspection.Photos(doc) {
		if known[named.SHA256] != nil {
			continue
		}
		p, err := s.photo(ctx, named.SHA256)
		if err != nil {
			return nil, err
		}
		if p.countsFor(rec) && !p.Named {
			p, err = s.changePhoto(ctx, named.SHA256, func(p *photo) bool { p.Named = true; return true })
			if err != nil {
				return nil, err
			}
		}
		k := &seen{here: p.countsFor(rec), facts: p.Facts}
		if k.here && !rec.Deleted && len(known) < maxFlagged {
			if k.twins, err = s.twins(ctx, rec, named.SHA256, p.Alike); err != nil {
				return nil, err
			}
		}
		known[named.SHA256] = k
	}
	return known, nil
}

// twins finds other records that the photo, or one like it, is on and counts
// for. Deleted ones don't count: who makes a record anew takes its photos
// along.
func (s *Service) twins(ctx context.Context, rec *store.Record, sha string, alike []string) ([]twin, error) {
	var found []twin
	for _, picture := range append([]string{sha}, alike...) {
		p, err := s.photo(ctx, picture)
		if err != nil {
			return nil, err
		}
		err = s.eachNaming(ctx, picture, func(other *store.Record) error {
			if len(found) >= maxTwins {
				return errEnough
			}
			known := slices.ContainsFunc(found, func(t twin) bool { return t.id == other.ID })
			if other.ID != rec.ID && !other.Deleted && !known && p.countsFor(other) && shows(other, picture) {
				found = append(found, twin{id: other.ID, area: other.Area, sha: picture})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// shows reports whether the document itself names the photo: a record is also
// found by photos that its conflicts offer.
func shows(rec *store.Record, sha string) bool { return slices.Contains(photosOf(rec), sha) }

// photosOf lists the photos that a record's document names.
func photosOf(rec *store.Record) []string {
	doc, err := inspection.ParseObject(rec.Doc)
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range inspection.Photos(doc) {
		if !slices.Contains(out, p.SHA256) {
			out = append(out, p.SHA256)
		}
	}
	return out
}

// requeueTwins has the records judged again that share a photo with one whose
// reused flags changed, or that was deleted: what is on both is flagged on
// both, whichever came first.
func (s *Service) requeueTwins(ctx context.Context, rec *store.Record, before, after *inspection.Evidence) error {
	old, now := reusedIn(before), reusedIn(after)
	if slices.Equal(old, now) {
		return nil
	}
	requeued := map[string]bool{}
	for _, r := range append(old, now...) {
		if requeued[r.sha] {
			continue
		}
		requeued[r.sha] = true
		if err := s.requeueSharing(ctx, rec.ID, r.sha); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) requeueSharing(ctx context.Context, but inspection.DocID, sha string) error {
	p, err := s.photo(ctx, sha)
	if err != nil {
		return err
	}
	for _, picture := range append([]string{sha}, p.Alike...) {
		err := s.eachNaming(ctx, picture, func(other *store.Record) error {
			if other.ID != but && !other.Deleted {
				s.enqueue(other.Area, other.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reuse is a reused flag.
type reuse struct {
	sha, detail string
	other       inspection.DocID
}

func reusedIn(evidence *inspection.Evidence) []reuse {
	if evidence == nil {
		return nil
	}
	var out []reuse
	for _, f := range evidence.Flags {
		if f.Kind == inspection.FlagReused {
			out = append(out, reuse{sha: f.SHA256, other: f.Other, detail: f.Detail})
		}
	}
	return out
}
