package cli

import (
	"bytes"
	"context"
	"errors"
	gosync "sync"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
)

// album holds the pictures of the demo's month until they are sent.
type album struct {
	*run
	store    store.Tables
	people   map[string]auth.User
	pictures []picture
}

// send uploads the pictures as their owners' phones would. What a start that
// was cut off has sent is done at once.
func (a *album) send(ctx context.Context, photos *media.Service) error {
	errs := make([]error, demoAtOnce)
	var work gosync.WaitGroup
	for start := range errs {
		work.Go(func() {
			for i := start; i < len(a.pictures) && errs[start] == nil; i += demoAtOnce {
				p := &a.pictures[i]
				errs[start] = p.send(ctx, photos, a.people[p.owner])
			}
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := a.store.Put(ctx, store.TableMeta, store.Row{Key: demoPhotosMark, Value: []byte("true")})
	if err == nil {
		a.log.Info("the demo's photos are there", "photos", len(a.pictures))
	}
	return err
}

func (p *picture) send(ctx context.Context, photos *media.Service, owner auth.User) error {
	principal := inspection.NewPrincipal(owner.Role, inspection.Device{User: owner.ID}, owner.Areas...)
	claim := media.Claim{Length: int64(len(p.jpeg)), SHA256: p.hash, Type: media.TypeJPEG}
	_, err := photos.Accept(ctx, principal, claim, bytes.NewReader(p.jpeg))
	return err
}

// sendLater sends the pictures while the server serves; end stops it.
func (a *album) sendLater(ctx context.Context, photos *media.Service) (end func()) {
	if a == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work gosync.WaitGroup
	work.Go(func() {
		if err := a.send(ctx, photos); err != nil && ctx.Err() == nil {
			a.log.Error("the demo's photos are not all sent; the next start goes on", "code", inspection.CodeOf(err), "error", err)
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}
