package review_test

import (
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// clash lets two phones change the same document from revision 1 and returns
// the result of the second.
func (w *desk) clash(c inspection.Collection, id string, first, one, two edit) sync.Result {
	w.T.Helper()
	p, q := w.phone("li", street), w.phone("wang", street)
	p.One(store.Applied, p.Mutation(c, "put", id, 0, first))
	p.One(store.Applied, p.Mutation(c, "put", id, 1, one))
	return q.One(store.Conflicted, q.Mutation(c, "put", id, 1, two))
}

func key(t testing.TB, doc []byte, i string) string {
	t.Helper()
	k := world.At(t, doc, "server", "conflicts", i, "k")
	return k[1 : len(k)-1]
}

func TestSettle(t *testing.T) {
	item := func(q int) edit {
		return edit{"answers": edit{"r": []any{edit{"id": "1", "q": q}, edit{"id": "2", "q": q}}}}
	}
	photo := func(bytes int) edit {
		return edit{"photos": []any{edit{"field": "f", "sha256": "ab", "bytes": bytes}}}
	}
	with := func(more edit) edit {
		d := world.Burning(nil)
		for name, v := range more {
			d[name] = v
		}
		return d
	}
	for name, c := range map[string]struct {
		first, one, two edit
		pointer         string
		take            string
		path            []string
		want            string
	}{
		"an answer, kept":     {world.Burning(edit{"note": "a"}), edit{"answers": edit{"note": "b"}}, edit{"answers": edit{"note": "c"}}, "/answers/note", "kept", []string{"answers", "note"}, `"b"`},
		"an answer, offered":  {world.Burning(edit{"note": "a"}), edit{"answers": edit{"note": "b"}}, edit{"answers": edit{"note": "c"}}, "/answers/note", "offered", []string{"answers", "note"}, `"c"`},
		"an answer taken out": {world.Burning(edit{"note": "a"}), edit{"answers": edit{"note": "b"}}, edit{"answers": edit{}}, "/answers/note", "offered", []string{"answers"}, `{}`},
		"a member":            {with(edit{"note": "a"}), edit{"note": "b"}, edit{"note": "c"}, "/note", "offered", []string{"note"}, `"c"`},
		"an item":             {world.Burning(item(1)["answers"].(edit)), item(2), item(3), "/answers/r/1", "offered", []string{"answers", "r"}, `[{"id":"1","q":3},{"id":"2","q":2}]`},
		"a photo":             {with(photo(1)), photo(2), photo(3), "/photos/f:ab", "offered", []string{"photos", "0", "bytes"}, `3`},
	} {
		t.Run(name, func(t *testing.T) {
			w, id := newDesk(t), world.NewID()
			res := w.clash("inspections", id, c.first, c.one, c.two)
			if p := world.At(t, res.Doc, "server", "conflicts", "0", "pointer"); p != `"`+c.pointer+`"` {
				t.Fatalf("parked at %s", p)
			}
			open := len(world.Parse(t, res.Doc)["server"].(inspection.Object)["conflicts"].([]any))
			r, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), key(t, res.Doc, "0"), review.Settlement{Take: c.take, Rev: *res.Rev})
			w.Must(err)
			server := world.Parse(t, r.Doc)["server"].(inspection.Object)
			if got := world.At(t, r.Doc, c.path...); got != c.want || len(server["conflicts"].([]any)) != open-1 {
				t.Errorf("%s, want %s; open: %v", got, c.want, server["conflicts"])
			}
			settled := server["settled"].(inspection.Object)
			if settled["take"] != c.take || settled["by"] != "boss" || settled["k"] != key(t, res.Doc, "0") {
				t.Errorf("settled: %v", settled)
			}
		})
	}
}

