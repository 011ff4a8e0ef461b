package api

import (
	"context"
	"slices"
	"strconv"

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

// rxCollection returns the collection of the address and the version of its
// schema. Returns CodeNotFound.
func (c *call) rxCollection() (inspection.Collection, int, error) {
	collection := inspection.Collection(c.Params("collection"))
	version, ok := rxdb.SchemaVersion(collection)
	if !ok {
		return "", 0, inspection.Errorf(inspection.CodeNotFound, "There is no collection of this name to replicate.")
	}
	return collection, version, nil
}

// rxCurrent is rxCollection for an address with a version, which must be the
// present one. Returns CodeOutdatedSchema for one before it.
func (c *call) rxCurrent() (inspection.Collection, error) {
	collection, current, err := c.rxCollection()
	if err != nil {
		return "", err
	}
	return collection, checkVersion(c.Params("version"), current)
}

func checkVersion(asked string, current int) error {
	version, err := strconv.Atoi(asked)
	switch {
	case err != nil || strconv.Itoa(version) != asked || version < 0 || version > current:
		return inspection.Errorf(inspection.CodeNotFound, "There is no version %.20q of this collection's schema. The present one is %d.", asked, current)
	case version < current:
		return inspection.Errorf(inspection.CodeOutdatedSchema, "Version %d of the schema is served no longer. Migrate the collection to version %d.", version, current)
	}
	return nil
}

func (s *Server) rxSchema(c *call) error {
	collection, _, err := c.rxCollection()
	if err != nil {
		return err
	}
	return c.sendJSON(inspection.AppendJSON(nil, rxdb.Schema(collection)))
}

// rxPull answers with documents and the checkpoint after them. Fewer than
// limit mean that there are no more, so a page that is full by its size goes
// on in the same answer.
func (s *Server) rxPull(c *call) error {
	c.private()
	collection, err := c.rxCurrent()
	if err != nil {
		return err
	}
	checkpoint, limit, err := decodeRxPull(c.values)
	if err != nil {
		return err
	}
	p := &rxPulling{sync: s.cfg.Sync, principal: c.principal, collection: collection, left: limit}
	page, err := p.next(c.ctx, checkpoint)
	if err != nil {
		return err
	}
	if p.done(page) {
		return c.sendPage(page.AppendJSON)
	}
	return c.sendParts(func(ctx context.Context, put func([]byte) error) error { return p.write(ctx, put, page) })
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

// rxPulling is one answer to a pull, gathered from pages.
type rxPulling struct {
	sync       Sync
	principal  *inspection.Principal
	collection inspection.Collection
	left       int // documents that still fit into the answer
}

func (p *rxPulling) next(ctx context.Context, checkpoint string) (*sync.RxPage, error) {
	page, err := p.sync.PullRx(ctx, p.principal, p.collection, checkpoint, min(p.left, sync.MaxLimit))
	if err == nil {
		p.left -= len(page.Documents)
	}
	return page, err
}

func (p *rxPulling) done(page *sync.RxPage) bool { return !page.More || p.left == 0 }

// write puts the page, and those after it until the answer is whole.
func (p *rxPulling) write(ctx context.Context, put func([]byte) error, page *sync.RxPage) error {
	part := []byte(`{"documents":[`)
	for first := true; ; first = false {
		part = appendDocuments(part, page.Documents, first)
		if p.done(page) {
			return put(append(page.AppendCheckpoint(append(part, `],"checkpoint":`...)), '}'))
		}
		if err := put(part); err != nil {
			return err
		}
		var err error
		if page, err = p.next(ctx, page.Checkpoint); err != nil {
			return err
		}
		part = nil
	}
}

// appendDocuments appends documents of a list that goes on.
func appendDocuments(dst []byte, documents [][]byte, first bool) []byte {
	for _, doc := range documents {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, doc...)
	}
	return dst
}

// rxPush stores rows and answers with the documents that the phone must take
// over. Many rows are answered in parts: each may bring a document of 1 MiB.
func (s *Server) rxPush(c *call) error {
	c.private()
	collection, err := c.rxCurrent()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	rows, err := sync.DecodeRows(collection, body)
	if err != nil {
		return err
	}
	parts := slices.Collect(slices.Chunk(rows, rowsAtOnce))
	p := &rxPushing{server: s, principal: c.principal, collection: collection}
	if len(parts) <= 1 {
		documents, err := p.push(c.ctx, rows)
		if err != nil {
			return err
		}
		return c.sendJSON(sync.AppendRxDocuments(nil, documents))
	}
	return c.sendParts(func(ctx context.Context, put func([]byte) error) error { return p.write(ctx, put, parts) })
}

// rxPushing is one push of rows under way.
type rxPushing struct {
	server     *Server
	principal  *inspection.Principal
	collection inspection.Collection
}

func (p *rxPushing) push(ctx context.Context, rows []sync.Mutation) ([][]byte, error) {
	answer, err := p.server.cfg.Sync.PushRows(ctx, p.principal, p.collection, rows)
	if err != nil {
		return nil, err
	}
	for _, status := range answer.Statuses {
		p.server.metrics.pushed.WithLabelValues(string(status)).Inc()
	}
	return answer.Documents, nil
}

func (p *rxPushing) write(ctx context.Context, put func([]byte) error, parts [][]sync.Mutation) error {
	part, first := []byte{'['}, true
	for _, rows := range parts {
		documents, err := p.push(ctx, rows)
		if err != nil {
			return err
		}
		part = appendDocuments(part, documents, first)
		first = first && len(documents) == 0
		if err := put(part); err != nil {
			return err
		}
		part = nil
	}
	return put([]byte{']'})
}

// rxStream sends what changes in a collection, from its heads on. It never
// says RESYNC: the client pulls whenever it opens a stream.
func (s *Server) rxStream(c *call) error {
	collection, err := c.rxCurrent()
	if err != nil {
		return err
	}
	feed, err := s.cfg.Sync.Follow(c.ctx, c.principal, collection)
	if err != nil {
		return err
	}
	return c.sendEvents(rxEvents{feed})
}

// rxEvents are a feed's documents as events.
type rxEvents struct{ *sync.Feed }

func (e rxEvents) wake() <-chan struct{} { return e.Ready }

func (e rxEvents) events(ctx context.Context, put func([]byte) error) error {
	for {
		page, err := e.Next(ctx)
		if err != nil {
			return err
		}
		if len(page.Documents) > 0 {
			if err := put(append(page.AppendJSON([]byte("data: ")), "\n\n"...)); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}
