package bench_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
)

// A large month: so many sessions of so many vehicles.
const (
	monthSessions = 1000
	monthVehicles = 100
	// exportMemory is the most that an export may take, in MiB.
	exportMemory = 300
)

// BenchmarkExport exports a month of 100,000 vehicles with the binary, in every
// format, and fails if one takes more memory than it may.
func BenchmarkExport(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	fillMonth(b, data)
	for _, format := range []string{"xlsx", "csv", "geojson", "json"} {
		b.Run(format, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "month."+format)
			for b.Loop() {
				cmd := exec.Command(binary, "export", "joint", "--quiet", "--data", data, "--month", "2026-10", "-o", file)
				cmd.Stderr = os.Stderr
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
				mib := float64(usage.Maxrss) / 1024
				if mib > exportMemory {
					b.Errorf("the export took %.0f MiB, at most %d are allowed", mib, exportMemory)
				}
				b.ReportMetric(mib, "MiB")
				results.record(fmt.Sprintf("%s of 100,000 vehicles, memory", format), "MiB", mib)
				results.record(fmt.Sprintf("%s of 100,000 vehicles, time", format), "s", cmd.ProcessState.UserTime().Seconds())
			}
		})
	}
}

// fillMonth pushes the month as phones would.
func fillMonth(b *testing.B, data string) {
	b.Helper()
	ctx := b.Context()
	st, err := sqlite.Open(ctx, data, sqlite.Options{NewID: uuid.NewString})
	must(b, err)
	phones, err := sync.New(ctx, sync.Config{
		Store: st, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now: func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, inspection.China) },
	})
	must(b, err)
	docs, err := seeds.Reference()
	must(b, err)
	list := make([]sync.ReferenceDocument, len(docs))
	for i, d := range docs {
		list[i] = sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc}
	}
	_, err = phones.SeedReference(ctx, list)
	must(b, err)
	for s := range monthSessions {
		must(b, pushSession(ctx, phones, s))
	}
	phones.Close()
	must(b, st.Close())
}

func pushSession(ctx context.Context, phones *sync.Service, s int) error {
	street := fmt.Sprintf("61010200%d", 1+s%9)
	started := time.Date(2026, 10, 1, 8, 0, 0, 0, inspection.China).Add(time.Duration(s) * 40 * time.Minute).Format(time.RFC3339)
	session := seeds.Fixture("session_joint")
	session["id"], session["area"], session["started_at"] = uuid.Must(uuid.NewV7()).String(), street, started
	id := session["id"].(string)
	batch := &sync.Batch{Mutations: []sync.Mutation{sync.NewPut(1, inspection.Sessions, id, session)}}
	for v := range monthVehicles {
		fixture := "diesel_roadside_pass"
		if v%10 == 0 {
			fixture = "diesel_roadside_fail"
		}
		doc := seeds.Fixture(fixture)
		doc["id"], doc["area"], doc["session"], doc["started_at"] = uuid.Must(uuid.NewV7()).String(), street, id, started
		doc["answers"].(inspection.Object)["plate"] = fmt.Sprintf("陕A%05d", s*monthVehicles+v)
		batch.Mutations = append(batch.Mutations, sync.NewPut(int64(v+2), inspection.Inspections, doc["id"].(string), doc))
	}
	device := inspection.Device{User: "bench", ID: inspection.DeviceID(strings.ToLower(uuid.NewString()))}
	answer, err := phones.Push(ctx, inspection.NewPrincipal(inspection.RoleInspector, device, "610102"), batch)
	if err == nil && answer.Results[1].Status != "applied" {
		err = fmt.Errorf("a vehicle was %s", answer.Results[1].Status)
	}
	return err
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
