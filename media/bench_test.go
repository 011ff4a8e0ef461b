package media

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"gridpatrol/inspection"
	draw "gridpatrol/seeds/photo"
	"gridpatrol/store/files"
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
			m, err := decodePixels(context.Background(), unhurried, TypeJPEG, bytes.Clone(data))
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

// BenchmarkHonestPhotoAmongAttacks decodes a photo of 12 megapixels as often as
// may be while one other user has 30 files waiting that ask for as much as they
// can, and tells how long it took beside how long it takes alone, and the most
// memory that there was in use.
//
//	go test ./media -run '^$' -bench Attacks -benchtime 1x
func BenchmarkHonestPhotoAmongAttacks(b *testing.B) {
	photo := draw.Draw(draw.Shot{Field: "scene_photo", Seed: 1, Width: 4000, Quality: 92})
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"1000 scans of 50 megapixels", emptyScans(7071, 7071, 1000)},
		{"as many scans as may be", emptyScans(7071, 7071, maxScans)},
		{"EXIF", pngWithEXIF(floodedEXIF(65_000))},
		{"PNG of one row", zeroPNG(5_000_000, 1, 1, 0, 0)},
		{"PNG of 16 bits", zeroPNG(5700, 5700, 16, 6, 0)},
		{"WebP of no bits", webP(webPChunk("VP8L", lossless(8192, 4090, true)))},
		{"WebP of many codes", webP(webPChunk("VP8L", manyTrees(224, 2600)))},
		{"JPEG of inks", blackJPEG(5700, 5700, 0, 0x11, 0x11, 0x11, 0x11)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				among(b, photo, tc.data)
			}
		})
	}
}

func among(b *testing.B, photo, attack []byte) {
	blobs, err := files.Open(b.TempDir(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	d := newDecoder(blobs, newQueue(defaultBudget, time.Now, func(inspection.UserID, time.Duration) {}))
	honest := func() time.Duration {
		began := time.Now()
		if _, err := d.decode(b.Context(), "honest", opener(photo), int64(len(photo))); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	honest()
	alone := honest()
	stop, peak := memoryPeak()
	ctx, cancel := context.WithCancel(b.Context())
	var attackers gosync.WaitGroup
	for range 30 {
		attackers.Go(func() { _, _ = d.decode(ctx, "attacker", opener(attack), int64(len(attack))) })
	}
	time.Sleep(100 * time.Millisecond) // they are there first
	var longest time.Duration
	for range 5 {
		longest = max(longest, honest())
	}
	cancel()
	attackers.Wait()
	stop()
	b.ReportMetric(float64(longest.Milliseconds()), "ms/longest")
	b.ReportMetric(float64(alone.Milliseconds()), "ms/alone")
	b.ReportMetric(float64(*peak>>20), "MiB/peak")
}

// memoryPeak watches the heap until stop.
func memoryPeak() (stop func(), peak *uint64) {
	peak = new(uint64)
	end := make(chan struct{})
	var watching gosync.WaitGroup
	watching.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*peak = max(*peak, m.HeapInuse)
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() { close(end); watching.Wait() }, peak
}
