package review

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of a page of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 200
	// maxCounted is up to how many documents a list counts.
	maxCounted = 10_000
)

// ListRequest asks for documents, newest first. Texts must be equal, "" takes
// all.
type ListRequest struct {
	// Areas are those asked for, of any level; none means all of one's own.
	Areas                              []inspection.Area
	Template, Verdict, State, Evidence string
	From, To                           time.Time // From ≤ start < To; zero is no bound
	// Of these four, one may be asked for: the beginning of a plate, a site's
	// name or a title; the session, or the site, that inspections name; a flag
	// of their evidence.
	Search        string
	Session, Site inspection.DocID
	Flag          inspection.FlagKind
	Cursor        string
	Limit         int

	unit, term string // that tasks have
}

// Page is one page of a list. Total is exact unless Capped: then there are
// more. Cursor continues the list, "" at its end.
type Page struct {
	Records []store.Record
	Total   int
	Capped  bool
	Cursor  string
}

// Inspections lists inspections. Returns CodeForbidden if none of the areas
// asked for is the principal's, CodeBadParameter for a cursor that isn't one.
func (s *Service) Inspections(ctx context.Context, principal *inspection.Principal, req ListRequest) (Page, error) {
	return s.list(ctx, principal, inspection.Inspections, req)
}

func (s *Service) list(ctx context.Context, principal *inspection.Principal, c inspection.Collection, req ListRequest) (Page, error) {
	areas, err := s.areas(ctx, principal, req.Areas)
	if err != nil {
		return Page{}, err
	}
	q := store.ListQuery{
		Areas: areas, Collection: c, Template: req.Template, Unit: req.unit, Verdict: req.Verdict, State: req.State, Evidence: req.Evidence,
		From: req.From, To: req.To, Limit: req.Limit + 1, Count: maxCounted + 1,
	}
	if q.Term, q.Prefix, err = req.searchTerm(); err != nil {
		return Page{}, err
	}
	if req.Search != "" && q.Term == store.TermText {
		return Page{}, nil // nothing in it that texts are searched by
	}
	if q.After, err = decodeCursor(req.Cursor); err != nil {
		return Page{}, err
	}
	found, err := s.cfg.Store.List(ctx, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Records: found.Records, Total: min(found.Total, maxCounted), Capped: found.Total > maxCounted}
	if len(page.Records) > req.Limit {
		page.Records = page.Records[:req.Limit]
		page.Cursor = encodeCursor(page.Records[req.Limit-1].ListMark())
	}
	return page, nil
}

// searchTerm returns the term that the request asks for.
func (req *ListRequest) searchTerm() (term string, prefix bool, err error) {
	terms := []string{req.term}
	if req.Search != "" {
		terms = append(terms, store.TermText+store.SearchKey(req.Search))
	}
	if req.Session != "" {
		terms = append(terms, store.TermSession+string(req.Session))
	}
	if req.Site != "" {
		terms = append(terms, store.TermSite+string(req.Site))
	}
	if req.Flag != "" {
		terms = append(terms, store.TermFlag+string(req.Flag))
	}
	terms = slices.DeleteFunc(terms, func(t string) bool { return t == "" })
	switch len(terms) {
	case 0:
		return "", false, nil
	case 1:
		return terms[0], req.Search != "", nil
	}
	return "", false, inspection.Errorf(inspection.CodeBadParameter, "Ask for a text, a session, a site or a flag, for one of them at a time.")
}

// areas returns the areas with documents that the principal may see and asked
// for. One that asks for others only is told so.
func (s *Service) areas(ctx context.Context, principal *inspection.Principal, asked []inspection.Area) ([]inspection.Area, error) {
	now, granted := s.cfg.Now(), principal.Areas()
	mine := func(a inspection.Area) bool {
		return principal.CanRead(a, now) || slices.ContainsFunc(granted, a.Covers)
	}
	if len(asked) > 0 && !slices.ContainsFunc(asked, mine) {
		return nil, inspection.Errorf(inspection.CodeForbidden, "None of these areas is yours.")
	}
	heads, err := s.cfg.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	var areas []inspection.Area
	for area := range heads {
		if principal.CanRead(area, now) && (len(asked) == 0 || area.CoveredBy(asked)) {
			areas = append(areas, area)
		}
	}
	slices.Sort(areas)
	return areas, nil
}

// encodeCursor makes the opaque form of a place in a list.
func encodeCursor(m store.ListMark) string {
	// The zero time has no nanoseconds: its bit pattern is one that no time
	// between 1900 and 2200 has.
	nanos := int64(-1 << 63)
	if !m.Started.IsZero() {
		nanos = m.Started.UnixNano()
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(nanos))
	return base64.RawURLEncoding.EncodeToString(append(b, m.ID...))
}

func decodeCursor(s string) (*store.ListMark, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 9 || len(b) > 8+64 {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "The cursor is not one of this list. Begin without one.")
	}
	m := &store.ListMark{ID: inspection.DocID(b[8:])}
	if nanos := int64(binary.BigEndian.Uint64(b)); nanos != -1<<63 {
		m.Started = time.Unix(0, nanos).UTC()
	}
	return m, nil
}
