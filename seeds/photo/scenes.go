package photo

import (
	"fmt"
	"image/color"
	"math"
)

// scenes is what each photo field of the checklists shows.
var scenes = map[string]func(*canvas, Shot){
	"plate_photo": plate, "smoke_photo": exhaust, "printout_photo": slip,
	"scene_photo": street, "screenshot": screen, "seizure_photo": boxes,
	"before_photo": fire, "after_photo": yard,
	"shop_photo": shop, "purifier_photo": purifier, "cleaning_photo": slip, "monitor_photo": screen,
	"label_photo": can, "sds_photo": slip, "seal_photo": boxes, "report_photo": slip,
}

var (
	white = color.RGBA{245, 245, 242, 255}
	black = color.RGBA{24, 24, 26, 255}
)

// plate is the rear of a truck with its number plate.
func plate(c *canvas, s Shot) {
	body := c.rgb(110, 110, 120, 80)
	c.gradient(shade(body, 1.15), shade(body, 0.7), 0, 2.4)
	c.gradient(c.rgb(95, 95, 95, 12), c.rgb(70, 70, 72, 12), 2.4, 3)
	for i := range 9 { // boards of the tailgate
		c.rect(shade(body, c.between(0.6, 0.75)), 0, 0.15+float64(i)*0.14, 4, 0.02)
	}
	for _, x := range []float64{0.25, 3.2} {
		c.rect(shade(body, 0.5), x-0.04, 1.45, 0.63, 0.42)
		c.rect(c.rgb(170, 25, 25, 25), x, 1.5, 0.3, 0.32)
		c.rect(c.rgb(220, 130, 30, 20), x+0.32, 1.5, 0.22, 0.32)
	}
	c.rect(c.rgb(50, 50, 52, 8), 0, 2.05, 4, 0.3)
	background, ink := c.rgb(226, 178, 30, 12), black // yellow: large vehicles
	if s.Seed%4 == 3 {
		background, ink = c.rgb(30, 70, 165, 10), white
	}
	x, y, w := c.between(0.85, 1.0), c.between(1.2, 1.4), 2.2
	c.rect(shade(background, 0.45), x-0.05, y-0.05, w+0.1, 0.72)
	c.rect(background, x, y, w, 0.62)
	for _, screw := range []point{{x + 0.3, y + 0.06}, {x + w - 0.3, y + 0.06}} {
		c.disc(shade(background, 0.6), screw.x, screw.y, 0.025, 0.025)
	}
	c.letters(ink, s.Text, x+0.14, y+0.46, 0.3)
	for range 40 { // mud
		c.puff(c.rgb(120, 105, 85, 15), c.between(0, 4), c.between(1.9, 3), c.between(0.05, 0.35), 0.35)
	}
}

// skyline is a hazy sky with the fronts of buildings below it, down to the
// horizon.
func (c *canvas) skyline(horizon float64) {
	haze := c.rgb(196, 202, 208, 14)
	c.gradient(c.rgb(140, 172, 208, 30), haze, 0, horizon)
	for x := -0.3; x < 4; {
		w, h := c.between(0.35, 0.9), c.between(0.4, horizon-0.25)
		wall := c.rgb(165, 155, 145, 38)
		c.rect(wall, x, horizon-h, w, h)
		c.rect(shade(wall, 0.8), x+w*0.82, horizon-h, w*0.18, h)
		lit := c.rgb(90, 105, 125, 25)
		stepX, stepY := c.between(0.1, 0.16), c.between(0.13, 0.2)
		for wy := horizon - h + 0.08; wy < horizon-0.15; wy += stepY {
			for wx := x + 0.06; wx < x+w*0.8-0.06; wx += stepX {
				c.rect(shade(lit, c.between(0.7, 1.3)), wx, wy, stepX*0.6, stepY*0.55)
			}
		}
		x += w + c.between(-0.05, 0.2)
	}
}

