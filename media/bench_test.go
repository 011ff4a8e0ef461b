package media

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	draw "gridpatrol/seeds/photo"
)

// cpu returns the processor time, in seconds, of this process or of children
// that have ended.
func cpu(who int) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkViewsAgainstVips makes both views of photos of 12 megapixels and
// tells the processor time as a ratio to what vipsthumbnail takes for both
// sizes in the same run: once when it is started for each photo and size, once
// when one start has all photos.
//
//	go test ./media -run '^$' -bench Vips -benchtime 1x
func BenchmarkViewsAgainstVips(b *testing.B) {
	if _, err := exec.LookPath("vipsthumbnail"); err != nil {
		b.Skip("vipsthumbnail is not installed (Debian: libvips-tools)")
	}
	dir := b.TempDir()
	var files []string
	var photos [][]byte
	for i, field := range []string{"scene_photo", "smoke_photo", "before_photo", "shop_photo"} {
		data := draw.Draw(draw.Shot{Field: field, Seed: uint64(i), Width: 4000, Quality: 92, Text: "陕A12345"})
		file := filepath.Join(dir, fmt.Sprint(i, ".jpg"))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			b.Fatal(err)
		}
		files, photos = append(files, file), append(photos, data)
	}
	thumbnail := func(files ...string) {
		for _, size := range []string{"1600x1600", "320x320"} {
			args := append(files[:len(files):len(files)], "--size", size, "-o", dir+"/%s_"+size+".jpg[Q=82,strip]")
			if out, err := exec.Command("vipsthumbnail", args...).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	}
	var ours, each, together float64
	for b.Loop() {
		// In turns, so that what else the machine does meets all alike.
		for i, data := range photos {
			before := cpu(syscall.RUSAGE_SELF)
			m, err := decodePixels(context.Background(), TypeJPEG, bytes.Clone(data))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := makeViews(m, 1); err != nil {
				b.Fatal(err)
			}
			ours += cpu(syscall.RUSAGE_SELF) - before
			before = cpu(syscall.RUSAGE_CHILDREN)
			thumbnail(files[i])
			each += cpu(syscall.RUSAGE_CHILDREN) - before
		}
		before := cpu(syscall.RUSAGE_CHILDREN)
		thumbnail(files...)
		together += cpu(syscall.RUSAGE_CHILDREN) - before
	}
	n := float64(b.N * len(photos))
	b.ReportMetric(1000*ours/n, "cpu-ms/photo")
	b.ReportMetric(ours/each, "×vips-each")
	b.ReportMetric(ours/together, "×vips-together")
}
