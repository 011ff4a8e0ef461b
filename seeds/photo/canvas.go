package photo

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// canvas is a picture with coordinates from 0 to 4 across and 0 to 3 down,
// whatever its size in pixels.
type canvas struct {
	img   *image.RGBA
	scale float64 // pixels per unit
	rnd   *rand.Rand
	fill  *vector.Rasterizer
}

func newCanvas(width int, rnd *rand.Rand) *canvas {
	height := max(1, width*3/4)
	return &canvas{
		img: image.NewRGBA(image.Rect(0, 0, width, height)), scale: float64(width) / 4,
		rnd: rnd, fill: vector.NewRasterizer(width, height),
	}
}

// point is a place on the canvas.
type point struct{ x, y float64 }

// between returns a random number from lo up to hi.
func (c *canvas) between(lo, hi float64) float64 { return lo + c.rnd.Float64()*(hi-lo) }

// rgb makes a colour that is brighter or darker by up to spread and a little
// off in hue, as paint in daylight is.
func (c *canvas) rgb(r, g, b, spread float64) color.RGBA {
	light := c.between(-0.8, 0.8) * spread
	part := func(v float64) uint8 { return uint8(min(max(v+light+c.between(-0.3, 0.3)*spread, 0), 255)) }
	return color.RGBA{part(r), part(g), part(b), 255}
}

// shade makes a colour darker (f below 1) or lighter.
func shade(k color.RGBA, f float64) color.RGBA {
	part := func(v uint8) uint8 { return uint8(min(float64(v)*f, 255)) }
	return color.RGBA{part(k.R), part(k.G), part(k.B), k.A}
}

// polygon fills the shape between the points. Only the rectangle around it is
// worked on.
func (c *canvas) polygon(k color.Color, points ...point) {
	lo, hi := points[0], points[0]
	for _, p := range points {
		lo = point{min(lo.x, p.x), min(lo.y, p.y)}
		hi = point{max(hi.x, p.x), max(hi.y, p.y)}
	}
	area := image.Rect(int(math.Floor(lo.x*c.scale)), int(math.Floor(lo.y*c.scale)),
		int(math.Ceil(hi.x*c.scale)), int(math.Ceil(hi.y*c.scale))).Intersect(c.img.Rect)
	if area.Empty() {
		return
	}
	c.fill.Reset(area.Dx(), area.Dy())
	for i, p := range points {
		x, y := float32(p.x*c.scale-float64(area.Min.X)), float32(p.y*c.scale-float64(area.Min.Y))
		if i == 0 {
			c.fill.MoveTo(x, y)
		} else {
			c.fill.LineTo(x, y)
		}
	}
	c.fill.ClosePath()
	c.fill.Draw(c.img, area, image.NewUniform(k), image.Point{})
}

func (c *canvas) rect(k color.Color, x, y, w, h float64) {
	c.polygon(k, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

func (c *canvas) disc(k color.Color, x, y, rx, ry float64) {
	const corners = 40
	var points [corners]point
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = point{x + rx*cos, y + ry*sin}
	}
	c.polygon(k, points[:]...)
}

// gradient fills a band of the canvas from one colour to another.
func (c *canvas) gradient(top, bottom color.RGBA, y0, y1 float64) {
	from, to := int(y0*c.scale), min(int(y1*c.scale), c.img.Rect.Dy())
	for y := from; y < to; y++ {
		f := float64(y-from) / float64(max(to-from, 1))
		mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-f) + float64(b)*f) }
		k := color.RGBA{mix(top.R, bottom.R), mix(top.G, bottom.G), mix(top.B, bottom.B), 255}
		draw.Draw(c.img, image.Rect(0, y, c.img.Rect.Dx(), y+1), image.NewUniform(k), image.Point{}, draw.Src)
	}
}

