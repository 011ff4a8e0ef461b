package sync

import (
	"context"
	"errors"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Reference documents have short ids ("610102003", "transport") that are
// unique within their collection only; in the store they carry its name.

func referenceID(c inspection.Collection, id string) inspection.DocID {
	return inspection.DocID(string(c) + "/" + id)
}

func shortID(id inspection.DocID) string {
	_, short, _ := strings.Cut(string(id), "/")
	return short
}

// wireID is the id by which clients know a document.
func wireID(c inspection.Collection, id inspection.DocID) string {
	if c.Reference() {
		return shortID(id)
	}
	return string(id)
}

// ReferenceDocument is one document of a reference collection.
type ReferenceDocument struct {
	Collection inspection.Collection
	ID         string
	Doc        inspection.Object
}

// SeedReference adds those documents that the store has never had. What an
// administrator changed or removed stays as it is, and a published version of
// a template never changes.
func (s *Service) SeedReference(ctx context.Context, docs []ReferenceDocument) (added int, err error) {
	for range commitTries {
		added, err = s.trySeed(ctx, docs)
		if !errors.Is(err, store.ErrStale) {
			break
		}
	}
	if err == nil && added > 0 {
		s.catalog.forget()
	}
	return added, err
}

func (s *Service) trySeed(ctx context.Context, docs []ReferenceDocument) (int, error) {
	head, err := s.store.Head(ctx, inspection.ReferenceArea)
	if err != nil {
		return 0, err
	}
	ids := make([]inspection.DocID, len(docs))
	for i, d := range docs {
		ids[i] = referenceID(d.Collection, d.ID)
	}
	known, err := s.store.Records(ctx, ids)
	if err != nil {
		return 0, err
	}
	at := s.now().UTC()
	if at.Before(head.At) {
		at = head.At
	}
	var entries []store.Entry
	for i, d := range docs {
		if known[ids[i]].Rev == 0 {
			entries = append(entries, seedEntry(d, head.Seq+1+int64(len(entries)), at))
		}
	}
	if len(entries) == 0 {
		return 0, nil
	}
	commit, err := store.Seal(inspection.ReferenceArea, head, entries)
	if err != nil {
		return 0, err
	}
	return len(entries), s.store.Append(ctx, commit)
}

func seedEntry(d ReferenceDocument, seq int64, at time.Time) store.Entry {
	doc := inspection.ClientOwned(d.Doc)
	doc["id"] = d.ID
	server := inspection.Server{Rev: 1, Seq: seq, ChangedAt: inspection.StampOf(at)}
	return store.Entry{
		Seq: seq, Collection: d.Collection, ID: referenceID(d.Collection, d.ID), Rev: 1,
		Kind: store.KindReference, At: at, Doc: server.AppendWith(nil, doc),
	}
}

// Establish makes a document of the reference log durable that was never there
// before, in the name of a user. Returns a CodeConflict error if it was.
func (s *Service) Establish(ctx context.Context, by inspection.UserID, kind store.Kind, d ReferenceDocument) error {
	id := referenceID(d.Collection, d.ID)
	_, err := s.Act(ctx, Act{
		Area: inspection.ReferenceArea, IDs: []inspection.DocID{id}, By: by, Kind: kind,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*Draft) error {
			draft := drafts[id]
			if draft.Record.Rev > 0 {
				return inspection.Errorf(inspection.CodeConflict, "There is a document of this id already.")
			}
			doc := inspection.ClientOwned(d.Doc)
			doc["id"] = d.ID
			draft.Create(d.Collection, doc)
			return nil
		},
	})
	return err
}