// TestSettledIsJudged: a value that is taken changes the verdict, as an edit
// would.
func TestSettledIsJudged(t *testing.T) {
	w := newDesk(t)
	id, doc := world.Fixture("open_burning_pass")
	p, q := w.phone("li", street), w.phone("wang", street)
	p.applied(id, 0, doc)
	again := func(from edit, clean bool) edit {
		answers := edit{}
		for name, v := range doc["answers"].(inspection.Object) {
			answers[name] = v
		}
		answers["recheck_clean"] = clean
		return edit{"answers": answers}
	}
	first := p.applied(id, 1, edit{"answers": edit{}})
	if world.At(t, first.Doc, "server", "verdict") == `"fail"` {
		t.Fatal("the record fails without answers")
	}
	res := q.One(store.Conflicted, q.Put(id, 1, again(doc, false)))
	var k string
	for _, x := range world.Parse(t, res.Doc)["server"].(inspection.Object)["conflicts"].([]any) {
		if c := x.(inspection.Object); c["pointer"] == "/answers/recheck_clean" {
			k = c["k"].(string)
		}
	}
	r, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), k, review.Settlement{Take: "offered", Rev: *res.Rev})
	w.Must(err)
	if world.At(t, r.Doc, "server", "verdict") != `"fail"` || r.Index.Verdict != "fail" {
		t.Errorf("the verdict is %s", world.At(t, r.Doc, "server", "verdict"))
	}
	if got := p.One(store.Applied, p.Put(id, r.Rev, edit{"note": "after"})); world.At(t, got.Doc, "answers", "recheck_clean") != "false" {
		t.Errorf("a phone's next edit undid it: %s", got.Doc)
	}
}

func TestSettleOfAllCollections(t *testing.T) {
	for c, docs := range map[inspection.Collection][3]edit{
		inspection.Sites:    {{"area": street, "name": "a"}, {"name": "b"}, {"name": "c"}},
		inspection.Sessions: {{"area": street, "note": "a"}, {"note": "b"}, {"note": "c"}},
	} {
		w, id := newDesk(t), world.NewID()
		res := w.clash(c, id, docs[0], docs[1], docs[2])
		r, err := w.Review.Settle(w.Ctx, boss, c, inspection.DocID(id), key(t, res.Doc, "0"), review.Settlement{Take: "offered", Rev: *res.Rev})
		w.Must(err)
		member := map[inspection.Collection]string{inspection.Sites: "name", inspection.Sessions: "note"}[c]
		if world.At(t, r.Doc, member) != `"c"` || world.At(t, r.Doc, "server", "conflicts") != "[]" {
			t.Errorf("%s: %s", c, r.Doc)
		}
	}
}

// TestSettleWishes: a parked wish to delete, taken or not; and values offered
// to what is deleted by then.
func TestSettleWishes(t *testing.T) {
	w := newDesk(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	for take, deleted := range map[string]bool{"kept": false, "offered": true} {
		id := world.NewID()
		p.applied(id, 0, world.Burning(edit{"note": "a"}))
		p.applied(id, 1, edit{"answers": edit{"note": "b"}})
		res := q.One(store.Conflicted, q.Delete(id, 1))
		r, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), key(t, res.Doc, "0"), review.Settlement{Take: take, Rev: *res.Rev})
		w.Must(err)
		if r.Deleted != deleted || (world.At(t, r.Doc, "server", "deleted") == "true") != deleted || world.At(t, r.Doc, "answers", "note") != `"b"` {
			t.Errorf("%s: deleted %t: %s", take, r.Deleted, r.Doc)
		}
	}
	id := world.NewID()
	res := w.clash("inspections", id, world.Burning(edit{"note": "a"}), edit{"answers": edit{"note": "b"}}, edit{"answers": edit{"note": "c"}})
	gone := p.One(store.Applied, p.Delete(id, *res.Rev))
	r, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), key(t, res.Doc, "0"), review.Settlement{Take: "offered", Rev: *gone.Rev})
	w.Must(err)
	if r.Deleted || world.At(t, r.Doc, "answers", "note") != `"c"` {
		t.Errorf("a value taken doesn't revive: %s", r.Doc)
	}
}

