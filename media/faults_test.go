package media_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
)

// faultyStore, faultyBlobs and faultyAmender fail every call that changes
// something, once their time has come.
type (
	faultyStore struct {
		store.Store
		f *faults
	}
	faultyBlobs struct {
		store.Blobs
		f *faults
	}
	faultyAmender struct {
		media.Amender
		f *faults
	}
)

func (s faultyStore) Put(ctx context.Context, t store.Table, row store.Row) (int64, error) {
	if err := s.f.check(); err != nil {
		return 0, err
	}
	return s.Store.Put(ctx, t, row)
}

func (s faultyStore) Delete(ctx context.Context, t store.Table, key string) error {
	if err := s.f.check(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, t, key)
}

func (b faultyBlobs) Put(ctx context.Context, name store.BlobName, r io.Reader) error {
	if err := b.f.check(); err != nil {
		return err
	}
	return b.Blobs.Put(ctx, name, r)
}

func (b faultyBlobs) Append(ctx context.Context, name store.BlobName, offset int64, r io.Reader) (int64, error) {
	if err := b.f.check(); err != nil {
		return 0, err
	}
	return b.Blobs.Append(ctx, name, offset, r)
}

func (b faultyBlobs) Move(ctx context.Context, from, to store.BlobName) error {
	if err := b.f.check(); err != nil {
		return err
	}
	return b.Blobs.Move(ctx, from, to)
}

func (b faultyBlobs) Delete(ctx context.Context, name store.BlobName) error {
	if err := b.f.check(); err != nil {
		return err
	}
	return b.Blobs.Delete(ctx, name)
}

func (a faultyAmender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	if err := a.f.check(); err != nil {
		return err
	}
	return a.Amender.Amend(ctx, area, id, decide)
}

// TestDiesAtEveryStep: the process dies before each change that an upload
// makes, in turn. The next process has all that was acknowledged, the phone
// sends on from there, and in the end the photo is here, whole, once, and the
// record that waited for it is complete.
func TestDiesAtEveryStep(t *testing.T) {
	for step := 0; ; step++ {
		done := false
		t.Run(fmt.Sprint(step), func(t *testing.T) { done = dieAt(t, step) })
		if done || t.Failed() {
			t.Logf("an upload makes %d changes", step)
			if step < 8 {
				t.Error("that is too few: the faults reach nothing")
			}
			return
		}
	}
}

// dieAt reports whether the upload was through before the step.
func dieAt(t *testing.T, step int) bool {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(uint64(step) + 1)
	twin := p.newRecord(street, p.upload(picture(1000)))
	waiting := p.newRecord(street, hashOf(data))
	w.settled(twin, "complete")
	w.settled(waiting, "incomplete", "-"+hashOf(data)[:6])

	w.restart(&faults{left: step})
	half := int64(len(data) / 2)
	up, err := w.Media.Create(w.Ctx, p.Principal, newUpload(data))
	acknowledged := int64(-1)
	if err == nil {
		acknowledged = 0
		if _, err = p.send(up.ID, 0, data[:half]); err == nil {
			acknowledged = half
		}
		if _, err = p.send(up.ID, half, data[half:]); err == nil {
			acknowledged = up.Length
		}
	}
	died := w.faults.tripped()
	w.restart(nil)
	w.Must(w.Media.Sweep(w.Ctx))
	if acknowledged < 0 {
		up, err = w.Media.Create(w.Ctx, p.Principal, newUpload(data))
		w.Must(err)
	}
	now, err := w.Media.Upload(w.Ctx, p.Principal, up.ID)
	w.Must(err)
	if now.Offset < acknowledged {
		t.Fatalf("%d bytes were acknowledged, %d are here", acknowledged, now.Offset)
	}
	if now.Offset < now.Length {
		_, err = p.send(up.ID, now.Offset, data[now.Offset:])
		w.Must(err)
	}
	w.settled(waiting, "complete")
	pic, err := w.Media.Picture(w.Ctx, p.Principal, hashOf(data), 0)
	w.Must(err)
	r, err := pic.Open(w.Ctx, 0, pic.Size)
	w.Must(err)
	got, err := io.ReadAll(r)
	w.Must(err)
	r.Close()
	if hashOf(got) != hashOf(data) {
		t.Error("the photo is another one")
	}
	if parts, err := w.Blobs.List(w.Ctx, store.Parts, "", 9); err != nil || len(parts) != 0 {
		t.Errorf("parts are left: %v, %v", parts, err)
	}
	return !died
}

// TestTwoServersTakeOneUpload: another server was first with the same bytes.
// The phone is told to ask how far it is, and goes on.
func TestTwoServersTakeOneUpload(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(1)
	up, err := w.Media.Create(w.Ctx, p.Principal, newUpload(data))
	w.Must(err)
	w.Blobs = &outrun{Blobs: w.Blobs}
	w.restart(nil)
	_, err = p.send(up.ID, 0, data)
	if code := inspection.CodeOf(err); code != inspection.CodeUploadLocked {
		t.Errorf("outrun by another server: %v", err)
	}
	now, err := w.Media.Upload(w.Ctx, p.Principal, up.ID)
	w.Must(err)
	if now.Offset != 100 {
		t.Errorf("%d bytes are here, want the other server's 100", now.Offset)
	}
	_, err = p.send(up.ID, now.Offset, data[now.Offset:])
	w.Must(err)
	if !w.sees(p, hashOf(data)) {
		t.Error("the photo isn't here")
	}
}

// outrun lets another server append a hundred bytes before the first part.
type outrun struct {
	store.Blobs
	done bool
}

func (b *outrun) Append(ctx context.Context, name store.BlobName, offset int64, r io.Reader) (int64, error) {
	if !b.done {
		b.done = true
		data, err := io.ReadAll(io.LimitReader(r, 100))
		if err != nil {
			return 0, err
		}
		if _, err := b.Blobs.Append(ctx, name, offset, bytes.NewReader(data)); err != nil {
			return 0, err
		}
	}
	return b.Blobs.Append(ctx, name, offset, r)
}
