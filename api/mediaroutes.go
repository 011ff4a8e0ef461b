package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/media"
)

// Media is what the API needs of the photos.
type Media interface {
	Create(ctx context.Context, principal *inspection.Principal, n media.NewUpload) (media.Upload, error)
	Upload(ctx context.Context, principal *inspection.Principal, id string) (media.Upload, error)
	Receive(ctx context.Context, principal *inspection.Principal, id string, c media.Chunk) (media.Upload, error)
	Abandon(ctx context.Context, principal *inspection.Principal, id string) error
	Missing(ctx context.Context, principal *inspection.Principal, sha256 []string) ([]string, error)
	Picture(ctx context.Context, principal *inspection.Principal, sha256 string, edge int) (*media.Picture, error)
	MissingPhotos(ctx context.Context, device inspection.Device) (int, error)
	Counts() media.Counts
}

// missingCap is the most bytes of a question which photos are missing.
const missingCap = 128 << 10

func (s *Server) mediaRoutes() []route {
	return append([]route{
		{Method: fiber.MethodPost, Path: "/v1/media/missing", Proof: bearer, Action: inspection.ActionMedia, Cap: missingCap, Gzip: true, Handler: s.missing},
		{Method: fiber.MethodGet, Path: "/v1/media/:sha256", Proof: bearer, Action: inspection.ActionMedia, Handler: s.picture},
	}, s.tusRoutes()...)
}

type missingJSON struct {
	Missing []string `json:"missing"`
}

func (s *Server) missing(c *call) error {
	c.private()
	body, err := c.body()
	if err != nil {
		return err
	}
	var asked struct {
		SHA256 []string `json:"sha256"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&asked); err != nil {
		return inspection.Errorf(inspection.CodeBadRequest, `Send {"sha256":["…"]}: a list of hashes in hex.`)
	}
	missing, err := s.cfg.Media.Missing(c.ctx, c.principal, asked.SHA256)
	if err != nil {
		return err
	}
	return c.json(missingJSON{missing})
}

// extensions of the files as they are offered for saving.
var extensions = map[string]string{media.TypeJPEG: ".jpg", media.TypePNG: ".png", media.TypeWebP: ".webp"}

// picture serves a photo. Whatever else a file may be beside a picture, a
// browser is told to take it for one and to run nothing of it.
func (s *Server) picture(c *call) error {
	edge, err := c.edge()
	if err != nil {
		return err
	}
	sha := c.Params("sha256")
	p, err := s.cfg.Media.Picture(c.ctx, c.principal, sha, edge)
	if err != nil {
		return err
	}
	etag := `"` + p.ETag + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	c.Set("Cross-Origin-Resource-Policy", "same-site")
	if matches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, p.Type)
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`inline; filename="%s%s"`, sha[:16], extensions[p.Type]))
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	return c.sendRange(p, etag)
}

// edge reads the width that is asked for; 0 is the original.
func (c *call) edge() (int, error) {
	text, err := single(c.values, "w")
	if err != nil || text == "" && len(c.values("w")) == 0 {
		return 0, err
	}
	edge, _ := strconv.Atoi(text)
	if _, ok := media.ViewKinds[edge]; !ok {
		return 0, badParameter("w", "it may be 1600 or 320.")
	}
	return edge, nil
}

// matches reads an If-None-Match header.
func matches(header, etag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}

// sendRange sends the file or the part of it that was asked for.
func (c *call) sendRange(p *media.Picture, etag string) error {
	from, length, partial, err := byteRange(c.Get(fiber.HeaderRange), p.Size)
	if ifRange := c.Get(fiber.HeaderIfRange); ifRange != "" && ifRange != etag {
		from, length, partial, err = 0, p.Size, false, nil
	}
	if err != nil {
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", p.Size))
		return err
	}
	if partial {
		c.Status(fiber.StatusPartialContent)
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, p.Size))
	}
	if c.Method() == fiber.MethodHead {
		c.Response().SkipBody = true
		c.Response().Header.SetContentLength(int(length))
		return nil
	}
	r, err := p.Open(c.ctx, from, length)
	if err != nil {
		return err
	}
	c.allowFor(int(length))
	c.Context().SetBodyStream(r, int(length)) // the server closes it
	return nil
}

// byteRange reads a Range header for a file of so many bytes. What isn't one
// range of bytes is answered with all of them, as RFC 9110 allows.
func byteRange(header string, size int64) (from, length int64, partial bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash {
		return 0, size, false, nil
	}
	begin, ok1 := position(first)
	end, ok2 := position(last)
	switch {
	case !ok1 || !ok2 || first == "" && last == "" || first != "" && last != "" && end < begin:
		return 0, size, false, nil
	case first == "": // the last bytes
		begin, end = max(size-end, 0), size-1
	case last == "":
		end = size - 1
	}
	if begin >= size {
		return 0, 0, false, inspection.Errorf(inspection.CodeRange, "The file has %d bytes.", size)
	}
	return begin, min(end, size-1) - begin + 1, true, nil
}

// position reads a place in a file; one that is left out is 0.
func position(digits string) (int64, bool) {
	if digits == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= 0
}
