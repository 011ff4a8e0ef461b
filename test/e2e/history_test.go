package e2e_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/test/localhost"

	_ "modernc.org/sqlite"
)

// worked is a demo district in which four phones have pushed.
type worked struct {
	*server
	phones []*account
	sent   [][]*batch
}

func startWorked(t *testing.T, batches int) *worked {
	t.Helper()
	w := &worked{server: startDemo(t), sent: make([][]*batch, 4)}
	var group gosync.WaitGroup
	for i := range w.sent {
		w.phones = append(w.phones, w.signIn(fmt.Sprint("inspector", i+1)))
	}
	for i, p := range w.phones {
		group.Go(func() {
			for range batches {
				b := p.next(fmt.Sprintf("61010200%d", i+1))
				b.answered = p.results(b.edits...)
				w.sent[i] = append(w.sent[i], b)
			}
		})
	}
	group.Wait()
	return w
}

// command runs the binary and fails the test if its status or output differ
// from what is expected.
func command(t *testing.T, status int, says string, args ...string) string {
	t.Helper()
	out, got := run(t, "", args...)
	if got != status || !strings.Contains(out, says) {
		t.Fatalf("%v: status %d, want %d and %q: %s", args, got, status, says, out)
	}
	return out
}

// headsOf verifies a database and returns its heads as noted.
func headsOf(t *testing.T, data string) map[string]any {
	t.Helper()
	file := filepath.Join(t.TempDir(), "heads.json")
	command(t, 0, "fine: ", "verify", "--data", data, "--write-heads", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var note object
	if err := json.Unmarshal(text, &note); err != nil {
		t.Fatal(err)
	}
	heads, _ := note["heads"].(object)
	if len(heads) < 5 {
		t.Fatalf("noted %s", text)
	}
	return heads
}

func sameHeads(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s has heads\n%v\nwant\n%v", what, got, want)
	}
}

// alter changes the database file as someone would who has the right tools.
func alter(t *testing.T, data, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "gridpatrol.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(text)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("nothing was changed by %s: %v", text, err)
	}
}

// TestVerifyCommand: status and output are fit for cron, beside a server.
func TestVerifyCommand(t *testing.T) {
	s := startWorked(t, 3)
	heads := filepath.Join(t.TempDir(), "heads.json")
	command(t, 1, "no such file", "verify", "--data", s.data, "--heads", heads)
	command(t, 0, "fine: ", "verify", "--data", s.data, "--write-heads", heads)
	command(t, 0, "fine: ", "verify", "--data", s.data, "--heads", heads, "--write-heads", heads)
	if out := command(t, 0, "", "verify", "--data", s.data, "--quiet"); out != "" {
		t.Errorf("quiet verify prints %q", out)
	}
	var report object
	out := command(t, 0, "", "verify", "--data", s.data, "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || report["fine"] != true || report["entries"].(float64) < 120 {
		t.Errorf("%v: %s", err, out)
	}
	before, err := os.ReadFile(heads)
	if err != nil {
		t.Fatal(err)
	}

	alter(t, s.data, `UPDATE records SET doc = CAST(replace(CAST(doc AS TEXT), '"edited"', '"edityd"') AS BLOB) WHERE id =
		(SELECT id FROM records WHERE area = '610102001' ORDER BY id DESC LIMIT 1)`)
	out = command(t, 3, "it differs from its log in doc", "verify", "--data", s.data, "--heads", heads, "--write-heads", heads)
	if strings.Contains(out, "edityd") {
		t.Errorf("the report holds answers: %s", out)
	}
	if after, err := os.ReadFile(heads); err != nil || string(after) != string(before) {
		t.Errorf("heads of a damaged database were noted: %v", err)
	}
	command(t, 3, `"kind":"record"`, "verify", "--data", s.data, "--json")
	alter(t, s.data, `DELETE FROM log WHERE area = '610102002' AND first = (SELECT min(first) FROM log WHERE area = '610102002')`)
	command(t, 3, "are missing", "verify", "--data", s.data, "--quiet")
}