// road runs from the horizon to the viewer.
func (c *canvas) road(horizon float64) {
	c.gradient(c.rgb(138, 134, 128, 10), c.rgb(112, 110, 108, 10), horizon, 3)
	vanish := c.between(1.4, 2.6)
	asphalt := c.rgb(86, 86, 90, 12)
	c.polygon(asphalt, point{vanish - 0.12, horizon}, point{vanish + 0.12, horizon}, point{4.3, 3}, point{-0.3, 3})
	for i := range 7 { // dashes of the middle line grow towards the viewer
		f0, f1 := math.Pow(float64(i)/7, 1.9), math.Pow((float64(i)+0.5)/7, 1.9)
		y0, y1 := horizon+(3-horizon)*f0, horizon+(3-horizon)*f1
		x0, x1 := vanish+(2-vanish)*f0, vanish+(2-vanish)*f1
		c.polygon(white, point{x0 - 0.05*f0, y0}, point{x0 + 0.05*f0, y0}, point{x1 + 0.05*f1, y1}, point{x1 - 0.05*f1, y1})
	}
}

func (c *canvas) tree(x, ground, size float64) {
	c.rect(c.rgb(92, 72, 54, 10), x-0.03*size, ground-0.7*size, 0.06*size, 0.7*size)
	for range 26 {
		c.puff(c.rgb(70, 110, 55, 28), x+c.between(-0.35, 0.35)*size, ground-c.between(0.55, 1.25)*size, c.between(0.12, 0.25)*size, 0.85)
	}
}

func (c *canvas) car(x, ground, size float64) {
	paint := c.rgb(140, 120, 120, 100)
	c.rect(shade(paint, 0.3), x, ground-0.05*size, size, 0.07*size) // shadow
	c.rect(paint, x, ground-0.32*size, size, 0.27*size)
	c.polygon(shade(paint, 0.9), point{x + 0.14*size, ground - 0.32*size}, point{x + 0.27*size, ground - 0.54*size},
		point{x + 0.75*size, ground - 0.54*size}, point{x + 0.9*size, ground - 0.32*size})
	c.polygon(c.rgb(60, 75, 90, 12), point{x + 0.2*size, ground - 0.33*size}, point{x + 0.3*size, ground - 0.5*size},
		point{x + 0.72*size, ground - 0.5*size}, point{x + 0.83*size, ground - 0.33*size})
	for _, wx := range []float64{0.22, 0.78} {
		c.disc(black, x+wx*size, ground-0.05*size, 0.1*size, 0.1*size)
		c.disc(c.rgb(150, 150, 155, 10), x+wx*size, ground-0.05*size, 0.05*size, 0.05*size)
	}
}

// street is a road through a quarter, with trees and cars.
func street(c *canvas, _ Shot) {
	horizon := c.between(1.3, 1.7)
	c.skyline(horizon)
	c.road(horizon)
	for i := range 2 + c.rnd.IntN(5) {
		side := []float64{c.between(0, 0.9), c.between(3, 4)}[i%2]
		c.tree(side, c.between(horizon+0.1, horizon+0.6), c.between(0.7, 1.3))
	}
	for range 1 + c.rnd.IntN(4) {
		ground := c.between(horizon+0.25, 2.8)
		size := 0.35 + 0.7*(ground-horizon)
		c.car(c.between(0.2, 3.2), ground, size)
	}
	for range c.rnd.IntN(4) { // poles
		x := c.between(0.1, 3.9)
		c.rect(c.rgb(70, 70, 72, 10), x, c.between(0.4, 0.9), 0.03, 1.2)
	}
}

// exhaust is a truck at the roadside that smokes.
func exhaust(c *canvas, s Shot) {
	horizon := c.between(1.35, 1.6)
	c.skyline(horizon)
	c.road(horizon)
	body, ground := c.rgb(120, 90, 80, 80), c.between(2.3, 2.5)
	x := c.between(0.9, 1.3)
	c.rect(body, x, ground-1.15, 1.7, 0.95)
	c.rect(shade(body, 0.75), x, ground-0.28, 2.35, 0.12)
	cab := c.rgb(190, 190, 195, 50)
	c.polygon(cab, point{x + 1.76, ground - 0.2}, point{x + 1.76, ground - 1.0}, point{x + 2.15, ground - 1.0},
		point{x + 2.38, ground - 0.55}, point{x + 2.38, ground - 0.2})
	c.polygon(c.rgb(55, 70, 85, 10), point{x + 1.98, ground - 0.58}, point{x + 1.98, ground - 0.92},
		point{x + 2.12, ground - 0.92}, point{x + 2.3, ground - 0.58})
	for _, wheel := range []float64{0.3, 0.62, 2.05} {
		c.disc(black, x+wheel, ground-0.1, 0.17, 0.17)
		c.disc(c.rgb(140, 140, 140, 15), x+wheel, ground-0.1, 0.07, 0.07)
	}
	c.letters(white, s.Text, x+0.25, ground-0.55, 0.16)
	c.smoke(c.rgb(46, 44, 44, 14), x-0.05, ground-0.1, -c.between(0.5, 1.1), c.between(0.3, 0.5))
}

