package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"

	"github.com/disintegration/imaging"
)

// Long edges of the derivatives, in pixels. Source: docs/contract.md,
// section 5.
const (
	largeEdge = 1600
	smallEdge = 320
)

// Qualities of the derivatives, chosen by looking: at 82 the digits of a plate
// and the edge of smoke against the sky look as in the original; below, the
// small one shows blocks in even sky.
const (
	largeQuality = 82
	smallQuality = 80
)

// views are the pictures that people look at, without any metadata.
type views struct {
	large, small []byte // JPEG
	// thumb is the small one, as pixels.
	thumb image.Image
}

// makeViews shrinks a decoded picture and turns it the way that its EXIF
// orientation says. The original isn't needed any more after the first step.
func makeViews(m image.Image, orientation int) (v views, err error) {
	m = opaque(preshrink(m, largeEdge))
	large := turn(fit(m, largeEdge), orientation)
	if v.large, err = encode(large, largeQuality); err != nil {
		return v, err
	}
	small := fit(large, smallEdge)
	v.thumb = small
	v.small, err = encode(small, smallQuality)
	return v, err
}

// fit resizes to a long edge of at most edge; smaller pictures keep their
// size.
func fit(m image.Image, edge int) *image.NRGBA {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if max(w, h) <= edge {
		return imaging.Clone(m)
	}
	if w >= h {
		return imaging.Resize(m, edge, max(1, (h*edge+w/2)/w), imaging.CatmullRom)
	}
	return imaging.Resize(m, max(1, (w*edge+h/2)/h), edge, imaging.CatmullRom)
}

// preshrink averages whole blocks of samples of a large JPEG, so that the
// resizing proper has a quarter of the work or less. What is left is at least
// a quarter larger than the edge, which keeps lines smooth.
func preshrink(m image.Image, edge int) image.Image {
	src, ok := m.(*image.YCbCr)
	if !ok {
		return m
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	f := max(w, h) * 4 / (edge * 5)
	if f < 2 || min(w, h) < f || src.Rect.Min != (image.Point{}) {
		return m
	}
	// Each plane is shrunk alike, so the ratio of the samples stays.
	dst := image.NewYCbCr(image.Rect(0, 0, w/f, h/f), src.SubsampleRatio)
	shrinkPlane(dst.Y, dst.YStride, src.Y, src.YStride, f)
	shrinkPlane(dst.Cb, dst.CStride, src.Cb, src.CStride, f)
	shrinkPlane(dst.Cr, dst.CStride, src.Cr, src.CStride, f)
	return dst
}

// shrinkPlane fills dst with the averages of blocks of f×f samples. Where the
// source ends within a block, its last rows and columns count again.
func shrinkPlane(dst []byte, dstStride int, src []byte, srcStride, f int) {
	rows, last := len(dst)/dstStride, len(src)/srcStride-1
	sums := make([]uint32, dstStride)
	half, area := uint32(f*f/2), uint32(f*f)
	for y := range rows {
		clear(sums)
		for i := range f {
			row := min(y*f+i, last) * srcStride
			addBlocks(sums, src[row:row+srcStride], f)
		}
		out := dst[y*dstStride : (y+1)*dstStride]
		for x, s := range sums {
			out[x] = byte((s + half) / area)
		}
	}
}

// addBlocks adds the sum of each f samples of a row to the block's sum.
func addBlocks(sums []uint32, row []byte, f int) {
	if f == 2 && len(row) >= 2*len(sums) {
		for x := range sums {
			pair := row[2*x : 2*x+2 : 2*x+2]
			sums[x] += uint32(pair[0]) + uint32(pair[1])
		}
		return
	}
	for x := range sums {
		for i := range f {
			sums[x] += uint32(row[min(x*f+i, len(row)-1)])
		}
	}
}

// opaque puts pictures with transparent parts on white, as people expect of
// paper; JPEG has no transparency.
func opaque(m image.Image) image.Image {
	if o, ok := m.(interface{ Opaque() bool }); !ok || o.Opaque() {
		return m
	}
	b := m.Bounds()
	if max(b.Dx(), b.Dy()) > largeEdge {
		m = fit(m, largeEdge)
		b = m.Bounds()
	}
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), m, b.Min, draw.Over)
	return out
}

// upright has what undoes an EXIF orientation, by its number.
var upright = [...]func(image.Image) *image.NRGBA{
	2: imaging.FlipH, 3: imaging.Rotate180, 4: imaging.FlipV, 5: imaging.Transpose,
	6: imaging.Rotate270, 7: imaging.Transverse, 8: imaging.Rotate90,
}

// turn applies an EXIF orientation, 1 to 8; others change nothing.
func turn(m *image.NRGBA, orientation int) *image.NRGBA {
	if orientation < 0 || orientation >= len(upright) || upright[orientation] == nil {
		return m
	}
	return upright[orientation](m)
}

// encode makes a JPEG of an opaque picture. The encoder is several times
// faster on RGBA, and without transparency the bytes are the same.
func encode(m *image.NRGBA, quality int) ([]byte, error) {
	var buf bytes.Buffer
	rgba := &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}
	if err := jpeg.Encode(&buf, rgba, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encoding a derivative: %w", err)
	}
	return buf.Bytes(), nil
}
