package server

import (
	"context"
	"fmt"
	"log/slog"

	"gridpatrol/seeds"
	"gridpatrol/sync"
)

// addReference adds areas, units, templates, limits and targets that the
// database has never had.
func addReference(ctx context.Context, to *sync.Service, log *slog.Logger) error {
	docs, err := seeds.Reference()
	if err != nil {
		return fmt.Errorf("reading the seed data: %w", err)
	}
	list := make([]sync.ReferenceDocument, len(docs))
	for i, d := range docs {
		list[i] = sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc}
	}
	added, err := to.SeedReference(ctx, list)
	if err != nil {
		return fmt.Errorf("adding reference data: %w", err)
	}
	if added > 0 {
		log.Debug("reference data added", "documents", added)
	}
	return nil
}