// puff lays a soft cloud over the picture, densest in its middle.
func (c *canvas) puff(k color.RGBA, x, y, r, density float64) {
	px, py, pr := x*c.scale, y*c.scale, r*c.scale
	area := image.Rect(int(px-pr), int(py-pr), int(px+pr)+1, int(py+pr)+1).Intersect(c.img.Rect)
	for v := area.Min.Y; v < area.Max.Y; v++ {
		for u := area.Min.X; u < area.Max.X; u++ {
			dx, dy := (float64(u)-px)/pr, (float64(v)-py)/pr
			a := density * max(0, 1-dx*dx-dy*dy)
			p := c.img.Pix[c.img.PixOffset(u, v):][:3:3]
			p[0] = uint8(float64(p[0])*(1-a) + float64(k.R)*a)
			p[1] = uint8(float64(p[1])*(1-a) + float64(k.G)*a)
			p[2] = uint8(float64(p[2])*(1-a) + float64(k.B)*a)
		}
	}
}

// smoke lets puffs rise from a place and drift, growing and thinning.
func (c *canvas) smoke(k color.RGBA, x, y, drift, size float64) {
	for i := range 70 {
		f := float64(i) / 70
		c.puff(shade(k, c.between(0.85, 1.15)), x+drift*f+c.between(-0.5, 0.5)*size*(0.2+f),
			y-1.9*f+c.between(-0.1, 0.1), size*(0.25+0.9*f), 0.34*(1-0.75*f))
	}
}

// face is parsed once; it is in the binary.
var face = sync.OnceValue(func() *opentype.Font {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

// letters writes a text whose capitals are about size units high, from x on,
// its base line at y.
func (c *canvas) letters(k color.Color, text string, x, y, size float64) {
	f, err := opentype.NewFace(face(), &opentype.FaceOptions{Size: size * 1.38 * c.scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // the options are in range
	}
	pen := font.Drawer{Dst: c.img, Src: image.NewUniform(k), Face: f}
	pen.Dot = fixed.Point26_6{X: fixed.Int26_6(x * c.scale * 64), Y: fixed.Int26_6(y * c.scale * 64)}
	for _, r := range text {
		if r == '陕' {
			at := float64(pen.Dot.X) / 64 / c.scale
			c.shaan(k, at, y-size*1.05, size*1.1)
			pen.Dot.X += fixed.Int26_6(size * 1.25 * c.scale * 64)
		} else if r < 0x250 {
			pen.DrawString(string(r))
		}
	}
}

// shaanStrokes are the lines of the character 陕, in a square of 0 to 100.
var shaanStrokes = [][]point{
	{{12, 8}, {12, 96}},                      // 阝
	{{12, 10}, {36, 10}, {24, 34}},           //
	{{24, 34}, {36, 46}, {34, 60}, {20, 62}}, //
	{{46, 26}, {94, 26}},                     // 夹
	{{56, 34}, {60, 46}},
	{{86, 34}, {80, 46}},
	{{40, 54}, {98, 54}},
	{{70, 6}, {70, 54}, {60, 76}, {38, 96}},
	{{70, 54}, {82, 78}, {100, 96}},
}

func (c *canvas) shaan(k color.Color, x, y, size float64) {
	for _, stroke := range shaanStrokes {
		for i := 1; i < len(stroke); i++ {
			a, b := stroke[i-1], stroke[i]
			c.line(k, point{x + a.x/100*size, y + a.y/100*size}, point{x + b.x/100*size, y + b.y/100*size}, size*0.085)
		}
	}
}

func (c *canvas) line(k color.Color, a, b point, width float64) {
	dx, dy := b.x-a.x, b.y-a.y
	length := max(math.Hypot(dx, dy), 1e-9)
	nx, ny := -dy/length*width/2, dx/length*width/2
	c.polygon(k, point{a.x + nx, a.y + ny}, point{b.x + nx, b.y + ny}, point{b.x - nx, b.y - ny}, point{a.x - nx, a.y - ny})
}
