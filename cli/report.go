package cli

import (
	"context"
	"os"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// newReports wires the reports. Without a ledger nothing can be closed.
func newReports(st report.Store, ledger report.Ledger, data string, now func() time.Time) (*report.Service, error) {
	seasons, err := seeds.Seasons()
	if err != nil {
		return nil, err
	}
	festivals, err := seeds.Festivals()
	if err != nil {
		return nil, err
	}
	calendar, err := report.NewCalendar(seasons, festivals)
	if err != nil {
		return nil, err
	}
	scratch := scratchIn(data)
	return report.New(report.Config{Store: st, Ledger: ledger, Now: now, Scratch: scratch, Calendar: calendar, Formats: render.Formats(scratch)})
}

// scratchIn is the data folder, which can be written where the system's own
// folder can't; with a store elsewhere there may be none.
func scratchIn(data string) string {
	if info, err := os.Stat(data); err == nil && info.IsDir() {
		return data
	}
	return ""
}

// closings puts closings into the reference log.
type closings struct{ sync *sync.Service }

// AddClosing implements report.Ledger.
func (c closings) AddClosing(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) error {
	return c.sync.Establish(ctx, by, store.KindClosing, sync.ReferenceDocument{Collection: inspection.Closings, ID: id, Doc: doc})
}
