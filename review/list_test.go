package review_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

func (w *desk) list(principal *inspection.Principal, req review.ListRequest) review.Page {
	w.T.Helper()
	if req.Limit == 0 {
		req.Limit = 50
	}
	page, err := w.Review.Inspections(w.Ctx, principal, req)
	w.Must(err)
	return page
}

func idsOf(page review.Page) []string {
	ids := []string{}
	for _, r := range page.Records {
		ids = append(ids, string(r.ID))
	}
	return ids
}

func TestInspectionsAreFound(t *testing.T) {
	w := newDesk(t)
	p := w.phone("li", street, elsewhere)
	site := world.NewID()
	p.One(store.Applied, p.Mutation("sites", "put", site, 0, edit{"area": street, "name": "西一路 老字号泡馍馆"}))
	fire, away, draft := world.NewID(), world.NewID(), world.NewID()
	doc := world.Burning(edit{"place": "长乐路与金花路十字"})
	doc["site"] = site
	p.applied(fire, 0, doc)
	diesel, doc := world.Fixture("diesel_roadside_fail")
	doc["answers"].(inspection.Object)["plate"] = "陕A·D1234"
	doc["started_at"] = "2026-10-13T09:00:00+08:00"
	p.applied(diesel, 0, doc)
	fume, doc := world.Fixture("restaurant_fume_pass")
	doc["started_at"], doc["session"] = "2026-10-14T09:00:00+08:00", away
	p.applied(fume, 0, doc)
	doc = world.Burning(edit{"place": "长乐公园"})
	doc["area"], doc["started_at"], doc["site"] = string(elsewhere), "2026-10-11T23:59:59+08:00", site
	p.applied(away, 0, doc)
	doc = world.Burning(nil)
	doc["status"], doc["started_at"] = "draft", "2026-10-10T00:00:00+08:00"
	p.applied(draft, 0, doc)
	w.decide(diesel, "approve", "")
	day := func(n int) time.Time { return time.Date(2026, 10, n, 0, 0, 0, 0, inspection.China) }
	shop := w.title(fume)
	for name, c := range map[string]struct {
		principal *inspection.Principal
		req       review.ListRequest
		want      []string
	}{
		"all, newest first":       {boss, review.ListRequest{}, []string{fume, diesel, fire, away, draft}},
		"of one's street":         {deputy, review.ListRequest{}, []string{fume, diesel, fire, draft}},
		"of a street asked for":   {boss, review.ListRequest{Areas: []inspection.Area{elsewhere}}, []string{away}},
		"of more than one's own":  {deputy, review.ListRequest{Areas: []inspection.Area{"610102"}}, []string{fume, diesel, fire, draft}},
		"of a template":           {boss, review.ListRequest{Template: "open_burning"}, []string{fire, away, draft}},
		"failed":                  {boss, review.ListRequest{Verdict: "fail", Template: "diesel_roadside"}, []string{diesel}},
		"approved":                {boss, review.ListRequest{State: "approved"}, []string{diesel}},
		"received":                {boss, review.ListRequest{State: "received"}, []string{fume, fire, away}},
		"lacking photos":          {boss, review.ListRequest{Evidence: "incomplete", Template: "open_burning"}, []string{fire, away, draft}},
		"from a day":              {boss, review.ListRequest{From: day(13)}, []string{fume, diesel}},
		"to a day":                {boss, review.ListRequest{To: day(12)}, []string{away, draft}},
		"a plate's beginning":     {boss, review.ListRequest{Search: "陕a d12"}, []string{diesel}},
		"a place":                 {boss, review.ListRequest{Search: "长乐"}, []string{fire, away}},
		"a site's name":           {boss, review.ListRequest{Search: "西一路老字号"}, []string{fire}},
		"a shop":                  {boss, review.ListRequest{Search: shop}, []string{fume}},
		"a place's middle":        {boss, review.ListRequest{Search: "与金花路"}, []string{}},
		"nothing but marks":       {boss, review.ListRequest{Search: "···"}, []string{}},
		"of a site":               {boss, review.ListRequest{Site: inspection.DocID(site)}, []string{fire, away}},
		"of a session":            {boss, review.ListRequest{Session: inspection.DocID(away)}, []string{fume}},
		"of a district elsewhere": {remote, review.ListRequest{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			page := w.list(c.principal, c.req)
			if got := idsOf(page); !slices.Equal(got, c.want) || page.Total != len(c.want) || page.Capped || page.Cursor != "" {
				t.Errorf("got %v of %d, want %v", got, page.Total, c.want)
			}
		})
	}
	_, err := w.Review.Inspections(w.Ctx, deputy, review.ListRequest{Areas: []inspection.Area{elsewhere}, Limit: 1})
	refused(t, err, inspection.CodeForbidden)
	_, err = w.Review.Inspections(w.Ctx, boss, review.ListRequest{Search: "x", Site: inspection.DocID(site), Limit: 1})
	refused(t, err, inspection.CodeBadParameter)
	for _, cursor := range []string{"x", "AAAA", "!!"} {
		_, err = w.Review.Inspections(w.Ctx, boss, review.ListRequest{Cursor: cursor, Limit: 1})
		refused(t, err, inspection.CodeBadParameter)
	}
}

