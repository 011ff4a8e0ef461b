package media

import (
	"bytes"
	"context"
	"io"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// ViewKinds are the widths that a photo can be asked for in, as long edges.
var ViewKinds = map[int]store.BlobKind{largeEdge: store.Large, smallEdge: store.Small}

// Picture is a file to look at. ETag stands for its bytes, without quotes.
type Picture struct {
	Type string
	Size int64
	ETag string

	data  []byte
	blobs store.Blobs
	name  store.BlobName
}

// Open reads a range of the file. The reader outlives ctx.
func (p *Picture) Open(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if p.blobs == nil {
		return io.NopCloser(bytes.NewReader(p.data[offset : offset+length])), nil
	}
	return p.blobs.Open(ctx, p.name, offset, length)
}

// viewVersion changes when derivatives are made in another way: then what
// clients have cached isn't what they would get.
const viewVersion = "1"

// Picture returns a photo's original, or with an edge of ViewKinds a view of
// it. Returns CodeNotFound for what isn't here or not for the principal's eyes.
func (s *Service) Picture(ctx context.Context, principal *inspection.Principal, sha string, edge int) (*Picture, error) {
	if !inspection.IsSHA256(sha) {
		return nil, notFound()
	}
	p, err := s.photo(ctx, sha)
	if err != nil {
		return nil, err
	}
	ok, err := s.mayRead(ctx, principal, sha, &p)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound()
	}
	if kind, small := ViewKinds[edge]; small {
		data, err := s.decoder.view(ctx, principal.Device.User, sha, kind)
		return &Picture{Type: TypeJPEG, Size: int64(len(data)), ETag: sha + "-" + string(kind) + viewVersion, data: data}, err
	}
	size, err := s.decoder.findOriginal(ctx, sha)
	return &Picture{Type: p.Type, Size: size, ETag: sha, blobs: s.cfg.Blobs, name: original(sha)}, err
}
