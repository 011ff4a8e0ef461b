package media

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Tolerances of the flags. They are wide: a flag asks a person to look, and
// one that is often wrong is no longer looked at.
const (
	// windowTolerance is how long before its record began, or after it ended,
	// a photo may have been taken.
	windowTolerance = 30 * time.Minute
	// takenTolerance is how far the camera may disagree with the record's own
	// "taken_at".
	takenTolerance = 10 * time.Minute
	// openWindow is how long a record lasts that says no end.
	openWindow = 12 * time.Hour
	// distanceTolerance is added to what both say of their accuracy, in metres,
	// which counts up to maxAccuracy.
	distanceTolerance = 300
	maxAccuracy       = 2000
)

// evidenceOf is the evidence of a document, given what is known of its photos.
// It is pure.
func evidenceOf(rec *store.Record, client inspection.Object, before *inspection.Evidence, known map[string]*seen) *inspection.Evidence {
	var missing, missingFields []string
	var flags []inspection.Flag
	if before != nil {
		missingFields = before.MissingFields
	}
	at := situationOf(rec.Collection, client)
	if at.mock {
		flags = append(flags, inspection.Flag{Kind: inspection.FlagMockLocation, Detail: "The phone says that its location was made up by an app."})
	}
	counted := map[string]bool{}
	for _, p := range shownOf(client) {
		k := known[p.sha]
		if k == nil || counted[p.sha] {
			continue
		}
		counted[p.sha] = true
		if !k.here {
			missing = append(missing, p.sha)
			continue
		}
		if len(counted) <= maxFlagged {
			flags = append(flags, flagsOf(&at, rec.Area, p, &k.facts, k.twins)...)
		}
	}
	return inspection.NewEvidence(missing, missingFields, flags)
}

// shownOf lists the photos that a document names, with what it says of them.
func shownOf(client inspection.Object) []shown {
	named := map[string]inspection.Object{}
	for _, o := range slices.Concat(client.Objects("photos"), client.Object("rectification").Objects("photos")) {
		if sha := o.Text("sha256"); !named[sha].Has("taken_at") {
			named[sha] = o
		}
	}
	var out []shown
	for _, p := range inspection.Photos(client) {
		out = append(out, shown{sha: p.SHA256, taken: named[p.SHA256].Time("taken_at")})
	}
	return out
}

