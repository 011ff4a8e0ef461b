package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/seeds"
	"gridpatrol/store/mongo/mongotest"
)

// rxClient is the folder of the published client.
const rxClient = "../clients/rxdb"

// rxRun is one run of the scenario against a server.
type rxRun struct {
	*server
	t     *testing.T
	args  []string // with which the server is started
	many  int      // documents of a first sync
	out   string
	field *account
	boss  *account
	admin *account
}

// needNode skips a test of a program in Node without it. What the program
// itself needs must be there.
func needNode(t *testing.T, folder string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed: it runs the program in " + folder)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		t.Fatalf("what the program needs is not installed: run npm ci in %s, as make test does", folder)
	}
}

// TestPublishedRxDB: RxDB with its published replication, and with a plain
// one, from first offline documents to a server that dies in the middle. In the
// end every phone has what the server has, its revisions included.
func TestPublishedRxDB(t *testing.T) {
	needNode(t, rxClient)
	t.Run("embedded", func(t *testing.T) {
		runRxScenario(t, startDemo(t), 5000, everyCollection, "demo")
	})
	t.Run("mongo", func(t *testing.T) {
		if !mongotest.Real() && os.Getenv("GRIDPATROL_LONG_TESTS") == "" {
			t.Skip("FerretDB takes minutes for it: set MONGODB_URI for a real server, or GRIDPATROL_LONG_TESTS")
		}
		uri := mongotest.Database(t)
		many, collections := 5000, everyCollection
		if !mongotest.Real() {
			many, collections = 100, everyCollection[:1] // FerretDB takes seconds for what takes milliseconds
		}
		runRxScenario(t, startOn(t, uri), many, collections, "demo", "--store", uri)
	})
}

// everyCollection is what a supervisor's phone may replicate.
var everyCollection = []string{"inspections", "sessions", "tasks", "sites", "areas", "units", "templates", "limits", "targets"}

func runRxScenario(t *testing.T, s *server, many int, collections []string, args ...string) {
	r := &rxRun{
		server: s, t: t, args: args, many: many, out: t.TempDir(),
		field: s.signIn("inspector1"), boss: s.signIn("supervisor"), admin: s.signIn("admin"),
	}
	doc := seeds.Fixture("open_burning_pass")
	delete(doc, "id")
	doc["area"] = "610102001"
	done := r.play(object{
		"server": s.url(""), "inspector": "inspector1", "doc": doc, "elsewhere": "610102002", "many": many, "collections": collections, "out": r.out,
	})
	if failures, _ := done["failures"].([]any); len(failures) > 0 {
		t.Errorf("the clients complain: %v", failures)
	}
	poison, _ := done["poison"].([]any)
	r.compare("a", r.field, poison)
	r.compare("b", r.field, nil)
	r.compare("boss", r.boss, nil)
	r.compare("fresh", r.boss, nil)
}

// play runs the scenario, does what it asks for and returns its last word.
func (r *rxRun) play(settings object) object {
	r.t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command("node", "scenario.mjs", string(text))
	cmd.Dir = rxClient
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		r.t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var said object
		if json.Unmarshal(lines.Bytes(), &said) != nil {
			continue // RxDB advertises
		}
		if said["done"] == true {
			return said
		}
		if name, ok := said["step"]; ok {
			r.t.Logf("%s: %v ms", name, said["ms"])
		}
		if what, ok := said["ask"].(string); ok {
			reply, _ := json.Marshal(r.answer(what))
			io.WriteString(in, string(reply)+"\n")
		}
	}
	r.t.Fatalf("the scenario ended early: %s\n%s", &stderr, r.log)
	return nil
}

// answer does what the scenario asks for.
func (r *rxRun) answer(what string) object {
	switch what {
	case "restart":
		r.kill()
		r.start(r.args...)
	case "fill":
		r.fill()
	case "pulls":
		return object{"count": r.metric(`gridpatrol_http_requests_total{method="GET",route="/rxdb/:collection/:version/pull",status="200"}`)}
	case "streams":
		return object{"count": r.metric("gridpatrol_streams_open")}
	case "quarantined":
		_, list := r.call("GET", "/v1/quarantine", r.admin.token, nil)
		return object{"count": len(objects(list["documents"]))}
	case "count":
		n := 0
		for _, c := range r.boss.pullAll() {
			if c["collection"] == "inspections" && c["deleted"] != true {
				n++
			}
		}
		return object{"count": n}
	}
	return object{}
}

// fill adds records of another street, as phones without RxDB do.
func (r *rxRun) fill() {
	r.t.Helper()
	p := r.signIn("inspector2")
	for left := r.many; left > 0; left -= 500 {
		var edits []object
		for range min(left, 500) {
			doc := seeds.Fixture("open_burning_pass")
			id := uuid.Must(uuid.NewV7()).String()
			doc["id"], doc["area"] = id, "610102002"
			edits = append(edits, p.put(id, 0, doc))
		}
		p.results(edits...)
	}
}

// metric returns a line's value from /metrics.
func (r *rxRun) metric(line string) int {
	r.t.Helper()
	res, err := http.Get(r.url("/metrics"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for l := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(l, line+" "); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// compare holds what a phone has at the end against a native pull.
func (r *rxRun) compare(phone string, a *account, poison []any) {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.out, phone+".json"))
	if err != nil {
		r.t.Fatal(err)
	}
	var has map[string][]object
	if err := json.Unmarshal(raw, &has); err != nil {
		r.t.Fatal(err)
	}
	stored := map[string]object{}
	for id, c := range a.pullAll() {
		if has[c["collection"].(string)] != nil && c["deleted"] != true {
			stored[fmt.Sprint(c["collection"], "/", id)] = c["doc"].(object)
		}
	}
	seen, revised := 0, 0
	for c, docs := range has {
		for _, d := range docs {
			key := fmt.Sprint(c, "/", d["id"])
			if slices.Contains(poison, d["id"]) {
				if stored[key] != nil {
					r.t.Errorf("%s: the server has %s", phone, key)
				}
				continue
			}
			seen++
			if !reflect.DeepEqual(d, stored[key]) {
				r.t.Errorf("%s has %s as\n%v\nthe server as\n%v", phone, key, d, stored[key])
			}
			if rev, _ := d["server"].(object)["rev"].(float64); rev > 1 {
				revised++
			}
		}
	}
	if seen != len(stored) || revised == 0 {
		r.t.Errorf("%s has %d documents (%d revised), the server %d", phone, seen, revised, len(stored))
	}
	r.t.Logf("%s: %d documents equal the server's", phone, seen)
}
