package report

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// rows takes the lines of a report, in an order that is always the same:
// sessions by their start, each after its inspections; then the violations
// without a session.
type rows interface {
	check(s *session, c *check, o Outcome) error
	session(s *session, n Count) error
	violation(c *check) error
}

// every passes lines to several takers.
type every []rows

func (e every) check(s *session, c *check, o Outcome) error {
	for _, r := range e {
		if err := r.check(s, c, o); err != nil {
			return err
		}
	}
	return nil
}

func (e every) session(s *session, n Count) error {
	for _, r := range e {
		if err := r.session(s, n); err != nil {
			return err
		}
	}
	return nil
}

func (e every) violation(c *check) error {
	for _, r := range e {
		if err := r.violation(c); err != nil {
			return err
		}
	}
	return nil
}

// counts is what a walk through a window found.
type counts struct {
	tally    tally
	excluded []session
	suspect  []session
}

// Progress is told how many of the sessions are done.
type Progress func(done, of int)

// walk visits the sessions of the window with all that is in them, and counts.
func (sc *scene) walk(ctx context.Context, w Window, to every, progress Progress) (*counts, error) {
	refs, err := sc.view.list(ctx, store.ListQuery{
		Areas: sc.areas, Collection: inspection.Sessions, From: w.From, To: w.To,
	})
	if err != nil {
		return nil, err
	}
	found := &counts{tally: tally{}}
	for done := 0; done < len(refs); done += pageSize {
		docs, err := sc.view.load(ctx, refs[done:min(done+pageSize, len(refs))])
		if err != nil {
			return nil, err
		}
		for i, d := range docs {
			s := sessionOf(d)
			if err := sc.visit(ctx, &s, found, to); err != nil {
				return nil, err
			}
			if progress != nil {
				progress(done+i+1, len(refs))
			}
		}
	}
	return found, nil
}

// visit counts one session.
func (sc *scene) visit(ctx context.Context, s *session, into *counts, to every) error {
	g := gather(s)
	err := sc.twice(ctx, s.ID, g.choose, func(c *check) error {
		outcome := g.add(c)
		return to.check(s, sc.shown(c), outcome)
	})
	if err != nil {
		return err
	}
	if s.Excluded != "" {
		into.excluded = append(into.excluded, *s)
	}
	if s.suspect() {
		into.suspect = append(into.suspect, *s)
	}
	into.tally.add(s.Area, s.Topic, g.count)
	return to.session(s, g.count)
}

// kept is how many inspections of a session are kept in memory while they are
// looked at twice; those of a larger one are read twice.
const kept = 500

func (sc *scene) twice(ctx context.Context, session inspection.DocID, look func(*check), visit func(*check) error) error {
	var first []check
	seen := 0
	err := sc.view.ofSession(ctx, session, func(d document) error {
		c := checkOf(d)
		look(&c)
		if seen++; seen <= kept {
			first = append(first, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if seen > kept {
		return sc.view.ofSession(ctx, session, func(d document) error {
			c := checkOf(d)
			return visit(&c)
		})
	}
	for i := range first {
		if err := visit(&first[i]); err != nil {
			return err
		}
	}
	return nil
}

// shown withholds what a document of an area outside of the scope says: it
// counts in its session, and no more.
func (sc *scene) shown(c *check) *check {
	if c.Area.CoveredBy(sc.scope) {
		return c
	}
	bare := *c
	bare.Withheld = true
	bare.Doc = inspection.Object{"area": string(c.Area), "template": c.Template, "session": string(c.Session)}
	return &bare
}

// alone visits the inspections of a verdict ("" is any) that stand and are in
// the window by their own time, oldest first: one that names a session belongs
// where the session is.
func (sc *scene) alone(ctx context.Context, w Window, verdict inspection.Verdict, visit func(*check) error) error {
	refs, err := sc.view.list(ctx, store.ListQuery{
		Areas: sc.areas, Collection: inspection.Inspections, Verdict: string(verdict), From: w.From, To: w.To,
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(refs, pageSize) {
		docs, err := sc.view.load(ctx, part)
		if err != nil {
			return err
		}
		checks, err := sc.withoutSession(ctx, docs)
		if err != nil {
			return err
		}
		for i := range checks {
			if !checks[i].Standing {
				continue
			}
			if err := visit(&checks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutSession picks the inspections that name no session that there is.
func (sc *scene) withoutSession(ctx context.Context, docs []document) ([]check, error) {
	checks := make([]check, len(docs))
	var ids []inspection.DocID
	for i, d := range docs {
		checks[i] = checkOf(d)
		if checks[i].Session != "" {
			ids = append(ids, checks[i].Session)
		}
	}
	if len(ids) == 0 {
		return checks, nil
	}
	sessions, err := sc.view.sessionsByID(ctx, ids)
	return slices.DeleteFunc(checks, func(c check) bool {
		_, there := sessions[c.Session]
		return there
	}), err
}
