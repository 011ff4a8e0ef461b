package api

import (
	"crypto/sha1" //nolint:gosec // the tus protocol demands it; the whole file is checked with SHA-256
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/media"
)

// The tus protocol 1.0.0: https://tus.io/protocols/resumable-upload
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,checksum,expiration,termination"
	tusChunkType  = "application/offset+octet-stream"

	headerTusResumable   = "Tus-Resumable"
	headerUploadOffset   = "Upload-Offset"
	headerUploadLength   = "Upload-Length"
	headerUploadMetadata = "Upload-Metadata"
	headerUploadExpires  = "Upload-Expires"
	headerUploadChecksum = "Upload-Checksum"

	uploadsPath = "/v1/uploads"
)

// tusChecksums are the algorithms of Upload-Checksum.
var tusChecksums = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New}

func (s *Server) tusRoutes() []route {
	one := uploadsPath + "/:id"
	return []route{
		{Method: fiber.MethodOptions, Path: uploadsPath, Proof: none, Handler: s.tusOptions},
		{Method: fiber.MethodOptions, Path: one, Proof: none, Handler: s.tusOptions},
		{Method: fiber.MethodPost, Path: uploadsPath, Proof: bearer, Action: inspection.ActionMedia, Cap: media.MaxBytes, Handler: tus(s.tusCreate)},
		{Method: fiber.MethodHead, Path: one, Proof: bearer, Action: inspection.ActionMedia, Handler: tus(s.tusHead)},
		{Method: fiber.MethodPatch, Path: one, Proof: bearer, Action: inspection.ActionMedia, Cap: media.MaxBytes, Handler: tus(s.tusPatch)},
		{Method: fiber.MethodDelete, Path: one, Proof: bearer, Action: inspection.ActionMedia, Handler: tus(s.tusDelete)},
		{Method: fiber.MethodPost, Path: one, Proof: bearer, Action: inspection.ActionMedia, Cap: media.MaxBytes, Handler: tus(s.tusOverride)},
	}
}

// tus checks the protocol's version before a handler. Answers carry it in any
// case.
func tus(handler func(*call) error) func(*call) error {
	return func(c *call) error {
		c.private()
		c.Set(headerTusResumable, tusVersion)
		if c.Get(headerTusResumable) != tusVersion {
			c.Set("Tus-Version", tusVersion)
			return inspection.Errorf(inspection.CodeTusVersion, "%s", inspection.Codes[inspection.CodeTusVersion])
		}
		if _, err := c.encoding(); err != nil {
			return err
		}
		return handler(c)
	}
}

func (s *Server) tusOptions(c *call) error {
	c.Set(headerTusResumable, tusVersion)
	c.Set("Tus-Version", tusVersion)
	c.Set("Tus-Extension", tusExtensions)
	c.Set("Tus-Max-Size", strconv.Itoa(media.MaxBytes))
	c.Set("Tus-Checksum-Algorithm", "sha1,sha256")
	c.Set(fiber.HeaderAllow, strings.Join(s.methodsOf(c.Path()), ", "))
	c.Status(fiber.StatusNoContent)
	return nil
}

// tusOverride serves clients behind proxies that let only GET and POST pass.
func (s *Server) tusOverride(c *call) error {
	switch strings.ToUpper(c.Get("X-HTTP-Method-Override")) {
	case fiber.MethodPatch:
		return s.tusPatch(c)
	case fiber.MethodDelete:
		return s.tusDelete(c)
	case fiber.MethodHead:
		return s.tusHead(c)
	}
	c.Set(fiber.HeaderAllow, strings.Join(s.methodsOf(c.Path()), ", "))
	return fiber.ErrMethodNotAllowed
}

func (s *Server) tusCreate(c *call) error {
	n, err := c.newUpload()
	if err != nil {
		return err
	}
	up, err := s.cfg.Media.Create(c.ctx, c.principal, n)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, uploadsPath+"/"+up.ID)
	if c.hasBody() && up.Offset == 0 {
		chunk, err := c.chunk(0)
		if err != nil {
			return err
		}
		if up, err = s.cfg.Media.Receive(s.base, c.principal, up.ID, chunk); err != nil {
			return err
		}
		c.bodyRead = true
	}
	c.Status(fiber.StatusCreated)
	c.told(up)
	return nil
}

// newUpload reads the headers of a creation.
func (c *call) newUpload() (media.NewUpload, error) {
	n := media.NewUpload{Metadata: c.Get(headerUploadMetadata)}
	if c.Get("Upload-Defer-Length") != "" || c.Get("Upload-Concat") != "" {
		return n, inspection.Errorf(inspection.CodeBadRequest, "The file's length must be known, and it is sent as one: Upload-Defer-Length and Upload-Concat are not taken here.")
	}
	var err error
	if n.Length, err = c.size(headerUploadLength); err != nil {
		return n, err
	}
	values, err := tusMetadata(n.Metadata)
	n.SHA256, n.Type = strings.ToLower(values["sha256"]), values["filetype"]
	return n, err
}

// size reads a header that holds a number of bytes.
func (c *call) size(header string) (int64, error) {
	text := c.Get(header)
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, inspection.Errorf(inspection.CodeBadRequest, "The header %s must be a number of bytes.", header)
	}
	return int64(n), nil
}