// yard is waste ground behind walls; what burned there is ash.
func yard(c *canvas, _ Shot) { c.yard() }

// yard returns where the heap lies.
func (c *canvas) yard() point {
	horizon := c.between(1.2, 1.5)
	c.skyline(horizon)
	wall := c.rgb(158, 120, 100, 25)
	c.rect(wall, 0, horizon-0.3, 4, 0.5)
	for x := 0.0; x < 4; x += 0.16 {
		c.rect(shade(wall, c.between(0.82, 1.1)), x, horizon-0.3+0.1*float64(c.rnd.IntN(5)), 0.15, 0.09)
	}
	c.gradient(c.rgb(150, 136, 110, 14), c.rgb(122, 108, 84, 14), horizon+0.2, 3)
	for range 220 {
		tuft := c.rgb(128, 122, 78, 35)
		x, y := c.between(0, 4), c.between(horizon+0.25, 3)
		c.line(tuft, point{x, y}, point{x + c.between(-0.08, 0.08), y - c.between(0.03, 0.16)}, 0.012)
	}
	heap := point{c.between(1.2, 2.8), c.between(2.1, 2.5)}
	for range 40 {
		c.puff(c.rgb(72, 68, 62, 20), heap.x+c.between(-0.6, 0.6), heap.y+c.between(-0.06, 0.12), c.between(0.08, 0.22), 0.75)
	}
	return heap
}

// fire is the same yard while the heap burns.
func fire(c *canvas, _ Shot) {
	heap := c.yard()
	for range 60 {
		x := heap.x + c.between(-0.45, 0.45)
		height := c.between(0.1, 0.5)
		flame := c.rgb(240, 140, 40, 40)
		c.polygon(flame, point{x - 0.07, heap.y}, point{x + c.between(-0.08, 0.08), heap.y - height}, point{x + 0.07, heap.y})
	}
	c.smoke(c.rgb(120, 116, 112, 22), heap.x, heap.y-0.25, c.between(-1.4, 1.4), c.between(0.5, 0.75))
}

// shop is the front of a restaurant.
func shop(c *canvas, s Shot) {
	wall := c.rgb(176, 160, 146, 30)
	c.gradient(shade(wall, 1.05), shade(wall, 0.85), 0, 2.55)
	c.gradient(c.rgb(140, 138, 134, 8), c.rgb(118, 116, 114, 8), 2.55, 3)
	board := []color.RGBA{c.rgb(170, 30, 28, 12), c.rgb(24, 92, 60, 12), c.rgb(40, 46, 90, 12), c.rgb(150, 96, 30, 12)}[c.rnd.IntN(4)]
	c.rect(board, 0.15, 0.35, 3.7, 0.62)
	bowl := c.between(0.45, 0.6)
	c.disc(white, bowl, 0.62, 0.17, 0.17)
	c.rect(board, bowl-0.2, 0.42, 0.4, 0.2)
	for i := range 3 {
		x := bowl - 0.1 + 0.1*float64(i)
		c.line(white, point{x, 0.56}, point{x + 0.03, 0.46}, 0.025)
	}
	c.letters(c.rgb(250, 226, 140, 8), s.Text, 0.95, 0.8, 0.26)
	for x := 0.3; x < 3.2; x += 1.15 { // windows with warm light
		c.rect(shade(wall, 0.5), x-0.04, 1.16, 0.98, 1.1)
		c.gradientRect(c.rgb(228, 200, 150, 20), c.rgb(150, 120, 84, 18), x, 1.2, 0.9, 1.0)
		for range 5 {
			c.disc(c.rgb(92, 74, 60, 22), x+c.between(0.1, 0.8), c.between(1.7, 2.1), 0.07, 0.12)
		}
	}
	door := c.between(1.4, 2.5)
	c.rect(c.rgb(64, 50, 42, 10), door, 1.15, 0.6, 1.42)
	c.rect(c.rgb(120, 130, 140, 20), door+0.08, 1.25, 0.44, 0.9)
	for i := range 2 + c.rnd.IntN(3) { // lanterns
		c.disc(c.rgb(205, 44, 36, 12), 0.4+float64(i)*1.05, 1.08, 0.11, 0.12)
	}
	for range 1 + c.rnd.IntN(3) {
		c.car(c.between(0, 3), c.between(2.75, 2.95), c.between(0.7, 0.9))
	}
}

