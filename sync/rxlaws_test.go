package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/test/world"
)

// rxPhone keeps documents as RxDB's replication does, with the default
// conflict handler. What matters of it: a document that is pulled while the
// phone has an edit of its own is dropped, and the checkpoint moves on; what a
// push is answered with takes the place of the edit, and is pushed once more.
type rxPhone struct {
	*phone
	checkpoint string
	docs       map[string]state // as the phone shows them
	assumed    map[string]state // as it believes the server to have them
	echoes     map[string]bool  // taken from an answer, and not pushed yet
	offered    map[string][]string
}

func (w *district) rxPhone(user string, offered map[string][]string) *rxPhone {
	return &rxPhone{
		phone: w.phone(user, street), offered: offered,
		docs: map[string]state{}, assumed: map[string]state{}, echoes: map[string]bool{},
	}
}

// edited reports whether the phone has an edit that isn't pushed.
func (p *rxPhone) edited(id string) bool {
	return p.docs[id] != nil && (p.assumed[id] == nil || !inspection.Equal(p.docs[id], p.assumed[id]))
}

func (p *rxPhone) pull(limit int) {
	checkpoint, seen := p.pullRx(inspection.Inspections, p.checkpoint, limit)
	for id, d := range seen {
		if !p.edited(id) {
			p.docs[id], p.assumed[id] = d, d
			delete(p.echoes, id)
		}
	}
	p.checkpoint = checkpoint
}

// push pushes what is not pushed yet and reports whether that was anything.
func (p *rxPhone) push(lost bool) bool {
	var rows []edit
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(p.docs)) {
		if !p.edited(id) && !p.echoes[id] {
			continue
		}
		rows, ids = append(rows, rxRow(p.docs[id], p.assumed[id])), append(ids, id)
		for _, v := range p.docs[id]["answers"].(state) {
			p.offered[id] = append(p.offered[id], v.(string))
		}
	}
	if len(rows) == 0 {
		return false
	}
	answers := p.pushRows(rows...)
	if lost {
		return true
	}
	for _, id := range ids {
		p.assumed[id] = p.docs[id]
		delete(p.echoes, id)
	}
	for _, d := range answers {
		id := d["id"].(string)
		p.docs[id], p.assumed[id], p.echoes[id] = d, d, true
	}
	return true
}

// settle syncs until there is nothing to push, within a few rounds.
func (p *rxPhone) settle(rt *rapid.T) {
	for range 6 {
		if p.pull(3); !p.push(false) {
			p.pull(3)
			return
		}
	}
	rt.Fatalf("phone and server go on for ever")
}

// edit makes a random change on the phone. Ids are made by one phone each.
func (p *rxPhone) edit(rt *rapid.T, step int, ids []string, own int) {
	id := rapid.SampledFrom(ids).Draw(rt, "id")
	value := fmt.Sprintf("value-%d-%s", step, id)
	if rapid.IntRange(0, 4).Draw(rt, "same") == 0 {
		value = "what everyone says"
	}
	old := p.docs[id]
	switch {
	case old == nil && id != ids[own]:
		return
	case old == nil:
		old = with(newState(state{}), state{"id": id})
	case rapid.IntRange(0, 6).Draw(rt, "delete") == 0:
		p.docs[id] = with(old, state{"_deleted": true})
		return
	}
	field := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "field")
	p.docs[id] = with(answering(old, state{field: value}), state{"_deleted": false})
}

// TestPhonesWithRxDBEndEqual: three phones edit and delete the same documents,
// offline for a while, their answers lost now and then. In the end all have
// what the server has, its revision included, and no value is gone.
func TestPhonesWithRxDBEndEqual(t *testing.T) {
	w := newDistrict(t)
	rapid.Check(t, func(rt *rapid.T) {
		offered := map[string][]string{}
		phones := []*rxPhone{w.rxPhone("a", offered), w.rxPhone("b", offered), w.rxPhone("c", offered)}
		ids := []string{world.NewID(), world.NewID(), world.NewID()}
		for step := range rapid.IntRange(3, 25).Draw(rt, "steps") {
			p := phones[rapid.IntRange(0, 2).Draw(rt, "phone")]
			switch rapid.IntRange(0, 5).Draw(rt, "act") {
			case 0, 1, 2:
				p.edit(rt, step, ids, slices.Index(phones, p))
			case 3:
				p.pull(2)
			default:
				p.push(rapid.Bool().Draw(rt, "lost"))
			}
		}
		for range 3 {
			for _, p := range phones {
				p.settle(rt)
			}
		}
		reference := w.referenceLog() // has what was made and unmade before it was known
		for _, id := range ids {
			for i, p := range phones {
				w.sameAsStored(rt, p, i, id)
			}
			w.findAll(rt, id, slices.DeleteFunc(offered[id], func(v string) bool { return strings.Contains(reference, v) }))
		}
	})
}

func (w *district) sameAsStored(rt *rapid.T, p *rxPhone, i int, id string) {
	r := w.Record(id)
	mine := p.docs[id]
	if r.Rev == 0 {
		return
	}
	stored := with(world.Parse(w.T, r.Doc), state{"_deleted": r.Deleted})
	if r.Deleted && mine["_deleted"] == true {
		return // of a delete that is done a phone is told nothing
	}
	if !inspection.Equal(mine, stored) {
		rt.Fatalf("phone %d has %s\nthe server %s", i, inspection.AppendJSON(nil, mine), inspection.AppendJSON(nil, stored))
	}
}