// maxMetadata bounds Upload-Metadata, which is kept with the upload.
const maxMetadata = 2 << 10

// tusMetadata reads "name base64,name base64"; a name may stand alone.
func tusMetadata(header string) (map[string]string, error) {
	bad := inspection.Errorf(inspection.CodeBadRequest, "Upload-Metadata must be pairs of a name and its value in base64, with commas between them, at most %d bytes.", maxMetadata)
	if len(header) > maxMetadata {
		return nil, bad
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if _, twice := values[name]; err != nil || twice {
			return nil, bad
		}
		values[name] = string(decoded)
	}
	return values, nil
}

// told answers with how far the upload is.
func (c *call) told(up media.Upload) {
	c.Set(headerUploadOffset, strconv.FormatInt(up.Offset, 10))
	if up.Offset < up.Length {
		c.Set(headerUploadExpires, up.Expires.UTC().Format(http.TimeFormat))
	}
}

func (s *Server) tusHead(c *call) error {
	up, err := s.cfg.Media.Upload(c.ctx, c.principal, c.Params("id"))
	if err != nil {
		return err
	}
	c.told(up)
	c.Set(headerUploadLength, strconv.FormatInt(up.Length, 10))
	if up.Metadata != "" {
		c.Set(headerUploadMetadata, up.Metadata)
	}
	return nil
}

func (s *Server) tusPatch(c *call) error {
	offset, err := c.size(headerUploadOffset)
	if err != nil {
		return err
	}
	chunk, err := c.chunk(offset)
	if err != nil {
		return err
	}
	// A photo may come for many minutes: the request's own deadline is not for
	// this one. What it may take as a whole, the body's reader decides.
	up, err := s.cfg.Media.Receive(s.base, c.principal, c.Params("id"), chunk)
	if err != nil {
		return err
	}
	c.bodyRead = true
	c.told(up)
	c.Status(fiber.StatusNoContent)
	return nil
}

func (s *Server) tusDelete(c *call) error {
	if err := s.cfg.Media.Abandon(c.ctx, c.principal, c.Params("id")); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func (c *call) hasBody() bool { return c.Request().Header.ContentLength() != 0 }

// chunk makes the request's body a part of an upload.
func (c *call) chunk(offset int64) (media.Chunk, error) {
	if got, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";"); !strings.EqualFold(strings.TrimSpace(got), tusChunkType) {
		return media.Chunk{}, inspection.Errorf(inspection.CodeMediaType, "Send parts of an upload with Content-Type: %s.", tusChunkType)
	}
	body := c.partBody()
	chunk := media.Chunk{Offset: offset, Length: max(int64(c.Request().Header.ContentLength()), -1), Body: body, Interrupt: body.interrupt}
	header := c.Get(headerUploadChecksum)
	if header == "" {
		return chunk, nil
	}
	name, value, _ := strings.Cut(header, " ")
	algorithm, known := tusChecksums[strings.ToLower(name)]
	sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if !known || err != nil {
		return chunk, inspection.Errorf(inspection.CodeBadRequest, "Upload-Checksum must be sha1 or sha256 and the checksum in base64.")
	}
	chunk.Hash, chunk.Sum = algorithm(), sum
	return chunk, nil
}

// partReader reads a body that is kept as far as it comes. It tells a body that
// broke off from one that ended, and can be interrupted.
type partReader struct {
	patientReader
	want        int64 // -1: unknown
	extendTo    func(time.Time) error
	interrupted atomic.Bool
}

func (c *call) partBody() *partReader {
	conn := c.Context().Conn()
	p := &partReader{want: int64(c.Request().Header.ContentLength()), extendTo: conn.SetReadDeadline}
	p.patientReader = patientReader{r: c.Context().RequestBodyStream(), silence: c.server.cfg.ReadTimeout, began: time.Now(), extend: p.moveDeadline}
	if p.r == nil {
		p.r = strings.NewReader(string(c.Request().Body()))
	}
	return p
}

// moveDeadline moves the deadline on unless someone has pulled it in for good.
func (p *partReader) moveDeadline(t time.Time) error {
	if err := p.extendTo(t); err != nil {
		return err
	}
	if p.interrupted.Load() {
		return errInterrupted
	}
	return nil
}

var errInterrupted = inspection.Errorf(inspection.CodeUploadLocked, "Another request of this upload took over. Ask for its offset and go on from there.")

// interrupt makes a read that waits return at once.
func (p *partReader) interrupt() {
	p.interrupted.Store(true)
	// A connection that takes no deadline is gone, and its read returns, too.
	_ = p.extendTo(time.Now())
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.patientReader.Read(b)
	switch {
	case err == nil:
		return n, nil
	case p.interrupted.Load():
		return n, errInterrupted
	case isTimeout(err):
		return n, bodyTimeout(p.silence)
	case errors.Is(err, io.EOF) && (p.want < 0 || p.got >= p.want):
		return n, io.EOF
	}
	return n, badBody("The body broke off. What came of it is kept: ask for the upload's offset and go on from there.")
}
