package sync_test

import (
	"fmt"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/rxdb"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// TestNoRowHoldsUpAnother: what can't be stored is in quarantine, once, and
// the rows around it are stored.
func TestNoRowHoldsUpAnother(t *testing.T) {
	w := newDistrict(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	foreign := with(newState(state{"secret": "theirs"}), state{"area": "610102004"})
	stranger.answered(foreign, nil)
	site := world.NewID()
	p.One(store.Applied, world.In("sites", p.Put(site, 0, edit{"area": street, "name": "站"})))
	own := p.answered(newState(state{"a": "1"}), nil)
	poison := map[string]edit{
		"another's area":            rxRow(with(newState(nil), state{"area": "610102004"}), nil),
		"no area":                   rxRow(with(newState(nil), state{"area": nil}), nil),
		"another's document":        rxRow(answering(foreign, state{"secret": "mine"}), foreign),
		"another's, as if own":      rxRow(with(foreign, state{"area": string(street)}), nil),
		"another's, to be deleted":  rxRow(with(foreign, state{"_deleted": true}), foreign),
		"a site's id":               rxRow(with(newState(nil), state{"id": site}), nil),
		"no id":                     rxRow(with(newState(nil), state{"id": nil}), nil),
		"a bad id":                  rxRow(with(newState(nil), state{"id": "a"}), nil),
		"no state":                  {"assumedMasterState": own},
		"a state that is no object": {"newDocumentState": 7},
		"too deep":                  rxRow(newState(state{"deep": nested(40)}), nil),
		"wrong types":               rxRow(with(newState(nil), state{"started_at": 7}), nil),
		"deleted and too deep":      rxRow(with(newState(state{"deep": nested(40)}), state{"_deleted": true}), nil),
	}
	for name, row := range poison {
		t.Run(name, func(t *testing.T) {
			before := len(w.quarantine())
			good := newState(state{"with": name})
			docs, statuses := p.pushRowsTo(inspection.Inspections, row, rxRow(good, nil))
			if len(docs) != 1 || docs[0]["id"] != good["id"] || statuses[0] != store.Rejected || statuses[1] != store.Applied {
				t.Fatalf("%v %v", statuses, docs)
			}
			p.pushRowsTo(inspection.Inspections, row)
			if n := len(w.quarantine()) - before; n != 1 {
				t.Errorf("%d in quarantine", n)
			}
		})
	}
	t.Run("an edit of what the phone may read is put right", func(t *testing.T) {
		if got := p.answered(with(own, state{"started_at": 7}), own); !inspection.Equal(got, own) {
			t.Errorf("%v", got)
		}
	})
	t.Run("reference data is put right", func(t *testing.T) {
		docs, statuses := p.pushRowsTo(inspection.Areas, rxRow(state{"id": "610102003", "name_zh": "我的街道"}, nil))
		if statuses[0] != store.Rejected || len(docs) != 1 || textAt(t, docs[0], "id") != `"610102003"` || textAt(t, docs[0], "name_zh") == `"我的街道"` {
			t.Errorf("%v %v", statuses, docs)
		}
	})
}

func TestARowInQuarantineCanBeReleased(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	row := with(newState(state{"a": "1"}), state{"area": "610102004"})
	p.taken(row, nil)
	held := w.quarantine()
	r, _, err := w.Sync.Release(w.Ctx, root, inspection.DocID(held[0]["id"].(string)))
	if err != nil || r.Status != store.Applied || world.At(t, w.Record(row["id"].(string)).Doc, "answers", "a") != `"1"` {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRowsHaveNoNumbers: a device that also pushes natively may begin at 1.
func TestRowsHaveNoNumbers(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	p.N = -1
	mine := newState(state{"a": "1"})
	first := p.answered(mine, nil)
	p.taken(with(newState(nil), state{"area": "610102004"}), nil)
	id := mine["id"].(string)
	p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"a": "2"})))
	p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"a": "3"})))
	if n, err := w.Store.LastN(w.Ctx, p.Principal.Device); err != nil || n != 1 {
		t.Errorf("the last number is %d, %v", n, err)
	}
	got := p.answered(answering(first, state{"a": "4"}), first)
	if textAt(t, got, "answers", "a") != `"4"` || textAt(t, got, "server", "conflicts") != "[]" {
		t.Errorf("%v", got)
	}
}

func TestRowsOfARevokedArea(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	first := p.answered(newState(state{"a": "1"}), nil)
	v := inspection.Revocation{Grant: inspection.Grant{Area: street, Number: 1}, At: w.Now()}
	p.Principal.Rights = inspection.Rights{Revoked: []inspection.Revocation{v}}
	p.taken(answering(first, state{"a": "2"}), first)
	if r := w.Record(first["id"].(string)); world.At(t, r.Doc, "answers", "a") != `"2"` {
		t.Errorf("%s", r.Doc)
	}
	newcomer := w.phone("li")
	newcomer.Principal.Rights, newcomer.Principal.FirstSeen = p.Principal.Rights, w.Now()
	newcomer.taken(answering(first, state{"a": "3"}), first)
	if r := w.Record(first["id"].(string)); world.At(t, r.Doc, "answers", "a") != `"2"` || len(w.quarantine()) != 1 {
		t.Errorf("%s", r.Doc)
	}
}

func TestDecodeRows(t *testing.T) {
	for name, body := range map[string]string{
		"empty": ``, "object": `{}`, "null": `null`, "number in it": `[1]`, "truncated": `[{}`,
		"bad utf-8": "[{\"a\":\"\xff\"}]", "bottomless": strings.Repeat("[", 20000),
		"too many": `[` + strings.Repeat(`{},`, 1000) + `{}]`,
	} {
		if _, err := rxdb.DecodeRows(inspection.Inspections, []byte(body)); inspection.CodeOf(err) != inspection.CodeBadBatch {
			t.Errorf("%s: %v", name, err)
		}
	}
	rows, err := rxdb.DecodeRows(inspection.Inspections, []byte(`[{},{"newDocumentState":null},{"newDocumentState":{"id":{},"server":7,"_deleted":"x"},"assumedMasterState":[]}]`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if sync.MutationOf(&rows[i]).Fault == nil {
			t.Errorf("row %d has no fault", i)
		}
	}
}

func FuzzDecodeRows(f *testing.F) {
	f.Add([]byte(`[{"newDocumentState":{"id":"0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60","area":"610102003","answers":{"a":1e400},"_deleted":false},"assumedMasterState":{"server":{"rev":3},"_deleted":true}}]`))
	f.Add([]byte(`[{"newDocumentState":7},{}]`))
	f.Add([]byte(`[{"newDocumentState":{"id":{"0":1e700}}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []inspection.Collection{inspection.Inspections, inspection.Tasks, inspection.Areas} {
			rows, err := rxdb.DecodeRows(c, body)
			if err != nil {
				return
			}
			again, err := rxdb.DecodeRows(c, body)
			if err != nil || len(again) != len(rows) {
				t.Fatalf("decoding again: %v", err)
			}
			for i := range rows {
				m := sync.MutationOf(&rows[i])
				held := fmt.Appendf(nil, `{"mutations":[%s]}`, m.Raw)
				b, err := sync.DecodeBatch(held)
				if err != nil || m.Content != sync.MutationOf(&again[i]).Content || b.Mutations[0].Content != m.Content {
					t.Fatalf("what would lie in quarantine reads as another: %s, %v", held, err)
				}
			}
		}
	})
}
