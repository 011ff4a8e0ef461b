package sync

import (
	"context"
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
	commit, err := store.AppendDecided(ctx, s.store, inspection.ReferenceArea, func(ctx context.Context) (store.Decision, error) {
		return s.decideSeed(ctx, docs)
	})
	if commit == nil {
		return 0, err
	}
	s.catalog.forget()
	return len(commit.Entries), nil
}

func (s *Service) decideSeed(ctx context.Context, docs []ReferenceDocument) (d store.Decision, err error) {
	if d.Head, err = s.store.Head(ctx, inspection.ReferenceArea); err != nil {
		return d, err
	}
	ids := make([]inspection.DocID, len(docs))
	for i, doc := range docs {
		ids[i] = referenceID(doc.Collection, doc.ID)
	}
	known, err := s.store.Records(ctx, ids)
	if err != nil {
		return d, err
	}
	seq, at := d.Head.Next(s.now().UTC())
	for i, doc := range docs {
		if known[ids[i]].Rev == 0 {
			d.Entries = append(d.Entries, seedEntry(doc, seq+int64(len(d.Entries)), at))
		}
	}
	if len(d.Entries) == 0 {
		return d, store.ErrUnchanged
	}
	return d, nil
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
