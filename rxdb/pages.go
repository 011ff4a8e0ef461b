package rxdb

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// Answer is the answer to a pull. To RxDB fewer documents than it asked for mean
// that there are no more, so a page that is full by its size goes on in the same
// answer.
type Answer struct {
	sync       Sync
	principal  *inspection.Principal
	collection inspection.Collection
	left       int // documents that still fit
	page       *sync.Page
}

// Pull reads the first page of a collection after the checkpoint, for an answer
// of at most limit documents. Returns what sync's Pull returns.
func Pull(ctx context.Context, s Sync, principal *inspection.Principal, c inspection.Collection, checkpoint string, limit int) (*Answer, error) {
	a := &Answer{sync: s, principal: principal, collection: c, left: limit}
	return a, a.read(ctx, checkpoint)
}

func (a *Answer) read(ctx context.Context, checkpoint string) error {
	answer, err := a.sync.Pull(ctx, a.principal, sync.PullRequest{
		Checkpoint: checkpoint, Limit: min(a.left, sync.MaxLimit), Only: a.collection,
	})
	if err != nil {
		return err
	}
	a.page = &answer.Page
	a.left -= len(a.page.Changes)
	return nil
}

// Whole reports whether the page that was read is all of the answer.
func (a *Answer) Whole() bool { return !a.page.More || a.left == 0 }

// AppendJSON appends an answer that is whole.
func (a *Answer) AppendJSON(dst []byte) []byte { return appendPage(dst, a.collection, a.page) }

// Write puts the answer in parts, one for each page.
func (a *Answer) Write(ctx context.Context, put func(part []byte) error) error {
	docs := &Documents{Collection: a.collection}
	part := docs.Open([]byte(`{"documents":`))
	for {
		part = docs.appendChanges(part, a.page.Changes)
		if a.Whole() {
			return put(appendCheckpoint(docs.Close(part), a.page.Checkpoint))
		}
		if err := put(part); err != nil {
			return err
		}
		if err := a.read(ctx, a.page.Checkpoint); err != nil {
			return err
		}
		part = nil
	}
}

func appendPage(dst []byte, c inspection.Collection, p *sync.Page) []byte {
	docs := &Documents{Collection: c}
	dst = docs.Open(append(dst, `{"documents":`...))
	return appendCheckpoint(docs.Close(docs.appendChanges(dst, p.Changes)), p.Checkpoint)
}

// appendCheckpoint ends a page. RxDB wants a time of the last write beside an
// id; the state is all in the id.
func appendCheckpoint(dst []byte, checkpoint string) []byte {
	return append(inspection.AppendString(append(dst, `,"checkpoint":{"id":`...), checkpoint), `,"lwt":0}}`...)
}

// AppendEvent appends what came to a collection as an event of its stream;
// nothing for a page without documents.
func AppendEvent(dst []byte, c inspection.Collection, p *sync.Page) []byte {
	if len(p.Changes) == 0 {
		return dst
	}
	return append(appendPage(append(dst, "data: "...), c, p), "\n\n"...)
}
