package server

import (
	"time"

	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/seeds"
	"gridpatrol/sync"
)

// NewReports makes the reports, with the calendar of the seeds. Windows are
// closed in the reference log; nil leaves nothing to close.
func NewReports(st report.Store, log *sync.Service, scratch string, now func() time.Time) (*report.Service, error) {
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
	cfg := report.Config{Store: st, Now: now, Scratch: scratch, Calendar: calendar, Formats: render.Formats(scratch)}
	if log != nil {
		cfg.Ledger = Ledger{log}
	}
	return report.New(cfg)
}
