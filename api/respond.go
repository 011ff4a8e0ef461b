package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	gosync "sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
)

// gzipFrom is the size from which an answer is worth packing.
const gzipFrom = 1 << 10

const jsonType = "application/json; charset=utf-8"

// json answers 200 with the value.
func (c *call) json(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	return c.sendJSON(body)
}

// packed answers with the value, gzipped where the client takes it.
func (c *call) packed(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	return c.sendPacked(body)
}

// sendDoc answers with a document, unless err kept it from being there.
func (c *call) sendDoc(doc []byte, err error) error {
	if err != nil {
		return err
	}
	return c.sendPacked(doc)
}

// sendJSON answers 200, unless another status was set, with encoded JSON.
func (c *call) sendJSON(body []byte) error {
	c.Set(fiber.HeaderContentType, jsonType)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.allowFor(len(body))
	c.Response().SetBodyRaw(body)
	return nil
}

// private marks an answer that no cache may keep.
func (c *call) private() { c.Set(fiber.HeaderCacheControl, "no-store") }

// sendPacked is sendJSON, gzipped where the client takes it.
func (c *call) sendPacked(body []byte) error {
	c.Vary(fiber.HeaderAcceptEncoding)
	if len(body) <= gzipFrom || !takesGzip(c.Get(fiber.HeaderAcceptEncoding)) {
		return c.sendJSON(body)
	}
	packed, err := c.server.pack(body)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return c.sendJSON(packed)
}

// leased is a buffer that goes back to its pool when the answer was written.
type leased struct {
	pool  *gosync.Pool
	bytes []byte
}

// maxLeased bounds what a buffer keeps of an unusually large answer.
const maxLeased = 4 << 20

// Close is called by the HTTP library after the answer was written.
func (l *leased) Close() error {
	if cap(l.bytes) <= maxLeased {
		l.pool.Put(l)
	}
	return nil
}

// sendPage is sendPacked for an answer of a megabyte or so, which is built in a
// buffer that was used before.
func (c *call) sendPage(build func(dst []byte) []byte) error {
	l, ok := c.server.pages.Get().(*leased)
	if !ok {
		l = &leased{pool: &c.server.pages}
	}
	l.bytes = build(l.bytes[:0])
	c.Context().SetUserValue(leasedKey{}, l)
	return c.sendPacked(l.bytes)
}

// leasedKey is where a request keeps what its answer stands in.
type leasedKey struct{}

// allowFor gives a slow client time in proportion to the answer's size.
func (c *call) allowFor(size int) {
	if size < smallBody {
		return
	}
	deadline := time.Now().Add(patience(c.server.cfg.WriteTimeout, int64(size)))
	// A connection that takes no deadline is gone; writing finds that out.
	_ = c.Context().SetWriteDeadline(deadline)
}

func (s *Server) pack(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	zw, ok := s.gzips.Get().(*gzip.Writer)
	if !ok {
		zw, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
	}
	defer s.gzips.Put(zw)
	zw.Reset(&buf)
	if _, err := zw.Write(body); err != nil {
		return nil, fmt.Errorf("packing an answer: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("packing an answer: %w", err)
	}
	return buf.Bytes(), nil
}

// takesGzip reads an Accept-Encoding header: gzip, or a star without gzip,
// with a weight above zero.
func takesGzip(header string) bool {
	star := false
	for item := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return positiveWeight(params)
		case "*":
			star = positiveWeight(params)
		}
	}
	return star
}

func positiveWeight(params string) bool {
	name, value, found := strings.Cut(strings.ReplaceAll(params, " ", ""), "=")
	if !found || !strings.EqualFold(name, "q") {
		return true
	}
	q, err := strconv.ParseFloat(value, 64)
	return err != nil || q > 0
}
