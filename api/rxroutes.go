package api

import (
	"context"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/rxdb"
	"gridpatrol/sync"
)

// rxPrefix is where clients with RxDB are served. Problems there also carry
// the member that its client looks for.
const rxPrefix = "/rxdb/"

// maxRows is the most that a push of rows holds, in bytes: that of a native
// push, twice, since each row comes with two states.
const maxRows = 2 * maxBatch

// rowsAtOnce bounds the documents that one answer keeps in memory.
const rowsAtOnce = 200

func (s *Server) rxRoutes() []route {
	return []route{
		{Method: fiber.MethodGet, Path: rxPrefix + ":collection/schema", Proof: none, Handler: s.rxSchema},
		{Method: fiber.MethodGet, Path: rxPrefix + ":collection/:version/pull", Proof: bearer, Action: inspection.ActionPull, Handler: s.rxPull},
		{Method: fiber.MethodPost, Path: rxPrefix + ":collection/:version/push", Proof: bearer, Action: inspection.ActionPush, Cap: maxRows, Handler: s.rxPush},
		{Method: fiber.MethodGet, Path: rxPrefix + ":collection/:version/pullStream", Proof: bearer, Action: inspection.ActionStream, Handler: s.rxStream},
	}
}

func (s *Server) rxSchema(c *call) error {
	collection, err := rxdb.Find(c.Params("collection"))
	if err != nil {
		return err
	}
	return c.sendJSON(inspection.AppendJSON(nil, rxdb.Schema(collection)))
}

func (s *Server) rxPull(c *call) error {
	c.private()
	collection, err := rxdb.FindVersion(c.Params("collection"), c.Params("version"))
	if err != nil {
		return err
	}
	checkpoint, limit, err := decodeRxPull(c.values)
	if err != nil {
		return err
	}
	answer, err := rxdb.Pull(c.ctx, s.cfg.Sync, c.principal, collection, checkpoint, limit)
	if err != nil {
		return err
	}
	if answer.Whole() {
		return c.sendPage(answer.AppendJSON)
	}
	return c.sendParts(answer.Write)
}

// decodeRxPull reads the query of a pull of RxDB. The state is in id: what lwt
// says counts for nothing. Returns CodeBadParameter.
func decodeRxPull(values func(name string) []string) (checkpoint string, limit int, err error) {
	if checkpoint, err = single(values, "id"); err != nil {
		return "", 0, err
	}
	limit, err = decodeCount(values)
	return checkpoint, limit, err
}

// rxPush stores rows and answers with the documents that the phone must take
// over. Many rows are answered in parts: each may bring a document of 1 MiB.
func (s *Server) rxPush(c *call) error {
	c.private()
	collection, err := rxdb.FindVersion(c.Params("collection"), c.Params("version"))
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	edits, err := rxdb.DecodeRows(collection, body)
	if err != nil {
		return err
	}
	p := &rxPushing{server: s, principal: c.principal, documents: rxdb.Documents{Collection: collection}}
	if len(edits) > rowsAtOnce {
		return c.sendParts(func(ctx context.Context, put func([]byte) error) error { return p.write(ctx, put, edits) })
	}
	list, err := p.push(c.ctx, p.documents.Open(nil), edits)
	if err != nil {
		return err
	}
	return c.sendJSON(p.documents.Close(list))
}

// rxPushing is one push of rows under way.
type rxPushing struct {
	server    *Server
	principal *inspection.Principal
	documents rxdb.Documents
}

// push stores edits and appends what they are answered with.
func (p *rxPushing) push(ctx context.Context, dst []byte, edits []sync.Edit) ([]byte, error) {
	results, err := p.server.cfg.Sync.PushEdits(ctx, p.principal, edits)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		p.server.metrics.pushed.WithLabelValues(string(r.Status)).Inc()
	}
	return p.documents.AppendAnswer(dst, results), nil
}

func (p *rxPushing) write(ctx context.Context, put func([]byte) error, edits []sync.Edit) error {
	part, err := p.documents.Open(nil), error(nil)
	for some := range slices.Chunk(edits, rowsAtOnce) {
		if part, err = p.push(ctx, part, some); err != nil {
			return err
		}
		if err := put(part); err != nil {
			return err
		}
		part = nil
	}
	return put(p.documents.Close(nil))
}

// rxStream sends what changes in a collection, from its heads on. It never
// says RESYNC: the client pulls whenever it opens a stream.
func (s *Server) rxStream(c *call) error {
	collection, err := rxdb.FindVersion(c.Params("collection"), c.Params("version"))
	if err != nil {
		return err
	}
	feed, err := s.cfg.Sync.Follow(c.ctx, c.principal, collection)
	if err != nil {
		return err
	}
	return c.sendEvents(rxEvents{feed, collection})
}

// rxEvents are a feed's documents as events.
type rxEvents struct {
	*sync.Feed
	collection inspection.Collection
}

func (e rxEvents) wake() <-chan struct{} { return e.Ready }

func (e rxEvents) events(ctx context.Context, put func([]byte) error) error {
	for {
		page, err := e.Next(ctx)
		if err != nil {
			return err
		}
		if event := rxdb.AppendEvent(nil, e.collection, page); event != nil {
			if err := put(event); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}
