package media

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/disintegration/imaging"
	"github.com/google/uuid"

	draw "gridpatrol/seeds/photo"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
)

// look is what two pictures are compared by.
type look struct {
	print  fingerprint
	detail *detail
}

func lookAt(t testing.TB, m image.Image) look {
	t.Helper()
	v, err := makeViews(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fingerprintOf(v.thumb)
	if err != nil {
		t.Fatal(err)
	}
	return look{p, detailOf(v.thumb)}
}

// alikeAs is the verdict that an upload comes to, and the numbers behind it.
func (l look) alikeAs(o look) (alike bool, bits int, agree float64) {
	bits, far := l.print.distance(o.print)
	agree = agreement(l.detail, o.detail)
	return !far && agree >= matchFrom, bits, agree
}

func saved(m image.Image, quality int) image.Image {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	out, err := jpeg.Decode(&buf)
	if err != nil {
		panic(err)
	}
	return out
}

func scenery(field string, seed uint64) image.Image {
	m, err := jpeg.Decode(bytes.NewReader(draw.Draw(draw.Shot{Field: field, Seed: seed, Width: 520, Text: fmt.Sprintf("陕A%05d", seed*12347%100000)})))
	if err != nil {
		panic(err)
	}
	return m
}

// disguises are what people do to a picture to use it again.
var disguises = []struct {
	name string
	do   func(image.Image) image.Image
}{
	{"compressed to quality 40", func(m image.Image) image.Image { return saved(m, 40) }},
	{"resized to a half", func(m image.Image) image.Image {
		return saved(imaging.Resize(m, m.Bounds().Dx()/2, 0, imaging.Linear), 85)
	}},
	{"resized to a quarter", func(m image.Image) image.Image {
		return saved(imaging.Resize(m, m.Bounds().Dx()/4, 0, imaging.Linear), 85)
	}},
	{"brighter by 20 %", func(m image.Image) image.Image { return saved(imaging.AdjustBrightness(m, 20), 85) }},
	{"darker by 20 %", func(m image.Image) image.Image { return saved(imaging.AdjustBrightness(m, -20), 85) }},
	{"more contrast", func(m image.Image) image.Image { return saved(imaging.AdjustContrast(m, 20), 85) }},
	{"gamma 0.7", func(m image.Image) image.Image { return saved(imaging.AdjustGamma(m, 0.7), 85) }},
	{"cut by 5 %", func(m image.Image) image.Image { return cut(m, 0.025, 0.025, 0.025, 0.025) }},
	{"cut by 10 %", func(m image.Image) image.Image { return cut(m, 0.05, 0.05, 0.05, 0.05) }},
	{"cut by 5 % at the left", func(m image.Image) image.Image { return cut(m, 0.05, 0, 0, 0) }},
	{"cut by 5 % at the bottom", func(m image.Image) image.Image { return cut(m, 0, 0, 0, 0.05) }},
	{"cut by 5 % at a corner", func(m image.Image) image.Image { return cut(m, 0, 0.05, 0, 0.05) }},
	{"cut unevenly", func(m image.Image) image.Image { return cut(m, 0.013, 0.032, 0.021, 0.008) }},
	{"cut, halved, brighter, compressed", func(m image.Image) image.Image {
		return saved(imaging.AdjustBrightness(imaging.Resize(cut(m, 0.025, 0.025, 0.025, 0.025), m.Bounds().Dx()/2, 0, imaging.Linear), 10), 50)
	}},
}

func cut(m image.Image, left, right, top, bottom float64) image.Image {
	w, h := float64(m.Bounds().Dx()), float64(m.Bounds().Dy())
	return saved(imaging.Crop(m, image.Rect(int(w*left), int(h*top), int(w*(1-right)), int(h*(1-bottom)))), 85)
}

// TestDisguises measures the table of docs/decisions: a picture is found again
// whatever was done to it. Run it with -v to see the numbers.
func TestDisguises(t *testing.T) {
	fields := []string{"scene_photo", "smoke_photo", "before_photo", "plate_photo", "shop_photo", "purifier_photo"}
	for _, d := range disguises {
		worstBits, worst := 0, 1.0
		for i, field := range fields {
			m := scenery(field, uint64(i)*7919+3)
			alike, bits, agree := lookAt(t, m).alikeAs(lookAt(t, d.do(m)))
			worstBits, worst = max(worstBits, bits), min(worst, agree)
			if !alike {
				t.Errorf("%s, %s: %d bits, agreement %.3f", field, d.name, bits, agree)
			}
		}
		t.Logf("%-36s at most %2d of 128 bits, agreement at least %.3f", d.name, worstBits, worst)
	}
}

// TestUnrelated: streets are like other streets, but not near-identical; nor
// are different things.
func TestUnrelated(t *testing.T) {
	for _, group := range [][]string{
		{"scene_photo"}, {"smoke_photo"}, {"before_photo"}, {"purifier_photo"}, {"plate_photo"}, {"shop_photo"},
		{"scene_photo", "smoke_photo", "before_photo", "plate_photo", "shop_photo", "purifier_photo", "printout_photo", "seizure_photo"},
	} {
		var all []look
		for seed := range uint64(16) {
			all = append(all, lookAt(t, scenery(group[int(seed)%len(group)], seed*104729+11)))
		}
		best, near, pairs := 0.0, 0, 0
		for i := range all {
			for j := range i {
				alike, _, agree := all[i].alikeAs(all[j])
				pairs++
				if _, far := all[i].print.distance(all[j].print); !far {
					near++
					best = max(best, agree)
				}
				if alike {
					t.Errorf("%v: two pictures agree by %.3f", group, agree)
				}
			}
		}
		t.Logf("%-60s %d pairs, %3d of them compared closely, agreement at most %.3f", strings.Join(group, " "), pairs, near, best)
	}
}

func TestLikenessKnowsAll(t *testing.T) {
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	one, two := &likeness{tables: st, recent: map[string]bool{}}, &likeness{tables: st, recent: map[string]bool{}}
	at := time.Date(2026, 10, 12, 9, 0, 0, 0, time.UTC)
	sha := func(i int) string { return fmt.Sprintf("%064x", i) }
	near := func(l *likeness, p fingerprint) []string {
		list, err := l.nearest(t.Context(), sha(0), p)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	base := fingerprint{0xffff0000ffff0000, 0x123456789abcdef0}
	for i := range 30 {
		// Times in no order, and far apart: processes' clocks differ, and rows
		// come late.
		when := at.Add(time.Duration(i)*time.Hour - time.Duration(i%3)*overlap/4)
		p := fingerprint{base.frequencies ^ uint64(1)<<i, base.slopes}
		if err := one.putPrint(t.Context(), when, sha(i+1), p); err != nil {
			t.Fatal(err)
		}
		for _, l := range []*likeness{one, two} {
			if got := near(l, p); got[0] != sha(i+1) || len(got) != min(i+1, maxCandidates) {
				t.Fatalf("after %d: %d found, first %s", i, len(got), got[0])
			}
		}
	}
	if len(two.keys) != 30 {
		t.Errorf("%d fingerprints are kept of 30", len(two.keys))
	}
	if got := near(two, fingerprint{^base.frequencies, base.slopes}); len(got) != 0 {
		t.Errorf("far ones are near: %v", got)
	}
	again := &likeness{tables: st, recent: map[string]bool{}}
	if got := near(again, base); len(got) != maxCandidates || slices.Contains(got, sha(0)) {
		t.Errorf("after a restart: %d", len(got))
	}
}

// BenchmarkLikeness looks for one photo among a million.
func BenchmarkLikeness(b *testing.B) {
	const photos = 1_000_000
	l := &likeness{tables: noRows{}, recent: map[string]bool{}}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range photos {
		l.keys = append(l.keys, [32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		l.prints = append(l.prints, fingerprint{r.Uint64(), r.Uint64()})
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := l.nearest(b.Context(), hex.EncodeToString(l.keys[7][:]), l.prints[7]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cap(l.keys)*32+cap(l.prints)*16)/(1<<20), "MiB")
}

// BenchmarkAgreement compares two pictures closely.
func BenchmarkAgreement(b *testing.B) {
	one := lookAt(b, scenery("scene_photo", 1))
	two := lookAt(b, cut(scenery("scene_photo", 1), 0.03, 0.01, 0.02, 0))
	for b.Loop() {
		agreement(one.detail, two.detail)
	}
}

// noRows is a table without rows.
type noRows struct{ store.Tables }

func (noRows) Scan(context.Context, store.Table, string, string, int) ([]store.Row, error) {
	return nil, nil
}
