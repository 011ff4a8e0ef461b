package mongo

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child(openAt)
	dieOnTheWay()
	writeBeside()
	flag.Parse()
	if !mongotest.Real() {
		// FerretDB looks at every document for most queries, and each random
		// history makes more of them.
		if err := flag.Set("rapid.checks", "6"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func openAt(ctx context.Context, place string) (store.Store, error) {
	return open(ctx, place, testOptions(), tweaks{settle: 50 * time.Millisecond})
}

var ids atomic.Int64

// testOptions makes ids that differ within and between processes. FerretDB
// changes documents in two steps, so two processes must not project the same
// area at once there: patience keeps them apart.
func testOptions() Options {
	return Options{Patience: 10 * time.Second, NewID: func() string {
		return fmt.Sprintf("%08x-0000-7000-8000-%012x", os.Getpid(), ids.Add(1))
	}}
}

func openIn(t testing.TB, uri string, change ...func(*Options, *tweaks)) *Store {
	t.Helper()
	opts, tw := testOptions(), tweaks{settle: 50 * time.Millisecond}
	for _, f := range change {
		f(&opts, &tw)
	}
	st, err := open(t.Context(), uri, opts, tw)
	return storetest.Opened(t, st, err)
}

// TestExisting: who only wants to read makes no database by mistake.
func TestExisting(t *testing.T) {
	uri := mongotest.Database(t)
	opts := testOptions()
	opts.Existing = true
	for range 2 { // nothing is left of the first time
		if st, err := Open(t.Context(), uri, opts); inspection.CodeOf(err) != inspection.CodeNotFound {
			t.Fatalf("Open returned %v, %v", st, err)
		}
	}
	if err := openIn(t, uri).Close(); err != nil {
		t.Fatal(err)
	}
	openIn(t, uri, func(o *Options, _ *tweaks) { o.Existing = true })
}

func TestContract(t *testing.T) {
	storetest.RunScaled(t, func(t *testing.T) func() store.Store {
		uri := mongotest.Database(t)
		return func() store.Store { return openIn(t, uri) }
	}, scale())
}

// scale is by how much the amounts of tests are divided.
func scale() int {
	if mongotest.Real() {
		return 1
	}
	return 5
}

const street inspection.Area = "610102003"
