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

// addLightAndGrain makes the drawing a photo: uneven light, dark corners, the grain of
// a small sensor.
func (c *canvas) addLightAndGrain() {
	b := c.img.Rect
	w, h := float64(b.Dx()), float64(b.Dy())
	lightX, lightY := c.between(0.2, 0.8), c.between(0, 0.5)
	exposure := c.between(0.92, 1.06)
	for y := range b.Dy() {
		row := c.img.Pix[y*c.img.Stride:][:b.Dx()*4]
		for x := range b.Dx() {
			dx, dy := float64(x)/w-lightX, float64(y)/h-lightY
			light := exposure * (1.06 - 0.3*(dx*dx+dy*dy))
			grain := (c.rnd.Float64() - 0.5) * 9
			for i := range 3 {
				row[4*x+i] = uint8(min(max(float64(row[4*x+i])*light+grain, 0), 255))
			}
		}
	}
}