// gradientRect is a rectangle whose colour changes from top to bottom.
func (c *canvas) gradientRect(top, bottom color.RGBA, x, y, w, h float64) {
	const steps = 24
	for i := range steps {
		f := float64(i) / steps
		mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-f) + float64(b)*f) }
		c.rect(color.RGBA{mix(top.R, bottom.R), mix(top.G, bottom.G), mix(top.B, bottom.B), 255}, x, y+h*f, w, h/steps+0.005)
	}
}

// purifier is the box on a roof that cleans a kitchen's fume.
func purifier(c *canvas, s Shot) {
	horizon := c.between(1.5, 1.8)
	c.skyline(horizon)
	c.gradient(c.rgb(150, 146, 140, 10), c.rgb(124, 120, 116, 10), horizon, 3)
	steel := c.rgb(186, 190, 194, 14)
	x, y := c.between(1.0, 1.4), c.between(0.95, 1.15)
	c.gradientRect(shade(steel, 0.9), shade(steel, 0.65), -0.1, y+0.3, x+0.2, 0.5) // duct in
	c.gradientRect(steel, shade(steel, 0.6), x+1.75, y-1.2, 0.42, 1.7)             // stack
	c.gradientRect(shade(steel, 1.1), shade(steel, 0.72), x, y, 1.9, 1.2)
	for i := range 3 {
		c.rect(shade(steel, 0.55), x+0.08+0.6*float64(i), y+0.1, 0.52, 0.95)
		c.rect(shade(steel, 0.92), x+0.1+0.6*float64(i), y+0.12, 0.48, 0.91)
		c.rect(shade(steel, 0.4), x+0.52+0.6*float64(i), y+0.5, 0.04, 0.16)
	}
	c.rect(color.RGBA{250, 214, 40, 255}, x+0.16, y+0.2, 0.36, 0.3)
	c.letters(black, s.Text, x+0.72, y+0.9, 0.12)
	on := color.RGBA{60, 210, 80, 255}
	if s.Seed%5 == 4 {
		on = color.RGBA{150, 40, 40, 255}
	}
	c.disc(on, x+1.72, y+0.2, 0.045, 0.045)
	for range 25 { // grease
		c.puff(c.rgb(96, 78, 50, 14), x+c.between(0, 1.9), y+c.between(0.8, 1.25), c.between(0.05, 0.2), 0.3)
	}
}

// slip is a printed paper on a clipboard.
func slip(c *canvas, s Shot) {
	desk := c.rgb(120, 100, 84, 40)
	c.gradient(shade(desk, 1.1), shade(desk, 0.8), 0, 3)
	for y := 0.1; y < 3; y += c.between(0.1, 0.3) {
		c.rect(shade(desk, c.between(0.85, 1.05)), 0, y, 4, 0.015)
	}
	x, w := c.between(0.2, 1.5), c.between(1.5, 2.3)
	lean := c.between(-0.3, 0.3)
	c.polygon(shade(desk, 0.5), point{x + 0.06, 0.24}, point{x + w + 0.06, 0.24 + lean}, point{x + w + 0.08, 2.98}, point{x + 0.08, 2.98})
	c.polygon(c.rgb(238, 236, 228, 6), point{x, 0.18}, point{x + w, 0.18 + lean}, point{x + w, 2.92}, point{x, 2.92})
	ink := c.rgb(52, 52, 60, 10)
	c.letters(ink, s.Text, x+0.15, 0.55+lean/2, 0.15)
	for y := 0.8; y < 2.5; y += c.between(0.12, 0.17) {
		c.rect(shade(ink, 1.6), x+0.15, y, c.between(0.3, 0.75), 0.045)
		c.rect(shade(ink, 1.3), x+w*0.55, y, c.between(0.15, w*0.35), 0.045)
	}
	c.letters(ink, fmt.Sprintf("%.2f", c.between(0.3, 1.9)), x+0.2, 2.78, 0.16)
	stamp := color.RGBA{200, 40, 50, 255}
	sx, sy := x+w*c.between(0.6, 0.8), c.between(2.2, 2.6)
	c.disc(stamp, sx, sy, 0.3, 0.3)
	c.disc(c.rgb(236, 226, 220, 5), sx, sy, 0.25, 0.25)
	c.disc(stamp, sx, sy, 0.07, 0.07)
}

