// Package rxdb is the wire of RxDB's own server, and the one room that knows
// clients with RxDB. It turns their rows into edits of sync, and what sync
// answers into documents as they keep them; it serves the schemas of their
// collections. It decides nothing, and knows no HTTP.
//
// A row is the whole new state of a document and the state that the client
// believes the server to have: an edit without a number. RxDB drops a document
// that it pulls while its own write of it is unanswered, so the answer to a row
// is the client's only chance to learn what became of it.
package rxdb

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// Sync is what the room needs of the sync engine.
type Sync interface {
	Pull(ctx context.Context, principal *inspection.Principal, req sync.PullRequest) (*sync.PullAnswer, error)
}
