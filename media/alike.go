package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// findAlike finds the photos that are near-identical to one that has just come,
// notes them on both sides and returns them. Its own fingerprint is durable
// before it looks: of two that come at the same moment, at least one finds
// the other.
func (s *Service) findAlike(ctx context.Context, sha string, d *decoded) ([]string, error) {
	p, err := s.photo(ctx, sha)
	if err != nil || !p.here() {
		return nil, err
	}
	thumb, err := s.thumb(ctx, sha, d)
	if err != nil {
		return nil, err
	}
	own, err := fingerprintOf(thumb)
	if err != nil {
		return nil, err
	}
	if err := s.likeness.putPrint(ctx, p.Received, sha, own); err != nil {
		return nil, err
	}
	near, err := s.likeness.nearest(ctx, sha, own)
	if err != nil {
		return nil, err
	}
	alike, err := s.lookClosely(ctx, detailOf(thumb), near)
	if err != nil {
		return nil, err
	}
	for _, other := range alike {
		if err := errors.Join(s.noteAlike(ctx, sha, other), s.noteAlike(ctx, other, sha)); err != nil {
			return nil, err
		}
	}
	return alike, nil
}

// thumb is a photo's small view as pixels.
func (s *Service) thumb(ctx context.Context, sha string, d *decoded) (image.Image, error) {
	if d != nil {
		return d.thumb, nil
	}
	data, err := s.decoder.view(ctx, sha, store.Small)
	if err != nil {
		return nil, err
	}
	return jpeg.Decode(bytes.NewReader(data))
}

// lookClosely returns those of the photos whose detail agrees.
func (s *Service) lookClosely(ctx context.Context, own *detail, near []string) ([]string, error) {
	var alike []string
	for _, sha := range near {
		thumb, err := s.thumb(ctx, sha, nil)
		if inspection.CodeOf(err) == inspection.CodeNotFound {
			continue // it was swept
		}
		if err != nil {
			return nil, err
		}
		if agreement(own, detailOf(thumb)) >= matchFrom {
			alike = append(alike, sha)
		}
	}
	return alike, nil
}

func (s *Service) noteAlike(ctx context.Context, sha, other string) error {
	_, err := s.changePhoto(ctx, sha, func(p *photo) bool {
		if slices.Contains(p.Alike, other) || len(p.Alike) >= maxAlike {
			return false
		}
		p.Alike = append(p.Alike, other)
		slices.Sort(p.Alike)
		return true
	})
	return err
}
