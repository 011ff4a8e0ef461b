package media

import (
	"cmp"
	"image"
	"math"
	"slices"

	"github.com/disintegration/imaging"
)

// Two pictures are near-identical if one is the other cut by up to a tenth,
// resized, compressed anew or changed in brightness. Hashes find candidates;
// this file compares them: it looks for the part of one that lies over the
// other, and measures how well the fine detail of both agrees. Detail is what
// is left when the blurred picture is taken away, so neither light nor a like
// composition counts, only the same edges in the same places.

// matchFrom is the agreement, of at most 1, from which two pictures are
// near-identical. docs/decisions has the table that was measured.
const matchFrom = 0.93

const (
	grain   = 96 // pixels across and down in which detail is kept
	blurred = 6  // radius of the blur, in those pixels
	rough   = 32 // samples across and down of a first look
	fine    = 64 // those of the second
)

// detail is the fine detail of a picture, stretched to a square.
type detail [grain * grain]float32

// detailOf takes the detail of a small picture.
func detailOf(m image.Image) *detail {
	small := imaging.Resize(m, grain, grain, imaging.Box)
	var d detail
	for i := range d {
		p := small.Pix[4*i : 4*i+3]
		d[i] = 0.299*float32(p[0]) + 0.587*float32(p[1]) + 0.114*float32(p[2])
	}
	low := d
	blurRows(&low)
	transpose(&low)
	blurRows(&low)
	transpose(&low)
	for i := range d {
		d[i] -= low[i]
	}
	return &d
}

// blurRows replaces each pixel by the mean of its neighbours in the row.
func blurRows(d *detail) {
	for y := range grain {
		var sums [grain + 1]float32
		row := d[y*grain : (y+1)*grain]
		for x, v := range row {
			sums[x+1] = sums[x] + v
		}
		for x := range row {
			lo, hi := max(x-blurred, 0), min(x+blurred+1, grain)
			row[x] = (sums[hi] - sums[lo]) / float32(hi-lo)
		}
	}
}

func transpose(d *detail) {
	for y := range grain {
		for x := range y {
			d[y*grain+x], d[x*grain+y] = d[x*grain+y], d[y*grain+x]
		}
	}
}

// window is the part of a picture that lies over all of another: its edges,
// from 0 to 1.
type window [4]float32 // left, right, top, bottom

// cuts are the edges that are tried first, along each side.
var cuts = [][2]float32{{0, 1}, {0, 0.95}, {0.05, 1}, {0.025, 0.975}, {0.05, 0.95}, {0, 0.9}, {0.1, 1}}

// maxCut is how far an edge may move inwards.
const maxCut = 0.12

// agreement returns how well the detail of two pictures agrees where they lie
// best over each other: 1 for the same, about 0 for unrelated ones.
func agreement(a, b *detail) float64 {
	return max(covered(a, b), covered(b, a))
}

// covered finds the window of whole that looks most like part. Repeating
// patterns look alike in several places, so the best few are looked at
// closely.
func covered(whole, part *detail) float64 {
	type look struct {
		window
		score float64
	}
	var looks []look
	target := sample(part, window{0, 1, 0, 1}, rough)
	for _, x := range cuts {
		for _, y := range cuts {
			w := window{x[0], x[1], y[0], y[1]}
			looks = append(looks, look{w, correlation(sample(whole, w, rough), target)})
		}
	}
	slices.SortStableFunc(looks, func(a, b look) int { return cmp.Compare(b.score, a.score) })
	best := looks[0].score
	target = sample(part, window{0, 1, 0, 1}, fine)
	for _, l := range looks[:closely] {
		if l.score >= hopeless {
			best = max(best, refine(whole, target, l.window))
		}
	}
	return best
}

// closely is how many windows get a second look; hopeless is the agreement at
// the first look that no closer one makes up for.
const (
	closely  = 3
	hopeless = 0.35
)

// refine moves the edges of the window in smaller and smaller steps as long as
// the agreement grows.
func refine(whole *detail, target []float32, w window) float64 {
	score := correlation(sample(whole, w, fine), target)
	for step := float32(0.0125); step > 0.002; step /= 2 {
		for moved := true; moved; {
			moved = false
			for edge := range w {
				for _, d := range []float32{-step, step} {
					next := w
					next[edge] += d
					if !next.inside() {
						continue
					}
					if s := correlation(sample(whole, next, fine), target); s > score+1e-6 {
						w, score, moved = next, s, true
					}
				}
			}
		}
	}
	return score
}

func (w window) inside() bool {
	return w[0] >= 0 && w[1] <= 1 && w[2] >= 0 && w[3] <= 1 &&
		w[0] <= maxCut && w[1] >= 1-maxCut && w[2] <= maxCut && w[3] >= 1-maxCut
}

// axis tells for each sample along a side the pixel before it and how far it
// lies towards the next.
func axis(from, to float32, samples int) (at []int, toNext []float32) {
	at, toNext = make([]int, samples), make([]float32, samples)
	for i := range samples {
		f := (from+(to-from)*(float32(i)+0.5)/float32(samples))*grain - 0.5
		f = min(max(f, 0), grain-1.001)
		at[i] = int(f)
		toNext[i] = f - float32(at[i])
	}
	return at, toNext
}

// sample reads a window of the detail in n×n samples.
func sample(d *detail, w window, n int) []float32 {
	xs, fx := axis(w[0], w[1], n)
	ys, fy := axis(w[2], w[3], n)
	out := make([]float32, n*n)
	for y := range n {
		up, down := d[ys[y]*grain:][:grain], d[(ys[y]+1)*grain:][:grain]
		for x := range n {
			i, f := xs[x], fx[x]
			top := up[i] + (up[i+1]-up[i])*f
			bottom := down[i] + (down[i+1]-down[i])*f
			out[y*n+x] = top + (bottom-top)*fy[y]
		}
	}
	return out
}

// correlation is Pearson's, of samples whose mean is near zero; 0 where one of
// the two has no detail at all.
func correlation(a, b []float32) float64 {
	var ab, aa, bb float32
	for i, x := range a {
		y := b[i]
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	flat := float32(len(a)) / 4 // half a grey level
	if aa < flat || bb < flat {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}
