package media_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
)

// bare is what a form says of a file: neither its hash nor its size.
var bare = media.Claim{Length: -1, Type: media.TypeJPEG}

func (p *person) accept(c media.Claim, body io.Reader) (media.Accepted, error) {
	return p.w.Media.Accept(p.w.Ctx, p.Principal, c, body)
}

// leftovers tells what unfinished uploads have left.
func (w *album) leftovers() string {
	w.T.Helper()
	parts, err := w.Blobs.List(w.Ctx, store.Parts, "", 9)
	w.Must(err)
	rows, err := w.Store.Scan(w.Ctx, store.TableUploads, "", "", 9)
	w.Must(err)
	if len(parts)+len(rows) == 0 {
		return ""
	}
	left := fmt.Sprintf("%d parts", len(parts))
	for _, r := range rows {
		left += "\n" + string(r.Value)
	}
	return left
}

func TestAFormsPhotoIsKeptAsAnUploadIs(t *testing.T) {
	for name, claimed := range map[string]bool{"all of it is claimed": true, "nothing is": false} {
		t.Run(name, func(t *testing.T) {
			w := newAlbum(t)
			p := w.person("li", street)
			data := picture(1)
			waiting := p.newRecord(street, hashOf(data))
			w.settled(waiting, "incomplete", "-"+hashOf(data)[:6])
			c := bare
			if claimed {
				c = claim(data)
			}
			got, err := p.accept(c, bytes.NewReader(data))
			w.Must(err)
			if got.SHA256 != hashOf(data) || got.Bytes != int64(len(data)) || got.Type != media.TypeJPEG || got.Width != 480 {
				t.Errorf("%+v", got)
			}
			w.settled(waiting, "complete")
			pic, err := w.Media.Picture(w.Ctx, p.Principal, hashOf(data), 0)
			if err != nil || pic.Size != int64(len(data)) {
				t.Errorf("%+v, %v", pic, err)
			}
			if left := w.leftovers(); left != "" {
				t.Error(left)
			}
			again, err := p.accept(c, bytes.NewReader(data))
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("sent again: %+v, %v", again, err)
			}
		})
	}
}

// TestWhatIsHereIsNotReadAgain: for its sender. Another has to show the file.
func TestWhatIsHereIsNotReadAgain(t *testing.T) {
	w := newAlbum(t)
	p, stranger := w.person("li", street), w.person("zhao", away)
	data := picture(1)
	p.upload(data)
	got, err := p.accept(claim(data), unreadable{})
	if err != nil || got.SHA256 != hashOf(data) || got.Bytes != int64(len(data)) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := stranger.accept(claim(data), unreadable{}); !errors.Is(err, errUnreadable) {
		t.Errorf("a stranger's: %v", err)
	}
	if w.sees(stranger, hashOf(data)) {
		t.Error("a stranger who has not the file sees it")
	}
	_, err = stranger.accept(claim(data), bytes.NewReader(data))
	w.Must(err)
	if !w.sees(stranger, hashOf(data)) {
		t.Error("who sent the file doesn't see it")
	}
}

var errUnreadable = errors.New("the body breaks off")

type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errUnreadable }

