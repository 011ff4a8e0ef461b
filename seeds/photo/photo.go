// Package photo draws pictures that look like what inspectors take: plates,
// streets, smoke, shops. The demo district shows them and tests upload them,
// so that no picture of a real place or person is needed.
//
// A picture follows from its Shot alone: the same one gives the same bytes.
package photo

import (
	"bytes"
	"image/jpeg"
	"math/rand/v2"
	"time"
)

// Shot is what is photographed, when and where.
type Shot struct {
	// Field is the photo field of a checklist, like "plate_photo"; it decides
	// what there is to see. An unknown one shows a street.
	Field string
	// Seed makes one place differ from another. Fields with the same seed
	// belong together: "after_photo" shows the yard of "before_photo" without
	// the fire.
	Seed uint64
	// Text is written on the plate, the slip, the label or the sign. Letters
	// that the built-in face lacks are left out, but for 陕.
	Text string
	// Width is the picture's width in pixels, its height three quarters of
	// that. 0 means 800.
	Width int
	// Quality is that of the JPEG, 1 to 100. 0 means 85.
	Quality int
	// EXIF is what the camera writes; nil leaves the picture without.
	EXIF *EXIF
}

// Camera returns the EXIF of an ordinary phone at a time and place.
func Camera(at time.Time, lat, lon float64) *EXIF {
	return &EXIF{Make: "Xiaomi", Model: "Redmi Note 12", Software: "V816.0.5.0", Taken: at, Zoned: true, Lat: lat, Lon: lon, Placed: true}
}

// scenes is what each photo field of the checklists shows.
var scenes = map[string]func(*canvas, Shot){
	"plate_photo": plate, "smoke_photo": exhaust, "printout_photo": slip,
	"scene_photo": street, "screenshot": screen, "seizure_photo": boxes,
	"before_photo": fire, "after_photo": yard,
	"shop_photo": shop, "purifier_photo": purifier, "cleaning_photo": slip, "monitor_photo": screen,
	"label_photo": can, "sds_photo": slip, "seal_photo": boxes, "report_photo": slip,
}

// Draw returns the picture as a JPEG.
func Draw(s Shot) []byte {
	if s.Width == 0 {
		s.Width = 800
	}
	if s.Quality == 0 {
		s.Quality = 85
	}
	scene := scenes[s.Field]
	if scene == nil {
		scene = street
	}
	c := newCanvas(s.Width, rand.New(rand.NewPCG(s.Seed, 0x5eed))) // no secrets, only variety
	scene(c, s)
	c.addLightAndGrain()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, c.img, &jpeg.Options{Quality: s.Quality}); err != nil {
		panic(err) // a buffer takes everything, and the size is in range
	}
	if s.EXIF == nil {
		return buf.Bytes()
	}
	return s.EXIF.Into(buf.Bytes())
}
