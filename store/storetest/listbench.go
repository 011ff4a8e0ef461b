package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// benchRecordsVariable sets how many records the larger database of
// BenchmarkLists has; a million where it isn't set.
const benchRecordsVariable = "GRIDPATROL_BENCH_RECORDS"

const smallDistrict = 10_000

// BenchmarkLists lists a district of ten thousand and one of a million
// records, both spread over two years, in all ways in which people do. It
// tells the median and the 95th percentile of a first page with its total, and
// their ratios. Both are asked in turn, so that what else the machine does
// slows both; first at rest, then while in each round a record arrives and one
// is reviewed in both.
func BenchmarkLists(b *testing.B, open func(b *testing.B) store.Store) {
	large := 1_000_000
	if n, err := strconv.Atoi(os.Getenv(benchRecordsVariable)); err == nil {
		large = n
	}
	districts := make([]*district, 2)
	for i, size := range []int{smallDistrict, large} {
		d := &district{st: open(b), random: rand.New(rand.NewPCG(1, 2)), records: size, took: map[string][]time.Duration{}}
		if err := d.fill(b.Context()); err != nil {
			b.Fatal(err)
		}
		districts[i] = d
	}
	b.ResetTimer()
	askInTurn(b, "rest", districts, (*district).rest)
	askInTurn(b, "work", districts, (*district).work)
}