// TestNothingIsMadeByMistake: a wrong folder is refused and stays as it was.
func TestNothingIsMadeByMistake(t *testing.T) {
	typo, file := filepath.Join(t.TempDir(), "typo"), filepath.Join(t.TempDir(), "backup")
	command(t, 1, "no database", "verify", "--data", typo)
	command(t, 1, "no database", "backup", "--data", typo, "-o", file)
	command(t, 1, typo, "migrate", "--from", typo, "--to", filepath.Join(t.TempDir(), "new"))
	command(t, 1, "no store for redis://", "migrate", "--from", "redis://x", "--to", typo)
	for _, path := range []string{typo, file} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
	if err := os.WriteFile(file, []byte("not a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, 3, "the backup can't be used", "restore", file, "--data", typo)
	if _, err := os.Stat(typo); err == nil {
		t.Error("a broken backup left a database")
	}
}

// TestBackupWhilePhonesPush: everything that was acknowledged before a backup
// began is in it; a phone of the old server starts over on the restored one,
// pushes again and nothing is lost or doubled.
func TestBackupWhilePhonesPush(t *testing.T) {
	s := startWorked(t, 5)
	checkpoint := s.phones[0].checkpoint()
	file := filepath.Join(t.TempDir(), "backup")
	stop, storming := make(chan struct{}), gosync.WaitGroup{}
	for i, p := range s.phones {
		storming.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				b := p.next(fmt.Sprintf("61010200%d", i+1))
				b.answered = p.results(b.edits...)
				s.sent[i] = append(s.sent[i], b)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	for range 3 {
		command(t, 0, "backed up", "backup", "--data", s.data, "-o", file)
	}
	close(stop)
	storming.Wait()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup has mode %v, %v", info.Mode(), err)
	}

	restored := &server{t: t, data: filepath.Join(t.TempDir(), "restored"), addr: localhost.FreeAddress(t)}
	command(t, 0, "restored", "restore", file, "--data", restored.data)
	command(t, 1, "not empty", "restore", file, "--data", restored.data)
	command(t, 0, "fine: ", "verify", "--data", restored.data)
	restored.start("serve")
	t.Cleanup(restored.kill)
	for i, p := range s.phones {
		p.s = restored // its sign-in is carried, too
		if i == 0 {
			status, out := p.s.call("GET", "/v1/sync/pull?checkpoint="+checkpoint, p.token, nil)
			if status != http.StatusConflict || out["code"] != "checkpoint_reset" {
				t.Errorf("an old checkpoint gives %d %v", status, out)
			}
		}
		for k, b := range s.sent[i] {
			for j, r := range p.results(b.edits...) {
				if k < 5 && (r["replayed"] != true || r["rev"] != b.answered[j]["rev"] || r["seq"] != b.answered[j]["seq"]) {
					t.Fatalf("batch %d of phone %d was acknowledged before the backup with %v, now %v", k, i, b.answered[j], r)
				}
			}
		}
		check(t, p, s.sent[i])
	}
	command(t, 0, "fine: ", "verify", "--data", restored.data)
}

// checkpoint pulls everything and returns where the phone is then.
func (a *account) checkpoint() string {
	a.s.t.Helper()
	checkpoint := ""
	for {
		status, page := a.s.call("GET", "/v1/sync/pull?limit=500&checkpoint="+checkpoint, a.token, nil)
		if status != http.StatusOK {
			a.s.t.Fatalf("pull: %d %v", status, page)
		}
		if checkpoint = page["checkpoint"].(string); page["more"] != true {
			return checkpoint
		}
	}
}

// killAt runs the command, kills it when the write-ahead log of the database
// in a folder has grown to size bytes, and reports whether it was still at
// work.
func killAt(t *testing.T, folder string, size int64, args ...string) bool {
	t.Helper()
	cmd := exec.Command(binary, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			return false
		case <-time.After(time.Millisecond):
		}
		if info, err := os.Stat(filepath.Join(folder, "gridpatrol.db-wal")); err == nil && info.Size() >= size {
			cmd.Process.Kill()
			return <-ended != nil
		}
	}
}

// walSizes are the moments at which long work is killed.
var walSizes = []int64{1, 60 << 10, 300 << 10, 1 << 20, 2 << 20}

// refusesToServe reports whether the database says that it is incomplete.
// What a kill left must be empty, incomplete or whole.
func refusesToServe(t *testing.T, data string, want map[string]any) bool {
	t.Helper()
	out, status := run(t, "", "verify", "--data", data)
	switch {
	case status == 1 && strings.Contains(out, "was cut short"):
		command(t, 1, "was cut short", "serve", "--data", data, "--listen", "127.0.0.1:0")
		command(t, 1, "was cut short", "user", "list", "--data", data)
		return true
	case status == 1 && strings.Contains(out, "is empty"):
	case status == 0:
		sameHeads(t, "what a kill left", headsOf(t, data), want)
	default:
		t.Errorf("a kill left a database of which verify says %d: %s", status, out)
	}
	return false
}

func TestKillDuringRestore(t *testing.T) {
	s := startWorked(t, 12)
	file := filepath.Join(t.TempDir(), "backup")
	command(t, 0, "backed up", "backup", "--data", s.data, "-o", file)
	want := headsOf(t, s.data)
	pulled := s.phones[1].pullAll()
	killed := 0
	for _, size := range walSizes {
		data := filepath.Join(t.TempDir(), "restored")
		if killAt(t, data, size, "restore", file, "--data", data) && refusesToServe(t, data, want) {
			killed++
			killAt(t, data, size+200<<10, "restore", file, "--data", data)
			command(t, 0, "restored", "restore", file, "--data", data)
			sameHeads(t, "a restored database", headsOf(t, data), want)
			if killed == 2 {
				restored := &server{t: t, data: data, addr: localhost.FreeAddress(t)}
				restored.start("serve")
				s.phones[1].s = restored
				samePull(t, s.phones[1].pullAll(), pulled)
				restored.kill()
			}
		}
	}
	if killed < 2 {
		t.Fatalf("only %d of %d kills hit a restore at work", killed, len(walSizes))
	}
}

func samePull(t *testing.T, got, want map[string]object) {
	t.Helper()
	if !maps.EqualFunc(got, want, func(a, b object) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) || len(want) < 20 {
		t.Errorf("a pull brings %d documents, %d before, or they differ", len(got), len(want))
	}
}

// TestKillDuringMigrate moves the district from store to store, killed on the
// way, and back: phones go on with their checkpoints and sign-ins.
func TestKillDuringMigrate(t *testing.T) {
	s := startWorked(t, 12)
	phone := s.phones[2]
	checkpoint := phone.checkpoint()
	last := phone.next("610102003")
	phone.results(last.edits...)
	want, pulled := headsOf(t, s.data), phone.pullAll()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	killed, data := 0, s.data
	for _, size := range walSizes {
		target := filepath.Join(t.TempDir(), "moved")
		if killAt(t, target, size, "migrate", "--from", data, "--to", target) && refusesToServe(t, target, want) {
			killed++
			killAt(t, target, size+200<<10, "migrate", "--from", data, "--to", target)
		}
		command(t, 0, "equal heads", "migrate", "--from", data, "--to", target)
		sameHeads(t, "a moved database", headsOf(t, target), want)
		data = target
	}
	if killed < 2 {
		t.Fatalf("only %d of %d kills hit a migration at work", killed, len(walSizes))
	}
	command(t, 0, "had been moved before", "migrate", "--from", s.data, "--to", data)
	command(t, 1, "moved elsewhere", "serve", "--data", s.data, "--listen", "127.0.0.1:0")
	s.data = data
	s.start("serve")
	samePull(t, phone.pullAll(), pulled)
	status, page := s.call("GET", "/v1/sync/pull?limit=500&checkpoint="+checkpoint, phone.token, nil)
	if status != http.StatusOK {
		t.Fatalf("a pull with the old checkpoint: %d %v", status, page)
	}
	var changed []string
	for _, c := range objects(page["changes"]) {
		changed = append(changed, c["id"].(string))
	}
	for _, e := range last.edits {
		if !slices.Contains(changed, e["id"].(string)) {
			t.Errorf("the old checkpoint brings %v, not %v", changed, e["id"])
		}
	}
	if len(changed) != len(last.edits)/2 {
		t.Errorf("the old checkpoint brings %d documents, %d changed since", len(changed), len(last.edits)/2)
	}
	for _, r := range phone.results(last.edits...) {
		if r["replayed"] != true {
			t.Errorf("a receipt is lost: %v", r)
		}
	}
}