// title returns what a record is called.
func (w *desk) title(id string) string {
	w.T.Helper()
	name, _ := world.Parse(w.T, w.Record(id).Doc)["server"].(inspection.Object)["title"].(string)
	if name == "" {
		w.T.Fatalf("no title: %s", w.Record(id).Doc)
	}
	return name
}

// TestPagesAreStable: what arrives while someone pages neither repeats nor
// hides what is further down.
func TestPagesAreStable(t *testing.T) {
	w := newDesk(t)
	p := w.phone("li", street)
	var want []string
	for n := range 11 {
		id := world.NewID()
		doc := world.Burning(nil)
		doc["started_at"] = fmt.Sprintf("2026-10-%02dT09:00:00+08:00", 28-n/2) // two at each time
		p.applied(id, 0, doc)
		want = append(want, id)
	}
	slices.SortFunc(want, func(a, b string) int { return -compare(w, a, b) })
	var got []string
	req := review.ListRequest{Limit: 2}
	for {
		page := w.list(boss, req)
		got = append(got, idsOf(page)...)
		if page.Total < 11 {
			t.Fatalf("total %d", page.Total)
		}
		doc := world.Burning(nil)
		doc["started_at"] = "2026-10-30T09:00:00+08:00"
		p.applied(world.NewID(), 0, doc)
		if req.Cursor = page.Cursor; req.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func compare(w *desk, a, b string) int {
	r, s := w.Record(a), w.Record(b)
	x, y := r.ListMark(), s.ListMark()
	if c := x.Started.Compare(y.Started); c != 0 {
		return c
	}
	if x.ID < y.ID {
		return -1
	}
	return 1
}

// TestTitles: what a record is called follows its answers and its site, as
// they were when it was judged last; other areas' sites are nobody's business.
func TestTitles(t *testing.T) {
	w := newDesk(t)
	p, q := w.phone("li", street), w.phone("wang", elsewhere)
	site, foreign, id, other := world.NewID(), world.NewID(), world.NewID(), world.NewID()
	p.One(store.Applied, p.Mutation("sites", "put", site, 0, edit{"area": street, "name": "老字号"}))
	q.One(store.Applied, q.Mutation("sites", "put", foreign, 0, edit{"area": elsewhere, "name": "secret"}))
	doc := world.Burning(nil)
	doc["site"] = site
	res := p.applied(id, 0, doc)
	title := func(r []byte) string {
		return world.At(t, r, "server", "title") + world.At(t, r, "server", "site_name")
	}
	if title(res.Doc) != `"老字号""老字号"` {
		t.Errorf("without a place: %s", title(res.Doc))
	}
	p.One(store.Applied, p.Mutation("sites", "put", site, 1, edit{"name": "新字号"}))
	if title(w.Record(id).Doc) != `"老字号""老字号"` || len(w.list(boss, review.ListRequest{Search: "老字号"}).Records) != 1 {
		t.Errorf("after the site was renamed: %s", title(w.Record(id).Doc))
	}
	res = p.applied(id, 1, edit{"answers": edit{"place": "院内"}})
	if title(res.Doc) != `"院内""新字号"` || len(w.list(boss, review.ListRequest{Search: "新字号"}).Records) != 1 {
		t.Errorf("after the next edit: %s", title(res.Doc))
	}
	doc = world.Burning(nil)
	doc["site"] = foreign
	if res = p.applied(other, 0, doc); title(res.Doc) != "nullnull" {
		t.Errorf("another area's site: %s", title(res.Doc))
	}
	w.decide(id, "approve", "")
	if title(w.Record(id).Doc) != `"院内""新字号"` {
		t.Errorf("after a review: %s", title(w.Record(id).Doc))
	}
}
