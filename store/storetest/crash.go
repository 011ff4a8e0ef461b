package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// childVariable holds the place of the database in a child process.
const childVariable = "GRIDPATROL_STORETEST_PLACE"

// Opener opens the database at a place: a folder or an address.
type Opener func(ctx context.Context, place string) (store.Store, error)

// Child is called first in TestMain. In a process that Crash started it
// appends until it is killed and never returns; elsewhere it does nothing.
func Child(open Opener) {
	place := os.Getenv(childVariable)
	if place == "" {
		return
	}
	err := appendForEver(context.Background(), open, place)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

var crashAreas = []inspection.Area{"610102001", "610102002", "610102003"}

// appendForEver prints "area seq" for each commit that was acknowledged.
func appendForEver(ctx context.Context, open Opener, place string) error {
	st, err := open(ctx, place)
	if err != nil {
		return err
	}
	errs := make([]error, len(crashAreas))
	var group sync.WaitGroup
	for i, area := range crashAreas {
		group.Go(func() { errs[i] = appendTo(ctx, st, area, writerPhone(i)) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func appendTo(ctx context.Context, st store.Store, area inspection.Area, device inspection.Device) error {
	head, err := st.Head(ctx, area)
	if err != nil {
		return err
	}
	first, err := st.LastN(ctx, device)
	if err != nil {
		return err
	}
	for n := first + 1; ; n += 2 {
		e := put(docID(int(n)%50+1000*int(area[len(area)-1])), device, n)
		other := put(docID(int(n)+1_000_000*int(area[len(area)-1])), device, n+1)
		entries := []store.Entry{e, other}
		if err := Number(ctx, st, head, entries); err != nil {
			return err
		}
		c, err := store.Seal(area, head, entries)
		if err != nil {
			return err
		}
		if err := st.Append(ctx, c); err != nil {
			return err
		}
		fmt.Printf("%s %d\n", area, c.Last)
		head = c.Head()
	}
}

// Crash kills processes that append, at several moments, and tests that every
// acknowledged commit is there afterwards and that log and views agree.
func Crash(t *testing.T, place string, open Opener) { CrashScaled(t, place, open, 1) }

// CrashScaled is Crash with the number of commits divided by scale.
func CrashScaled(t *testing.T, place string, open Opener, scale int) {
	for round, acks := range []int{1, 40, 3, 150, 11} {
		acked := crashChild(t, place, max(acks/scale, 1))
		st, err := open(t.Context(), place)
		if err != nil {
			t.Fatalf("round %d: reopen: %v", round, err)
		}
		Verify(t, st)
		for area, seq := range acked {
			head, err := st.Head(t.Context(), area)
			if err != nil || head.Seq < seq {
				t.Errorf("round %d: area %s: %d was acknowledged, the head is %d, %v", round, area, seq, head.Seq, err)
			}
		}
		if _, err := push(t.Context(), st, street, []store.Entry{put(docID(1), phone, int64(round+1))}); err != nil {
			t.Errorf("round %d: append after the crash: %v", round, err)
		}
		if err := st.Close(); err != nil {
			t.Errorf("round %d: Close: %v", round, err)
		}
	}
}

// crashChild kills a child after that many acknowledgements and returns the
// highest seq that it acknowledged in each area.
func crashChild(t *testing.T, place string, acks int) map[inspection.Area]int64 {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+place)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[inspection.Area]int64{}
	lines := bufio.NewScanner(out)
	seen := 0
	for lines.Scan() {
		var area inspection.Area
		var seq int64
		if n, _ := fmt.Sscanf(lines.Text(), "%s %d", &area, &seq); n == 2 {
			acked[area] = max(acked[area], seq)
		}
		// What was printed before the kill took effect counts, too.
		if seen++; seen == acks {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || seen < acks {
		t.Fatalf("the child ended after %d of %d acknowledgements: %v\n%s", seen, acks, err, complaint.String())
	}
	return acked
}