// TestPhotosThatAreRefusedLeaveNothing: in one piece nothing can be gone on
// with.
func TestPhotosThatAreRefusedLeaveNothing(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(1)
	with := func(change func(*media.Claim)) media.Claim {
		c := claim(data)
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		claim media.Claim
		body  io.Reader
		want  inspection.Code
	}{
		"another file":           {with(func(c *media.Claim) { c.SHA256 = strings.Repeat("0", 64) }), bytes.NewReader(data), inspection.CodeChecksumMismatch},
		"a hash that is none":    {with(func(c *media.Claim) { c.SHA256 = "x" }), bytes.NewReader(data), inspection.CodeBadRequest},
		"shorter than claimed":   {with(func(c *media.Claim) { c.Length++ }), bytes.NewReader(data), inspection.CodeBadRequest},
		"longer than claimed":    {with(func(c *media.Claim) { c.Length-- }), bytes.NewReader(data), inspection.CodeBadRequest},
		"a claim of nothing":     {with(func(c *media.Claim) { c.Length = 0 }), bytes.NewReader(data), inspection.CodeNotAPicture},
		"too large by its claim": {with(func(c *media.Claim) { c.Length = media.MaxBytes + 1 }), bytes.NewReader(data), inspection.CodeTooLarge},
		"too large, unclaimed":   {bare, io.LimitReader(endless{}, media.MaxBytes+1), inspection.CodeTooLarge},
		"empty":                  {bare, strings.NewReader(""), inspection.CodeNotAPicture},
		"a text":                 {bare, strings.NewReader("<html>"), inspection.CodeNotAPicture},
		"of another type":        {with(func(c *media.Claim) { c.Type = "text/html" }), bytes.NewReader(data), inspection.CodeMediaType},
		"broken off":             {bare, io.MultiReader(bytes.NewReader(data[:100]), unreadable{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.accept(tc.claim, tc.body)
			if tc.want == "" && !errors.Is(err, errUnreadable) || tc.want != "" && inspection.CodeOf(err) != tc.want {
				t.Errorf("%v, want %s", err, tc.want)
			}
			if left := w.leftovers(); left != "" || w.sees(p, hashOf(data)) {
				t.Errorf("left: %s; the photo is here: %t", left, w.sees(p, hashOf(data)))
			}
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestAFormsPhotoCounts: for its user's day, also where only its end says how
// large it is.
func TestAFormsPhotoCounts(t *testing.T) {
	w := newAlbum(t)
	data, second := picture(1), picture(2)
	w.quota = int64(max(len(data), len(second)))
	w.restart(nil)
	p := w.person("li", street)
	if _, err := p.accept(bare, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.accept(bare, bytes.NewReader(second)); inspection.CodeOf(err) != inspection.CodeQuotaExceeded {
		t.Errorf("beyond the day's quota: %v", err)
	}
	if left := w.leftovers(); left != "" || w.sees(p, hashOf(second)) {
		t.Errorf("left: %s", left)
	}
	w.Advance(24 * time.Hour)
	if _, err := p.accept(bare, bytes.NewReader(second)); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// swept lets days go by until sweeps have put away what a crash left.
func (w *album) swept() {
	w.T.Helper()
	for deadline := time.After(10 * time.Second); w.leftovers() != ""; {
		select {
		case <-deadline:
			w.T.Fatal(w.leftovers())
		default:
		}
		w.Advance(25 * time.Hour)
		w.Must(w.Media.Sweep(w.Ctx))
	}
}

// TestAFormDiesAtEveryStep: the process dies before each change that taking a
// form's photo makes, in turn. Sent again, the photo is here, whole, and the
// record that waited for it is complete; days later nothing else is left.
func TestAFormDiesAtEveryStep(t *testing.T) {
	for step := 0; ; step++ {
		done := false
		t.Run(fmt.Sprint(step), func(t *testing.T) { done = acceptAndDie(t, step) })
		if done || t.Failed() {
			t.Logf("taking a photo makes %d changes", step)
			if step < 8 {
				t.Error("that is too few: the faults reach nothing")
			}
			return
		}
	}
}

func acceptAndDie(t *testing.T, step int) (through bool) {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(uint64(step) + 1)
	waiting := p.newRecord(street, hashOf(data))
	w.settled(waiting, "incomplete", "-"+hashOf(data)[:6])
	w.restart(&faults{left: step})
	_, err := p.accept(bare, bytes.NewReader(data))
	died := w.faults.tripped()
	w.restart(nil)
	if err == nil {
		w.Must(w.Media.Sweep(w.Ctx))
	} else {
		_, err = p.accept(bare, bytes.NewReader(data))
		w.Must(err)
	}
	w.settled(waiting, "complete")
	if !w.sees(p, hashOf(data)) {
		t.Error("the photo isn't here")
	}
	w.swept()
	return !died
}
