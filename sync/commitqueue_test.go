package sync

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// TestAMistakeOfOursInOneEdit: an edit whose deciding panics is set aside; the
// others of its commit are decided as if it weren't there.
func TestAMistakeOfOursInOneEdit(t *testing.T) {
	var log bytes.Buffer
	const area = inspection.Area("610102003")
	d := &decider{
		area: area, ref: nil, now: time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC), // no reference data: deciding a new document panics
		known: map[inspection.DocID]*current{}, receipts: map[inspection.Device]map[int64]store.Receipt{},
		history: map[int64]*store.Entry{}, clock: time.Now, spent: map[inspection.UserID]time.Duration{}, log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	principal := inspection.NewPrincipal(inspection.RoleInspector, inspection.Device{User: "li", ID: "phone"}, area)
	item := func(n int64) *item {
		m := NewPut(n, inspection.Inspections, "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60", inspection.Object{"area": string(area)})
		return &item{m: &m, principal: principal}
	}
	bad, good := item(1), item(2)
	d.decideItem(bad)
	d.ref = &Reference{Areas: map[inspection.Area]bool{area: true}}
	d.decideItem(good)
	if r := bad.result.reject; r == nil || r.Code != inspection.CodeInternal || bad.result.doc != nil {
		t.Errorf("the edit came to %+v", bad.result)
	}
	if good.result.status != store.Applied || good.result.rev != 1 || good.result.seq != 1 || len(d.entries) != 1 {
		t.Errorf("the next one came to %+v", good.result)
	}
	if !strings.Contains(log.String(), "decideNew") {
		t.Errorf("the log doesn't say where: %s", log.String())
	}
}
