package sync_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// replica is all that a client keeps: what it has, and how far it has read.
type replica struct {
	who        *inspection.Principal
	checkpoint string
	documents  map[string][]byte
}

// catchUp pulls until there is no more. A checkpoint that the server doesn't
// know (it was restored from a backup, or is another one) is thrown away
// with what it stood for. lacking are then the documents that the server no
// longer has: the client pushes them again.
func (r *replica) catchUp(server *sync.Service) (lacking map[string][]byte, err error) {
	for {
		page, err := server.Pull(context.Background(), r.who, sync.PullRequest{
			Checkpoint: r.checkpoint, Limit: 2, Collections: []inspection.Collection{inspection.Inspections},
		})
		if inspection.CodeOf(err) == inspection.CodeCheckpointReset && r.checkpoint != "" {
			lacking, r.documents, r.checkpoint = r.documents, map[string][]byte{}, ""
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, c := range page.Changes {
			delete(lacking, c.ID)
			if c.Deleted {
				delete(r.documents, c.ID)
			} else {
				r.documents[c.ID] = c.Doc
			}
		}
		// Only now: a client that stops before this line reads the page again.
		r.checkpoint = page.Checkpoint
		if !page.More {
			return lacking, nil
		}
	}
}

// The client side of a checkpoint: it keeps the newest one, pulls until more is
// false, and starts over when the server says checkpoint_reset.
func ExampleService_Pull() {
	server, end := serveNew()
	who := inspection.NewPrincipal(inspection.RoleInspector, inspection.Device{User: "li", ID: inspection.DeviceID(uuid.NewString())}, street)
	mine := &replica{who: who, documents: map[string][]byte{}}
	ids := []string{world.NewID(), world.NewID(), world.NewID()}
	for n, id := range ids {
		pushed(server, who, int64(n+1), id)
	}
	lacking, err := mine.catchUp(server)
	fmt.Println(len(mine.documents), "documents,", len(lacking), "lacking,", err)
	end()

	// A database that knows but one of the three, as one that was restored.
	server, end = serveNew()
	defer end()
	pushed(server, who, 1, ids[0])
	lacking, err = mine.catchUp(server)
	fmt.Println(len(mine.documents), "documents,", len(lacking), "lacking,", err)
	n := int64(len(ids))
	for id := range lacking {
		n++
		pushed(server, who, n, id)
	}
	lacking, err = mine.catchUp(server)
	fmt.Println(len(mine.documents), "documents,", len(lacking), "lacking,", err)
	// Output:
	// 3 documents, 0 lacking, <nil>
	// 1 documents, 2 lacking, <nil>
	// 3 documents, 0 lacking, <nil>
}

// serveNew starts a server on a new database.
func serveNew() (server *sync.Service, end func()) {
	dir, err := os.MkdirTemp("", "example")
	mustExample(err)
	st, err := sqlite.Open(context.Background(), dir, sqlite.Options{NewID: uuid.NewString})
	mustExample(err)
	server, err = sync.New(context.Background(), sync.Config{Store: st, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	mustExample(err)
	docs, err := seeds.Reference()
	mustExample(err)
	var reference []sync.ReferenceDocument
	for _, d := range docs {
		reference = append(reference, sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc})
	}
	_, err = server.SeedReference(context.Background(), reference)
	mustExample(err)
	return server, func() {
		server.Close()
		mustExample(st.Close())
		mustExample(os.RemoveAll(dir))
	}
}

// pushed sends a record under a number.
func pushed(server *sync.Service, who *inspection.Principal, n int64, id string) {
	doc := seeds.Fixture("open_burning_pass")
	doc["id"] = id
	batch, err := sync.DecodeBatch(inspection.AppendJSON(nil, inspection.Object{"mutations": []any{inspection.Object{
		"n": n, "collection": "inspections", "op": "put", "id": id, "base": 0, "doc": doc,
	}}}))
	mustExample(err)
	answer, err := server.Push(context.Background(), who, batch)
	mustExample(err)
	if r := answer.Results[0]; r.Detail != nil {
		panic(*r.Detail)
	}
}

func mustExample(err error) {
	if err != nil {
		panic(err)
	}
}
