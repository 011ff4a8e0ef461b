package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"gridpatrol/inspection"
)

// reference is the reference data at a position, as far as reports use it. It
// is never changed once it was read.
type reference struct {
	areas  map[inspection.Area]string // code → name
	units  map[string]string          // id → name
	people map[string]string          // user id → name
	checklists
	targets  []Target
	closings map[string]*Closing // by id
}

// referenceCollections are read for a report.
var referenceCollections = []inspection.Collection{
	inspection.Areas, inspection.Units, inspection.Templates, inspection.Targets,
	inspection.Users, inspection.Closings,
}

// references keeps what was read last: at one seq the reference data never
// changes.
type references struct {
	mu    sync.Mutex
	bySeq map[int64]*reference
}

// keptReferences bounds the memory: those of a province take some megabytes.
const keptReferences = 8

func (k *references) at(ctx context.Context, st Store, seq int64) (*reference, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ref := k.bySeq[seq]; ref != nil {
		return ref, nil
	}
	ref, err := readReference(ctx, st, seq)
	if err != nil {
		return nil, err
	}
	if len(k.bySeq) >= keptReferences || k.bySeq == nil {
		k.bySeq = map[int64]*reference{}
	}
	k.bySeq[seq] = ref
	return ref, nil
}

// readReference reads the reference data as it was at seq.
func readReference(ctx context.Context, st Store, seq int64) (*reference, error) {
	v := &view{store: st, position: &Position{Seqs: map[inspection.Area]int64{inspection.ReferenceArea: seq}}}
	docs, err := v.whole(ctx, inspection.ReferenceArea, referenceCollections)
	if err != nil {
		return nil, err
	}
	ref := &reference{
		areas: map[inspection.Area]string{}, units: map[string]string{}, people: map[string]string{},
		checklists: checklists{}, closings: map[string]*Closing{},
	}
	for _, d := range docs {
		if err := ref.take(d); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(ref.targets, func(a, b Target) int { return cmp.Compare(a.ID, b.ID) })
	return ref, nil
}

func (r *reference) take(d found) error {
	id := textOf(d.Doc["id"])
	name := cmp.Or(textOf(d.Doc["name_zh"]), textOf(d.Doc["name"]), id)
	switch d.Collection {
	case inspection.Areas:
		r.areas[inspection.Area(id)] = name
	case inspection.Units:
		r.units[id] = name
	case inspection.Users:
		r.people[id] = name
	case inspection.Templates:
		r.add(d.Doc)
	case inspection.Targets:
		if t, ok := targetOf(d.Doc); ok {
			r.targets = append(r.targets, t)
		}
	case inspection.Closings:
		c, err := closingOf(d.Doc)
		if err != nil {
			return fmt.Errorf("closing %s: %w", id, err)
		}
		r.closings[c.ID] = c
	}
	return nil
}

// under lists the areas in one of the scope's, sorted.
func (r *reference) under(scope ...inspection.Area) []inspection.Area {
	var list []inspection.Area
	for a := range r.areas {
		if a.CoveredBy(scope) {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	return list
}

// streets lists the areas in the scope that have none below them.
func (r *reference) streets(scope []inspection.Area) []inspection.Area {
	list := r.under(scope...)
	return slices.DeleteFunc(list, func(a inspection.Area) bool {
		return slices.ContainsFunc(list, func(b inspection.Area) bool { return a != b && a.Covers(b) })
	})
}

// Roots lists the known areas that lie in no other known one.
func (r *reference) roots() []inspection.Area {
	all := slices.Sorted(maps.Keys(r.areas))
	return slices.DeleteFunc(all, func(a inspection.Area) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(r.areas)), func(b inspection.Area) bool { return a != b && b.Covers(a) })
	})
}

func (r *reference) area(a inspection.Area) string { return cmp.Or(r.areas[a], string(a)) }

func (r *reference) unit(id string) string { return cmp.Or(r.units[id], id) }

func (r *reference) unitNames(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = r.unit(id)
	}
	return strings.Join(names, "、")
}

func (r *reference) person(id string) string { return cmp.Or(r.people[id], id) }
