package sync

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Backlog is what stays on a phone after a batch.
type Backlog struct {
	Mutations  int64 `json:"mutations"`
	Photos     int64 `json:"photos"`
	PhotoBytes int64 `json:"photo_bytes"`
}

// Report is what a phone last told of itself. ClockOffsetS is server minus
// device, in seconds; members that it never told are nil.
type Report struct {
	LastSeen     time.Time `json:"last_seen"`
	ClockOffsetS *int64    `json:"clock_offset_s"`
	Backlog      *Backlog  `json:"backlog"`
}

// merge takes over what the newer report tells.
func (r *Report) merge(newer Report) {
	if newer.LastSeen.After(r.LastSeen) {
		r.LastSeen = newer.LastSeen
	}
	if newer.ClockOffsetS != nil {
		r.ClockOffsetS = newer.ClockOffsetS
	}
	if newer.Backlog != nil {
		r.Backlog = newer.Backlog
	}
}

// reportRow is a row of the reports table.
type reportRow struct {
	Report
	Confirmed []inspection.Confirmation `json:"confirmed,omitempty"`
}

// reportFlush is how long a report may stay in memory. Reports are news, not
// evidence: a crash loses at most this much of them, and the next request of
// the phone brings them back.
const reportFlush = time.Second

// reports writes down what phones tell, a moment later and together, so that
// no push waits for it.
type reports struct {
	tables store.Tables
	log    *slog.Logger

	mu    gosync.Mutex
	fresh map[inspection.Device]Report

	stop chan struct{}
	done chan struct{}
}

func newReports(tables store.Tables, log *slog.Logger) *reports {
	r := &reports{
		tables: tables, log: log, fresh: map[inspection.Device]Report{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.run()
	return r
}

func (r *reports) run() {
	defer close(r.done)
	tick := time.NewTicker(reportFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.flush()
		case <-r.stop:
			r.flush()
			return
		}
	}
}

func (r *reports) close() {
	close(r.stop)
	<-r.done
}

func (r *reports) note(device inspection.Device, report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.fresh[device]
	known.merge(report)
	r.fresh[device] = known
}

// flush writes what is fresh. What can't be written stays for the next time.
func (r *reports) flush() {
	r.mu.Lock()
	batch := r.fresh
	r.fresh = map[inspection.Device]Report{}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for device, report := range batch {
		_, err := updateReport(ctx, r.tables, device, func(row *reportRow) { row.merge(report) })
		if err == nil {
			continue
		}
		r.log.Warn("device report not kept", "device", device.ID, "error", err)
		r.mu.Lock()
		newer := r.fresh[device]
		report.merge(newer)
		r.fresh[device] = report
		r.mu.Unlock()
	}
}

func (r *reports) pending() map[inspection.Device]Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.fresh)
}

func reportKey(d inspection.Device) string { return string(d.User) + "/" + string(d.ID) }

// readReport reads a phone's row, the zero row if there is none.
func readReport(ctx context.Context, t store.Tables, d inspection.Device) (reportRow, error) {
	row, err := store.ReadRow[reportRow](ctx, t, store.TableReports, reportKey(d))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return row, err
}

func updateReport(ctx context.Context, t store.Tables, d inspection.Device, change func(*reportRow)) (reportRow, error) {
	return store.ChangeRow(ctx, t, store.TableReports, reportKey(d), func(row *reportRow, _ bool) error {
		change(row)
		return nil
	})
}

// Confirmed returns which areas that were taken away the phone has purged, for
// its Principal.
func (s *Service) Confirmed(ctx context.Context, device inspection.Device) ([]inspection.Confirmation, error) {
	row, err := readReport(ctx, s.store, device)
	return row.Confirmed, err
}

// confirm makes durable that the phone has purged areas that were taken away,
// and returns the principal as it is then.
func (s *Service) confirm(ctx context.Context, principal *inspection.Principal, areas []inspection.Area) (*inspection.Principal, error) {
	var given []inspection.Confirmation
	for _, area := range areas {
		if v, lost := principal.Lost(area); lost {
			given = append(given, inspection.Confirmation{Area: area, Number: v.Number})
		}
	}
	if len(given) == 0 {
		return principal, nil
	}
	now := *principal
	row, err := updateReport(ctx, s.store, principal.Device, func(row *reportRow) {
		row.Confirmed = append(row.Confirmed, given...)
	})
	now.Confirmed = row.Confirmed
	return &now, err
}

// Report returns what the phone last told of itself; the zero Report if it
// never did.
func (s *Service) Report(ctx context.Context, device inspection.Device) (Report, error) {
	row, err := readReport(ctx, s.store, device)
	if err != nil {
		return Report{}, err
	}
	if fresh, ok := s.reports.pending()[device]; ok {
		row.merge(fresh)
	}
	return row.Report, nil
}
