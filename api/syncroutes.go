package api

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

func (s *Server) syncRoutes() []route {
	return []route{
		{Method: fiber.MethodPost, Path: "/v1/sync/push", Proof: bearer, Action: inspection.ActionPush, Cap: maxBatch, Gzip: true, Handler: s.push},
		{Method: fiber.MethodGet, Path: "/v1/sync/pull", Proof: bearer, Action: inspection.ActionPull, Handler: s.pull},
		{Method: fiber.MethodGet, Path: "/v1/sync/stream", Proof: bearer, Action: inspection.ActionStream, Handler: s.stream},
	}
}

func (s *Server) push(c *call) error {
	c.private()
	batch, err := decoded(c, sync.DecodeBatch)
	if err != nil {
		return err
	}
	answer, err := s.cfg.Sync.Push(c.ctx, c.principal, batch)
	if err != nil {
		return err
	}
	s.metrics.results(answer)
	return c.sendJSON(answer.AppendJSON(nil))
}

// stream answers with the news that areas have grown.
func (s *Server) stream(c *call) error {
	listener, err := s.cfg.Sync.Listen(c.ctx, c.principal)
	if err != nil {
		return err
	}
	return c.sendEvents(pokes{listener})
}

// pokes are the events of a stream without documents.
type pokes struct{ *sync.Stream }

func (p pokes) wake() <-chan struct{} { return p.Ready }

func (p pokes) events(_ context.Context, put func([]byte) error) error {
	return put(poke(p.TakeGrown()))
}

// poke is the event that areas have grown, keys in order; nothing if none did.
func poke(grown map[inspection.Area]int64) []byte {
	if len(grown) == 0 {
		return nil
	}
	areas := make([]inspection.Area, 0, len(grown))
	for area := range grown {
		areas = append(areas, area)
	}
	slices.Sort(areas)
	b := []byte("event: poke\ndata: {")
	for i, area := range areas {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(inspection.AppendString(b, string(area)), ':')
		b = strconv.AppendInt(b, grown[area], 10)
	}
	return append(b, "}\n\n"...)
}

func (m *metrics) results(answer *sync.PushAnswer) {
	for i := range answer.Results {
		m.pushed.WithLabelValues(string(answer.Results[i].Status)).Inc()
	}
}

func (s *Server) pull(c *call) error {
	c.private()
	req, err := decodePull(c.values)
	if err != nil {
		return err
	}
	answer, err := s.cfg.Sync.Pull(c.ctx, c.principal, req)
	if err != nil {
		return err
	}
	return c.sendPage(answer.AppendJSON)
}

// values returns all values of a query parameter.
func (c *call) values(name string) []string {
	var out []string
	for _, v := range c.Context().QueryArgs().PeekMulti(name) {
		out = append(out, string(v))
	}
	return out
}

// decodePull reads the query of a pull. Returns CodeBadParameter.
func decodePull(values func(name string) []string) (sync.PullRequest, error) {
	req := sync.PullRequest{Limit: sync.DefaultLimit}
	var err error
	if req.Checkpoint, err = single(values, "checkpoint"); err != nil {
		return req, err
	}
	if req.Limit, err = decodeLimit(values); err != nil {
		return req, err
	}
	if req.WholeHistory, err = decodeHistory(values); err != nil {
		return req, err
	}
	for _, name := range splitLists(values("collections")) {
		c := inspection.Collection(name)
		if !c.Writable() && !c.Reference() {
			return req, badParameter("collections", "it names a collection that phones don't read.")
		}
		if !slices.Contains(req.Collections, c) {
			req.Collections = append(req.Collections, c)
		}
	}
	for _, code := range splitLists(values("confirm_revoked")) {
		area := inspection.Area(code)
		if !area.Valid() {
			return req, badParameter("confirm_revoked", "it must list codes of areas.")
		}
		req.ConfirmRevoked = append(req.ConfirmRevoked, area)
	}
	return req, nil
}

// single returns a parameter that may come once, or "".
func single(values func(string) []string, name string) (string, error) {
	list := values(name)
	switch len(list) {
	case 0:
		return "", nil
	case 1:
		return list[0], nil
	}
	return "", badParameter(name, "it may be given once only.")
}

func decodeLimit(values func(string) []string) (int, error) {
	n, err := decodeCount(values)
	return min(n, sync.MaxLimit), err
}

// decodeCount is a limit, however large.
func decodeCount(values func(string) []string) (int, error) {
	if len(values("limit")) == 0 {
		return sync.DefaultLimit, nil
	}
	text, err := single(values, "limit")
	if err != nil {
		return 0, err
	}
	digits := strings.Trim(text, "0123456789") == "" && strings.Trim(text, "0") != ""
	if !digits {
		return 0, badParameter("limit", "it must be a whole number from 1.")
	}
	// Digits that overflow are a large number: Atoi returns the largest then.
	n, _ := strconv.Atoi(text)
	return n, nil
}

func decodeHistory(values func(string) []string) (whole bool, err error) {
	text, err := single(values, "history")
	if err == nil && text != "all" && len(values("history")) > 0 {
		err = badParameter("history", "it may only be all.")
	}
	return text == "all", err
}

// splitLists splits values at commas: lists may be given in one or repeated.
func splitLists(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.Split(v, ",")...)
	}
	return out
}
