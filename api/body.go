package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"

	"gridpatrol/inspection"
)

// slowestClient is how slow a body may come, or an answer be taken, on the
// whole, in bytes per second: a phone at the edge of coverage gets through,
// someone who only keeps a connection busy doesn't.
const slowestClient = 1 << 10

// smallBody is up to what size an unread body is left to the server to skip, so
// that the connection can be used on, and an answer needs no time of its own.
const smallBody = 64 << 10

// body reads a JSON body within the route's cap. Returns CodeMediaType,
// CodeTooLarge, CodeBadRequest for a body that was cut off or isn't gzip where
// it says so.
func (c *call) body() ([]byte, error) {
	zipped, err := c.encoding()
	if err != nil {
		return nil, err
	}
	length := c.Request().Header.ContentLength()
	if length != 0 {
		if err := checkMediaType(c.Get(fiber.HeaderContentType), c.route.YAML); err != nil {
			return nil, err
		}
	}
	if length > c.route.Cap {
		return nil, tooLarge(c.route.Cap)
	}
	raw, err := c.raw(length)
	if err != nil || !zipped {
		return raw, err
	}
	return inflate(raw, c.route.Cap)
}

// encoding tells whether the body is gzipped, where the route takes that.
func (c *call) encoding() (zipped bool, err error) {
	var codings []string
	for _, v := range c.Request().Header.PeekAll(fiber.HeaderContentEncoding) {
		if coding := strings.ToLower(strings.TrimSpace(string(v))); coding != "" && coding != "identity" {
			codings = append(codings, coding)
		}
	}
	switch {
	case len(codings) == 0:
		return false, nil
	case c.route.Gzip && len(codings) == 1 && (codings[0] == "gzip" || codings[0] == "x-gzip"):
		return true, nil
	}
	return false, inspection.Errorf(inspection.CodeMediaType, "This Content-Encoding is not taken here. Send the body as it is%s.", orGzip(c.route.Gzip))
}

func orGzip(taken bool) string {
	if taken {
		return ", or gzipped once"
	}
	return ""
}

// yamlTypes are the names that YAML goes by; the first is that of RFC 9512.
var yamlTypes = []string{"application/yaml", "application/x-yaml", "text/yaml"}

// checkMediaType takes application/json, and YAML where the route does, with
// any parameters but a charset other than UTF-8.
func checkMediaType(header string, yaml bool) error {
	mediaType, params, err := mime.ParseMediaType(header)
	charset := params["charset"]
	known := mediaType == fiber.MIMEApplicationJSON || yaml && slices.Contains(yamlTypes, mediaType)
	if err != nil || !known || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return inspection.Errorf(inspection.CodeMediaType, "Send the body as JSON, with Content-Type: application/json%s.", orYAML(yaml))
	}
	return nil
}

func orYAML(taken bool) string {
	if taken {
		return ", or as YAML, with application/yaml"
	}
	return ""
}

func tooLarge(limit int) error {
	return inspection.Errorf(inspection.CodeTooLarge, "The body is larger than %d bytes, which is the most that is taken here. Send less at once.", limit)
}

// raw reads the body as it is on the wire.
func (c *call) raw(length int) ([]byte, error) {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		body := c.Request().Body()
		if len(body) > c.route.Cap {
			return nil, tooLarge(c.route.Cap)
		}
		return body, nil
	}
	patient := &patientReader{r: stream, silence: c.server.cfg.ReadTimeout, began: time.Now(), extend: c.Context().SetReadDeadline}
	var buf bytes.Buffer
	_, err := buf.ReadFrom(io.LimitReader(patient, int64(c.route.Cap)+1))
	switch {
	case isTimeout(err):
		return nil, bodyTimeout(c.server.cfg.ReadTimeout)
	case err != nil || length > 0 && buf.Len() < length:
		return nil, fmt.Errorf("body ends after %d bytes: %w", buf.Len(), badBody("The body is cut off or wrongly framed. Send it again."))
	case buf.Len() > c.route.Cap:
		return nil, tooLarge(c.route.Cap)
	}
	c.bodyRead = true
	return buf.Bytes(), nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func badBody(detail string) error { return inspection.Errorf(inspection.CodeBadRequest, "%s", detail) }

// patientReader moves the socket's deadline on as long as the body keeps
// coming. Sockets live by the machine's clock.
type patientReader struct {
	r       io.Reader
	silence time.Duration
	began   time.Time
	got     int64
	extend  func(time.Time) error
}

func (p *patientReader) Read(b []byte) (int, error) {
	last := p.began.Add(patience(p.silence, p.got))
	if next := time.Now().Add(p.silence); next.Before(last) {
		last = next
	}
	if err := p.extend(last); err != nil {
		return 0, fmt.Errorf("setting a deadline: %w", err)
	}
	n, err := p.r.Read(b)
	p.got += int64(n)
	return n, err // the reader's own words: io.EOF counts
}

// patience is how long the transfer of so many bytes may take.
func patience(least time.Duration, bytes int64) time.Duration {
	return least + time.Duration(bytes)*time.Second/slowestClient
}

// inflate unpacks gzip, of one member or several, and stops at the limit
// however large the rest would become.
func inflate(zipped []byte, limit int) ([]byte, error) {
	notGzip := inspection.Errorf(inspection.CodeBadRequest, "The body says that it is gzip, but can't be unpacked. Send it again.")
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, notGzip
	}
	var buf bytes.Buffer
	_, err = buf.ReadFrom(io.LimitReader(zr, int64(limit)+1))
	if buf.Len() > limit {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, notGzip
	}
	return buf.Bytes(), nil
}