func askInTurn(b *testing.B, title string, districts []*district, between func(*district, context.Context) error) {
	names := slices.Sorted(maps.Keys(districts[0].kinds()))
	for _, d := range districts {
		clear(d.took)
	}
	for range max(b.N, 100) {
		for _, d := range districts {
			if err := between(d, b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		for _, name := range names {
			for _, d := range districts {
				if err := d.ask(b.Context(), name); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	reportLists(b, title, districts[0].took, districts[1].took, append(names, filters, searches, everyKind))
}

func reportLists(b *testing.B, title string, small, large map[string][]time.Duration, names []string) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-28s %21s %21s\n", "µs at "+title, "median: small, large, ×", "95%: small, large, ×")
	for _, name := range names {
		fmt.Fprintf(&table, "%-28s", name)
		for _, p := range []int{50, 95} {
			s, l := percentile(small[name], p), percentile(large[name], p)
			ratio := float64(l) / float64(s)
			fmt.Fprintf(&table, " %7d %7d %5.2f", s.Microseconds(), l.Microseconds(), ratio)
			if unit, told := map[string]string{filters: "filters", searches: "texts", everyKind: "all"}[name]; told {
				b.ReportMetric(ratio, fmt.Sprintf("p%d-%s-%s", p, unit, title))
			}
		}
		table.WriteString("\n")
	}
	fmt.Print(table.String()) // b.Log would cut it
}

// district makes inspections of two years in nine streets.
type district struct {
	st      store.Store
	random  *rand.Rand
	records int
	n       int64 // of the phone's last mutation
	took    map[string][]time.Duration
}

var benchAreas = func() []inspection.Area {
	var list []inspection.Area
	for n := range 9 {
		list = append(list, inspection.Area(fmt.Sprintf("61010200%d", n+1)))
	}
	return list
}()

func (d *district) fill(ctx context.Context) error {
	const each = 500
	for at := 0; at < d.records; at += each {
		area := benchAreas[d.random.IntN(len(benchAreas))]
		var entries []store.Entry
		for n := at; n < min(at+each, d.records); n++ {
			entries = append(entries, d.entry(n, 1))
		}
		if err := d.append(ctx, area, entries); err != nil {
			return err
		}
	}
	return nil
}

func (d *district) entry(n int, rev int64) store.Entry {
	d.n++
	e := put(docID(n), phone, d.n)
	e.Rev, e.At, e.Doc = rev, d.start(n).Add(time.Hour), d.inspection(n)
	return e
}

func (d *district) append(ctx context.Context, area inspection.Area, entries []store.Entry) error {
	head, err := d.st.Head(ctx, area)
	if err != nil {
		return err
	}
	at := head.At
	for i := range entries {
		e := &entries[i]
		if at.Before(e.At) {
			at = e.At
		}
		e.Seq, e.At = head.Seq+int64(i)+1, at
	}
	c, err := store.Seal(area, head, entries)
	if err != nil {
		return err
	}
	return d.st.Append(ctx, c)
}

func (d *district) rest(context.Context) error { return nil }

// work lets a record arrive and one of the newest hundredth be reviewed.
func (d *district) work(ctx context.Context) error {
	if err := d.append(ctx, benchAreas[d.random.IntN(len(benchAreas))], []store.Entry{d.entry(d.records, 1)}); err != nil {
		return err
	}
	d.records++
	n := d.records - 1 - d.random.IntN(d.records/100)
	list, err := d.st.Records(ctx, []inspection.DocID{docID(n)})
	if err != nil {
		return err
	}
	old := list[docID(n)]
	return d.append(ctx, old.Area, []store.Entry{d.entry(n, old.Rev+1)})
}

const twoYears = 730 * 24 * time.Hour

// start: most arrive on their day, one in twenty up to a month late.
func (d *district) start(n int) time.Time {
	at := morning.Add(time.Duration(float64(twoYears) * float64(n) / float64(d.records)))
	if d.random.IntN(20) == 0 {
		at = at.Add(-time.Duration(d.random.IntN(30*24)) * time.Hour)
	}
	return at.Truncate(time.Second)
}

// pick returns one of the names with the weight that follows it, in percent.
func (d *district) pick(weighted ...any) string {
	x := d.random.IntN(1000)
	for i := 0; i < len(weighted); i += 2 {
		if x -= weighted[i+1].(int); x < 0 {
			return weighted[i].(string)
		}
	}
	return weighted[0].(string)
}

func (d *district) inspection(n int) []byte {
	state := d.pick("approved", 970, "rejected", 20, "has_issues", 9, "edited", 1)
	if n > d.records*95/100 {
		state = "received"
	}
	complete := d.random.IntN(40) > 0
	template := d.pick("diesel_roadside", 600, "open_burning", 150, "restaurant_fume", 150, "voc_product", 70, "fireworks", 30)
	verdict := d.pick("pass", 700, "fail", 200, "indeterminate", 80, "pending_lab", 20)
	plate, title := "", ""
	if template == "diesel_roadside" {
		plate = d.plate()
	} else {
		title = d.site()
	}
	return fmt.Appendf(nil, `{"id":"%s","template":%q,"started_at":%q,"status":"submitted","answers":{"plate":%q,"note":"%0200d"},`+
		`"server":{"verdict":%q,"review":{"state":%q},"evidence":{"complete":%t},"title":%q,"findings":"%0200d"}}`,
		docID(n), template, d.start(n).Format(time.RFC3339), plate, n, verdict, state, complete, title, n)
}

const plateLetters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"

func (d *district) plate() string {
	plate := []byte(d.pick("陕A", 850, "陕D", 60, "陕B", 40, "晋M", 30, "豫C", 20))
	for range 5 {
		plate = append(plate, plateLetters[d.random.IntN(len(plateLetters))])
	}
	return string(plate)
}

func (d *district) site() string {
	names := []string{"老字号泡馍馆", "汽修喷涂部", "货车停车场", "便民超市", "川菜馆", "印刷厂"}
	return fmt.Sprintf("西%d路%s%d号", d.random.IntN(30), names[d.random.IntN(len(names))], d.random.IntN(12))
}

// What is told of several kinds together.
const (
	everyKind = "every kind"
	filters   = "all by filters"
	searches  = "all by a text"
)

// kinds are the lists that people ask for.
func (d *district) kinds() map[string]func() store.ListQuery {
	one := func() []inspection.Area { i := d.random.IntN(9); return benchAreas[i : i+1] }
	month := func(q store.ListQuery) store.ListQuery {
		q.From = morning.Add(time.Duration(d.random.Int64N(int64(twoYears - 31*24*time.Hour))))
		q.To = q.From.Add(30 * 24 * time.Hour)
		return q
	}
	text := func(s string) store.ListQuery {
		return store.ListQuery{Term: store.TermText + store.SearchKey(s), Prefix: true}
	}
	return map[string]func() store.ListQuery{
		"all":                func() store.ListQuery { return store.ListQuery{} },
		"a street":           func() store.ListQuery { return store.ListQuery{Areas: one()} },
		"a template":         func() store.ListQuery { return store.ListQuery{Template: "restaurant_fume"} },
		"fails":              func() store.ListQuery { return store.ListQuery{Verdict: "fail"} },
		"approved":           func() store.ListQuery { return store.ListQuery{State: "approved"} },
		"to review":          func() store.ListQuery { return store.ListQuery{State: "received"} },
		"edited (1 in 1000)": func() store.ListQuery { return store.ListQuery{State: "edited"} },
		"fireworks, fail, edited": func() store.ListQuery {
			return store.ListQuery{State: "edited", Verdict: "fail", Template: "fireworks"}
		},
		"photos missing, a street":  func() store.ListQuery { return store.ListQuery{Areas: one(), Evidence: "incomplete"} },
		"a month":                   func() store.ListQuery { return month(store.ListQuery{}) },
		"a month's fails, a street": func() store.ListQuery { return month(store.ListQuery{Areas: one(), Verdict: "fail"}) },
		"a plate":                   func() store.ListQuery { return text(d.plate()) },
		"陕A":                        func() store.ListQuery { return text("陕A") },
		"陕A and one more":           func() store.ListQuery { return text("陕A" + string(plateLetters[d.random.IntN(34)])) },
		"a plate's first five":      func() store.ListQuery { return text(string([]rune(d.plate())[:5])) },
		"a site":                    func() store.ListQuery { return text(d.site()) },
		"a road, fails":             func() store.ListQuery { q := text("西12路"); q.Verdict = "fail"; return q },
		"陕A, a month":               func() store.ListQuery { return month(text("陕A")) },
		"陕A, edited":                func() store.ListQuery { q := text("陕A"); q.State = "edited"; return q },
		"nothing like it":           func() store.ListQuery { return text("沪" + d.plate()) },
	}
}

// ask lists once and notes how long it took.
func (d *district) ask(ctx context.Context, kind string) error {
	q := d.kinds()[kind]()
	group := filters
	if q.Term != "" {
		group = searches
	}
	q.Collection, q.Limit, q.Count = inspection.Inspections, 50, 10_001
	if q.Areas == nil {
		q.Areas = benchAreas
	}
	began := time.Now()
	_, err := d.st.List(ctx, q)
	took := time.Since(began)
	for _, name := range []string{kind, group, everyKind} {
		d.took[name] = append(d.took[name], took)
	}
	return err
}

func percentile(list []time.Duration, p int) time.Duration {
	slices.SortFunc(list, cmp.Compare)
	return list[(len(list)-1)*p/100]
}
