package photo

import (
	"image/color"
	"math"
)

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
