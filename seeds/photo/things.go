package photo

import (
	"fmt"
	"image/color"
)

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