// screen is a monitor with a curve and a number.
func screen(c *canvas, s Shot) {
	c.gradient(c.rgb(70, 72, 78, 20), c.rgb(44, 44, 48, 14), 0, 3)
	x, y, w, h := c.between(0.35, 0.6), c.between(0.3, 0.45), c.between(2.8, 3.1), c.between(1.9, 2.1)
	c.rect(black, x-0.09, y-0.09, w+0.18, h+0.18)
	back := c.rgb(28, 46, 74, 16)
	c.gradientRect(shade(back, 1.3), back, x, y, w, h)
	c.letters(white, s.Text, x+0.12, y+0.28, 0.15)
	grid := shade(back, 1.7)
	for i := range 6 {
		c.rect(grid, x+0.1, y+0.45+float64(i)*0.25, w-0.2, 0.008)
	}
	last := point{x + 0.1, y + h*c.between(0.5, 0.8)}
	for u := x + 0.2; u < x+w-0.1; u += 0.09 {
		next := point{u, min(max(last.y+c.between(-0.16, 0.16), y+0.5), y+h-0.15)}
		c.line(color.RGBA{90, 220, 140, 255}, last, next, 0.022)
		last = next
	}
	c.letters(color.RGBA{250, 210, 80, 255}, fmt.Sprintf("%.2f mg/m3", c.between(0.3, 2.6)), x+w*0.5, y+0.3, 0.15)
	c.puff(white, x+w*c.between(0.2, 0.8), y+h*0.2, 0.6, 0.16) // a reflection
}

// boxes are cartons in a store room, sealed.
func boxes(c *canvas, s Shot) {
	c.gradient(c.rgb(150, 148, 142, 20), c.rgb(118, 116, 110, 14), 0, 2.2)
	c.gradient(c.rgb(96, 94, 90, 10), c.rgb(80, 78, 76, 10), 2.2, 3)
	for row := range 4 {
		top := 2.55 - 0.62*float64(row+1)
		for x := c.between(0.1, 0.3) + 0.25*float64(row); x < 3.6-0.3*float64(row); x += 0.72 {
			carton := c.rgb(180, 140, 96, 22)
			if c.rnd.IntN(3) == 0 {
				carton = c.rgb(178, 48, 42, 22)
			}
			c.gradientRect(carton, shade(carton, 0.8), x, top, 0.69, 0.6)
			c.rect(shade(carton, 1.2), x, top+0.25, 0.69, 0.07)
			c.rect(white, x+0.2, top+0.12, 0.28, 0.34)
			c.letters(black, s.Text, x+0.22, top+0.3, 0.06)
		}
	}
}

// can is a tin of paint with its label.
func can(c *canvas, s Shot) {
	c.gradient(c.rgb(168, 164, 156, 24), c.rgb(128, 122, 114, 18), 0, 1.9)
	c.gradient(c.rgb(124, 104, 84, 20), c.rgb(100, 82, 66, 16), 1.9, 3)
	x, w := c.between(0.9, 1.4), c.between(1.4, 1.8)
	tin := c.rgb(150, 150, 156, 30)
	const slices = 48 // a cylinder: bright in the middle, dark at its sides
	for i := range slices {
		f := (float64(i) + 0.5) / slices
		light := 0.55 + 1.9*f*(1-f)
		c.rect(shade(tin, light), x+w*f-w/slices/2, 0.55, w/slices+0.01, 2.0)
		c.rect(shade(c.rgb(216, 212, 200, 2), light), x+w*f-w/slices/2, 0.95, w/slices+0.01, 1.25)
	}
	c.disc(shade(tin, 1.15), x+w/2, 0.55, w/2, 0.14)
	c.disc(shade(tin, 0.8), x+w/2, 0.55, w/2-0.07, 0.1)
	band := c.rgb(60, 90, 150, 60)
	c.rect(band, x, 1.05, w, 0.32)
	c.letters(white, s.Text, x+0.12, 1.3, 0.18)
	for y := 1.52; y < 2.1; y += 0.11 {
		c.rect(c.rgb(70, 70, 74, 8), x+0.15, y, c.between(0.4, w-0.35), 0.04)
	}
	c.puff(white, x+w*0.3, 1.5, 0.35, 0.2)
}