func TestSettleRefused(t *testing.T) {
	w, id := newDesk(t), world.NewID()
	res := w.clash("inspections", id, world.Burning(edit{"r": []any{edit{"id": "1"}}}),
		edit{"answers": edit{"r": []any{edit{"id": "1", "q": 1}}}, "note": "b"}, edit{"answers": edit{"r": []any{edit{"id": "1", "q": 2}}}, "note": "c"})
	settle := func(principal *inspection.Principal, c inspection.Collection, id, k string, in review.Settlement) error {
		_, err := w.Review.Settle(w.Ctx, principal, c, inspection.DocID(id), k, in)
		return err
	}
	rev, item, note := *res.Rev, key(t, res.Doc, "0"), key(t, res.Doc, "1")
	refused(t, settle(boss, "inspections", id, item, review.Settlement{Take: "both", Rev: rev}), inspection.CodeBadRequest)
	refused(t, settle(boss, "inspections", id, "nothing", review.Settlement{Take: "kept", Rev: rev}), inspection.CodeNotFound)
	refused(t, settle(boss, "inspections", id, "more", review.Settlement{Take: "kept", Rev: rev}), inspection.CodeNotFound)
	refused(t, settle(boss, "sites", id, item, review.Settlement{Take: "kept", Rev: rev}), inspection.CodeNotFound)
	refused(t, settle(remote, "inspections", id, item, review.Settlement{Take: "kept", Rev: rev}), inspection.CodeNotFound)
	refused(t, settle(boss, "inspections", id, item, review.Settlement{Take: "kept", Rev: rev - 1}), inspection.CodeStale)

	p := w.phone("li", street)
	p.One(store.Applied, p.Put(id, rev, edit{"answers": edit{"r": "no list"}}))
	rev = w.Record(id).Rev
	refused(t, settle(boss, "inspections", id, item, review.Settlement{Take: "offered", Rev: rev}), inspection.CodeConflict)

	w.decide(id, "approve", "")
	rev = w.Record(id).Rev
	refused(t, settle(boss, "inspections", id, note, review.Settlement{Take: "offered", Rev: rev}), inspection.CodeLocked)
	w.Must(settle(boss, "inspections", id, note, review.Settlement{Take: "kept", Rev: rev}))
	if again := settle(boss, "inspections", id, note, review.Settlement{Take: "kept", Rev: rev}); again != nil {
		t.Errorf("sent again: %v", again)
	}
	refused(t, settle(deputy, "inspections", id, note, review.Settlement{Take: "kept", Rev: rev}), inspection.CodeStale)
}

// TestSettleCounted: conflicts that a document only counts can be put away.
func TestSettleCounted(t *testing.T) {
	w, id := newDesk(t), world.NewID()
	items := func(q int) edit {
		list := make([]any, 150)
		for i := range list {
			list[i] = edit{"id": string(rune('a'+i%26)) + string(rune('a'+i/26)), "q": q}
		}
		return edit{"answers": edit{"r": list}}
	}
	res := w.clash("inspections", id, world.Burning(items(1)["answers"].(edit)), items(2), items(3))
	if world.At(t, res.Doc, "server", "conflicts_more") != "50" {
		t.Fatalf("%s more conflicts", world.At(t, res.Doc, "server", "conflicts_more"))
	}
	_, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), "more", review.Settlement{Take: "offered", Rev: *res.Rev})
	refused(t, err, inspection.CodeConflict)
	r, err := w.Review.Settle(w.Ctx, boss, "inspections", inspection.DocID(id), "more", review.Settlement{Take: "kept", Rev: *res.Rev})
	w.Must(err)
	if world.At(t, r.Doc, "server", "conflicts_more") != "null" || len(world.Parse(t, r.Doc)["server"].(inspection.Object)["conflicts"].([]any)) != 100 {
		t.Errorf("%s more", world.At(t, r.Doc, "server", "conflicts_more"))
	}
}
