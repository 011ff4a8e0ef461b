package photo_test

import (
	"bytes"
	"image/jpeg"
	"slices"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/seeds/photo"
)

// photoFields are those of all checklists.
func photoFields(t *testing.T) []string {
	t.Helper()
	docs, err := seeds.Reference()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range docs {
		if d.Collection != inspection.Templates {
			continue
		}
		fields, _ := d.Doc["fields"].([]any)
		for _, x := range fields {
			if f, _ := x.(inspection.Object); f["type"] == "photo" {
				names = append(names, f["name"].(string))
			}
		}
	}
	if slices.Sort(names); len(names) < 10 {
		t.Fatalf("the checklists have %d photo fields", len(names))
	}
	return slices.Compact(names)
}

// TestEveryFieldHasItsScene: what the checklists ask for can be drawn, each
// different from the others, different for each seed, the same for the same.
func TestEveryFieldHasItsScene(t *testing.T) {
	seen := map[string]string{}
	for _, field := range append(photoFields(t), "something else") {
		for seed := range uint64(2) {
			shot := photo.Shot{Field: field, Seed: seed, Text: "陕A12345", Width: 160}
			data := photo.Draw(shot)
			if !bytes.Equal(data, photo.Draw(shot)) {
				t.Errorf("%s: the same shot gives another picture", field)
			}
			config, err := jpeg.DecodeConfig(bytes.NewReader(data))
			if err != nil || config.Width != 160 || config.Height != 120 {
				t.Errorf("%s: %+v, %v", field, config, err)
			}
			seen[string(data)] = field
		}
	}
	// Fields that ask for the same kind of thing share a scene.
	if len(seen) < 20 {
		t.Errorf("%d different pictures", len(seen))
	}
}

// TestTextIsWritten: the plate differs with its number.
func TestTextIsWritten(t *testing.T) {
	for _, text := range []string{"陕A12345", "ABC", "字", ""} {
		a := photo.Draw(photo.Shot{Field: "plate_photo", Text: text, Width: 160})
		b := photo.Draw(photo.Shot{Field: "plate_photo", Text: "陕A99999", Width: 160})
		if bytes.Equal(a, b) {
			t.Errorf("%q looks like another number", text)
		}
	}
}

func TestCameraWritesEXIF(t *testing.T) {
	at := time.Date(2026, 10, 12, 9, 32, 1, 0, time.FixedZone("", 8*3600))
	plain := photo.Draw(photo.Shot{Width: 64})
	taken := photo.Draw(photo.Shot{Width: 64, EXIF: photo.Camera(at, 34.27, 108.96)})
	if bytes.Contains(plain, []byte("Exif")) || !bytes.Contains(taken, []byte("2026:10:12 09:32:01")) || !bytes.Contains(taken, []byte("+08:00")) {
		t.Error("the camera writes nothing, or always")
	}
	if _, err := jpeg.Decode(bytes.NewReader(taken)); err != nil {
		t.Error(err)
	}
}
