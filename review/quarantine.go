package review

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Quarantine lists what is held and the administrator's to see to, the newest
// first; state "" takes all that was ever held. The page's total is not counted.
func (s *Service) Quarantine(ctx context.Context, principal *inspection.Principal, state, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	mine, err := s.quarantineFilter(ctx, principal)
	if err != nil {
		return Page{}, err
	}
	q := store.ListQuery{
		Areas: []inspection.Area{inspection.ReferenceArea}, Collection: inspection.Quarantine, State: state,
		After: after, Limit: MaxLimit,
	}
	var page Page
	for {
		found, err := s.cfg.Store.List(ctx, q)
		if err != nil {
			return Page{}, err
		}
		for i := range found.Records {
			r := found.Records[i]
			visible, err := mine(r)
			if err != nil {
				return Page{}, err
			}
			if !visible {
				continue
			}
			if len(page.Records) == limit {
				page.Cursor = encodeCursor(page.Records[limit-1].ListMark())
				return page, nil
			}
			page.Records = append(page.Records, r)
		}
		if len(found.Records) < q.Limit {
			return page, nil
		}
		mark := found.Records[q.Limit-1].ListMark()
		q.After = &mark
	}
}

// Quarantined returns one of what the administrator sees to. Returns
// CodeNotFound.
func (s *Service) Quarantined(ctx context.Context, principal *inspection.Principal, id inspection.DocID) (store.Record, error) {
	mine, err := s.quarantineFilter(ctx, principal)
	if err != nil {
		return store.Record{}, err
	}
	found, err := s.cfg.Store.Records(ctx, []inspection.DocID{id})
	if err != nil {
		return store.Record{}, err
	}
	r := found[id]
	visible := false
	if r.Rev > 0 && r.Collection == inspection.Quarantine {
		if visible, err = mine(r); err != nil {
			return store.Record{}, err
		}
	}
	if !visible {
		return store.Record{}, inspection.Errorf(inspection.CodeNotFound, "There is nothing of this id in quarantine, or nothing that you may see.")
	}
	return r, nil
}

// quarantineFilter returns what tells whether something that is held is the
// administrator's to see to: what names an area of theirs, and what names none
// that exists and comes from a user whom they manage.
func (s *Service) quarantineFilter(ctx context.Context, principal *inspection.Principal) (func(store.Record) (bool, error), error) {
	ref, err := s.cfg.Acts.Reference(ctx)
	if err != nil {
		return nil, err
	}
	manages, err := s.cfg.People.Manages(ctx, principal)
	return func(r store.Record) (bool, error) {
		doc, err := inspection.ParseObject(r.Doc)
		if err != nil {
			return false, inspection.Errorf(inspection.CodeInternal, "The quarantined document is not readable.")
		}
		if area := inspection.Area(doc.Text("area")); ref.Areas[area] {
			return principal.CanRead(area, s.cfg.Now()), nil
		}
		return manages(inspection.UserID(doc.Text("user"))), nil
	}, err
}