// taken returns when the photo was taken by its EXIF; the zero time if it
// doesn't say.
func (e *EXIF) taken() time.Time {
	zone := inspection.China // of camera times that name none
	if t, err := time.Parse("-07:00", e.Zone); err == nil {
		zone = t.Location()
	}
	t, err := time.ParseInLocation(localTime, e.Taken, zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// shown is one photo as a record names it.
type shown struct {
	sha   string
	taken time.Time // as the record says; zero if it doesn't
}

// situation is what of a record the flags look at.
type situation struct {
	from, to  time.Time // zero: unknown
	location  *LatLon   // in WGS-84
	accuracyM float64
	mock      bool
}

func situationOf(c inspection.Collection, client inspection.Object) situation {
	var s situation
	if c == inspection.Inspections {
		s.from, s.to = client.Time("started_at"), client.Time("finished_at")
		if s.to.IsZero() && !s.from.IsZero() {
			s.to = s.from.Add(openWindow)
		}
	}
	location := client.Object("location")
	s.mock, _ = location.Bool("mock")
	lat, ok := location.Number("lat")
	lon, both := location.Number("lon")
	if p, known := toWGS84(LatLon{lat, lon}, strings.ToLower(location.Text("crs"))); ok && both && known && p.valid() {
		s.location = &p
	}
	if a, ok := location.Number("accuracy_m"); ok {
		s.accuracyM = min(max(a, 0), maxAccuracy)
	}
	return s
}

// twin is another record that a photo, or one like it, is on.
type twin struct {
	id   inspection.DocID
	area inspection.Area
	// sha is the picture there.
	sha string
}

// flagsOf lists what is odd about one photo of a record in area. It is pure.
func flagsOf(s *situation, area inspection.Area, p shown, f *Facts, twins []twin) []inspection.Flag {
	var out []inspection.Flag
	flag := func(kind inspection.FlagKind, other inspection.DocID, format string, args ...any) {
		out = append(out, inspection.Flag{Kind: kind, SHA256: p.sha, Other: other, Detail: fmt.Sprintf(format, args...)})
	}
	e := &f.EXIF
	taken := e.taken()
	if taken.IsZero() && e.Location == nil {
		flag(inspection.FlagNoEXIF, "", "The file says neither when nor where it was taken.")
	}
	if detail := timeMismatch(s, p, taken); detail != "" {
		flag(inspection.FlagTimeMismatch, "", "%s", detail)
	}
	if e.Location != nil && s.location != nil {
		d := surelyApart(*e.Location, *s.location)
		if d > distanceTolerance+s.accuracyM+min(e.AccuracyM, maxAccuracy) {
			flag(inspection.FlagPlaceMismatch, "", "The photo was taken %s from the place of the record.", distance(d))
		}
	}
	if editor := editorIn(e.Software); editor != "" {
		flag(inspection.FlagEditedSoftware, "", "The file was written by %s.", editor)
	}
	for _, t := range twins {
		other, detail := twinDetail(area, p.sha, t)
		flag(inspection.FlagReused, other, "%s", detail)
	}
	return out
}

// surelyApart is how far two points are certainly surelyApart, in metres: as said, or with
// either of the two taken for GCJ-02 that was passed on as WGS-84. A shifted
// map is never taken for a wrong place.
func surelyApart(a, b LatLon) float64 {
	return min(metres(a, b), metres(fromGCJ02(a), b), metres(a, fromGCJ02(b)))
}

// metres is the distance of two points on a sphere.
func metres(a, b LatLon) float64 {
	const radius = 6371000
	rad := math.Pi / 180
	dLat, dLon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// timeMismatch compares the camera's time with the record's.
func timeMismatch(s *situation, p shown, taken time.Time) string {
	const form = "2006-01-02 15:04 -07:00"
	if taken.IsZero() {
		return ""
	}
	at := taken.In(inspection.China).Format(form)
	if !s.from.IsZero() && taken.Before(s.from.Add(-windowTolerance)) {
		return fmt.Sprintf("By its file the photo was taken at %s, before the record began.", at)
	}
	if !s.to.IsZero() && taken.After(s.to.Add(windowTolerance)) {
		return fmt.Sprintf("By its file the photo was taken at %s, after the record ended.", at)
	}
	if !p.taken.IsZero() && taken.Sub(p.taken).Abs() > takenTolerance {
		return fmt.Sprintf("By its file the photo was taken at %s, by the record at %s.", at, p.taken.In(inspection.China).Format(form))
	}
	return ""
}

func distance(m float64) string {
	if m < 10_000 {
		return fmt.Sprintf("%.0f m", math.Round(m/10)*10)
	}
	return fmt.Sprintf("%.0f km", m/1000)
}

// twinDetail words a reused flag. Whoever reads a record may read all of its
// area, so a record of the same area is named; of another one only the
// picture is, which opens nothing.
func twinDetail(area inspection.Area, sha string, t twin) (other inspection.DocID, detail string) {
	what := "The same picture"
	if t.sha != sha {
		what = "A near-identical picture (" + t.sha + ")"
	}
	if t.area != area {
		return "", what + " is on a record of another area."
	}
	return t.id, what + " is on another record."
}

// editors are programs that change pictures, as they name themselves in EXIF.
// Cameras put their firmware there, so only names that are no camera's count.
var editors = []string{
	"photoshop", "lightroom", "adobe", "gimp", "snapseed", "picsart", "pixlr", "canva", "affinity photo",
	"paint.net", "paintshop", "pixelmator", "photoscape", "polish", "vsco", "facetune", "faceapp", "remini",
	"photodirector", "luminar", "capture one", "darktable", "rawtherapee", "krita", "imagemagick", "acdsee",
	"meitu", "美图", "meituxiuxiu", "beautycam", "美颜", "b612", "xingtu", "醒图", "轻颜", "faceu", "butter camera",
	"黄油相机", "camera360", "相机360", "天天p图", "pitu", "picmonkey", "fotor", "photopea", "polarr", "stable diffusion",
	"midjourney", "dall-e", "dall·e", "comfyui", "novelai",
}

// editorIn returns the Software text if it names an editor.
func editorIn(software string) string {
	low := strings.ToLower(software)
	for _, name := range editors {
		if strings.Contains(low, name) {
			return software
		}
	}
	return ""
}
