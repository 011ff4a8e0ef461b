package mongo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
)

const (
	// writerVariable numbers a process that writes beside others.
	writerVariable = "GRIDPATROL_MONGO_WRITER"
	pushes         = 8
)

// writeBeside opens the database, prints its id and pushes a number of edits,
// one of them to a document that all writers share. It returns in processes
// that no test of it started.
func writeBeside() {
	name := os.Getenv(writerVariable)
	if name == "" {
		return
	}
	if err := writeAs(context.Background(), inspection.UserID(name)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func writeAs(ctx context.Context, name inspection.UserID) error {
	st, err := Open(ctx, os.Getenv(placeVariable), testOptions())
	if err != nil {
		return err
	}
	id, err := st.ID(ctx)
	if err != nil {
		return err
	}
	fmt.Print(id)
	device := inspection.Device{User: name, ID: "d"}
	for k := range int64(pushes) {
		own := inspection.DocID(fmt.Sprintf("%s-%d", name, k))
		if _, err := send(ctx, st, []store.Entry{edit(document(1), device, 2*k+1), edit(own, device, 2*k+2)}); err != nil {
			return err
		}
	}
	return st.Close()
}

// TestProcesses: processes that create a database at once agree on it, and
// write to one street without losing or doubling anything.
func TestProcesses(t *testing.T) {
	uri := mongotest.Database(t)
	const processes = 3
	var outs, complaints [processes]strings.Builder
	var children [processes]*exec.Cmd
	for i := range children {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=w%d", writerVariable, i), placeVariable+"="+uri)
		c.Stdout, c.Stderr = &outs[i], &complaints[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children[i] = c
	}
	for i, c := range children {
		if err := c.Wait(); err != nil || outs[i].Len() != 36 || outs[i].String() != outs[0].String() {
			t.Errorf("process %d has the database id %q, the first %q: %v %s", i, &outs[i], &outs[0], err, &complaints[i])
		}
	}
	st := openIn(t, uri)
	storetest.Verify(t, st)
	records, err := st.Records(t.Context(), []inspection.DocID{document(1)})
	if r := records[document(1)]; err != nil || r.Rev != processes*pushes {
		t.Errorf("the shared document has revision %d, want %d: %v", r.Rev, processes*pushes, err)
	}
	if head, err := st.Head(t.Context(), street); err != nil || head.Seq != 2*processes*pushes {
		t.Errorf("the log ends at %d, want %d: %v", head.Seq, 2*processes*pushes, err)
	}
}

// TestServerComesBack: while the server is away calls say so; when it is back
// the same store goes on, with all that was acknowledged.
func TestServerComesBack(t *testing.T) {
	server := mongotest.Start(t)
	st := openIn(t, mongotest.Named(t, server.URI, "again")+"?serverSelectionTimeoutMS=2000")
	if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 1)}); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	_, sendErr := send(t.Context(), st, batch())
	_, putErr := st.Put(t.Context(), store.TableMeta, store.Row{Key: "k"})
	for _, err := range []error{sendErr, putErr, st.Ping(t.Context())} {
		wantAdvice(t, err, adviceAway)
	}
	server.Restart(t)
	if n, err := send(t.Context(), st, batch()); err != nil || n != 3 {
		t.Errorf("after it came back %d entries were appended: %v", n, err)
	}
	if err := st.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	storetest.Verify(t, st)
}

func wantAdvice(t *testing.T, err error, advice string) {
	t.Helper()
	var told *inspection.Error
	if !errors.As(err, &told) || told.Code != inspection.CodeUnavailable || told.Detail != advice {
		t.Errorf("told %v, want: %s", err, advice)
	}
}
