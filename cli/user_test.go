package cli

import (
	"io"
	"log/slog"
	"runtime/pprof"
	"strings"
	"testing"

	"gridpatrol/auth"
)

// TestAccountsAreUsedBeforeTheirServicesEnd: the areas that accounts may be
// granted are read by a service that works as long as the accounts are used,
// and no longer.
func TestAccountsAreUsedBeforeTheirServicesEnd(t *testing.T) {
	r := &run{Process: Process{Stdout: io.Discard, Stderr: io.Discard, Now: now}, ctx: t.Context(), log: slog.New(slog.DiscardHandler)}
	used := false
	err := withAccounts(r, dataFlags{Data: t.TempDir()}, orNew, func(*auth.Service) error {
		used = true
		if !syncWorks(t) {
			t.Error("sync has ended before the accounts are used")
		}
		return nil
	})
	if err != nil || !used {
		t.Fatalf("used: %t, %v", used, err)
	}
	if syncWorks(t) {
		t.Error("sync works on after the accounts were used")
	}
}

// syncWorks reports whether a goroutine of a sync service is alive.
func syncWorks(t *testing.T) bool {
	t.Helper()
	var stacks strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(stacks.String(), "gridpatrol/sync.(")
}
