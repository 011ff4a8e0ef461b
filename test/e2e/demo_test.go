package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridpatrol/test/localhost"

	"github.com/xuri/excelize/v2"
)

// lastMonth is the demo's month.
func lastMonth() string {
	china := time.FixedZone("Asia/Shanghai", 8*60*60)
	y, m, _ := time.Now().In(china).Date()
	return time.Date(y, m-1, 1, 0, 0, 0, 0, china).Format("2006-01")
}

type joint struct {
	Topics []struct {
		Topic    string
		Sessions int
		Vehicles int
		Verdicts map[string]int
		Met      *bool
	}
	Streets []struct {
		Topics []struct{ Sessions int }
	}
	Excluded     []struct{ Reason string }
	Late         []object
	SuspectClock []object                            `json:"suspect_clock"`
	SinceClose   struct{ Removed, Changed []object } `json:"since_close"`
}

func (a *account) joint(query string) joint {
	a.s.t.Helper()
	status, out := a.s.call("GET", "/v1/reports/joint?month="+lastMonth()+query, a.token, nil)
	if status != http.StatusOK {
		a.s.t.Fatalf("report: %d %v", status, out)
	}
	raw, _ := json.Marshal(out)
	var j joint
	if err := json.Unmarshal(raw, &j); err != nil {
		a.s.t.Fatal(err)
	}
	return j
}

// The demo holds a month in which everything happens that a report tells of.
func TestTheDemoHoldsAMonth(t *testing.T) {
	s := startMonth(t)
	boss := s.signIn("supervisor")
	j := boss.joint("")
	diesel := j.Topics[0]
	if diesel.Topic != "diesel_roadside" || diesel.Met == nil || !*diesel.Met || diesel.Vehicles < 200 || diesel.Sessions < 6 {
		t.Errorf("%+v", diesel)
	}
	if len(j.Excluded) != 2 || j.Excluded[0].Reason == j.Excluded[1].Reason || len(j.SuspectClock) != 1 {
		t.Errorf("excluded %v, suspect clocks %v", j.Excluded, j.SuspectClock)
	}
	with, without := 0, 0
	for _, st := range j.Streets {
		if st.Topics[0].Sessions > 0 {
			with++
		} else {
			without++
		}
	}
	if with != 7 || without != 2 {
		t.Errorf("%d streets with sessions, %d without", with, without)
	}
	half := boss.joint("&window=first_half")
	if len(half.Late) != 9 || len(half.SinceClose.Removed) != 1 || len(half.SinceClose.Changed) != 1 {
		t.Errorf("late %v, since %v", half.Late, half.SinceClose)
	}
	states, conflicts, verdicts := map[any]int{}, 0, map[any]int{}
	for _, c := range boss.pullAll() {
		doc, _ := c["doc"].(object)
		server, _ := doc["server"].(object)
		review, _ := server["review"].(object)
		if c["collection"] == "inspections" {
			states[review["state"]]++
			verdicts[server["verdict"]]++
		}
		if list, _ := server["conflicts"].([]any); len(list) > 0 {
			conflicts++
		}
	}
	for _, state := range []any{"received", "has_issues", "edited", "approved", "rejected", nil} {
		if states[state] == 0 {
			t.Errorf("no record is %v: %v", state, states)
		}
	}
	if conflicts != 3 || len(verdicts) != 5 {
		t.Errorf("%d conflicts, verdicts %v", conflicts, verdicts)
	}
	_, units := s.call("GET", "/v1/reports/dispatch?window=second_half&month="+lastMonth(), boss.token, nil)
	open, overdue, closed := 0.0, 0.0, 0.0
	for _, u := range objects(units["units"]) {
		tasks, _ := u["tasks"].(object)
		open, overdue, closed = open+tasks["open"].(float64), overdue+tasks["overdue"].(float64), closed+tasks["closed"].(float64)
	}
	if open == 0 || overdue == 0 || closed == 0 || overdue >= open {
		t.Errorf("tasks: %v open, %v overdue, %v closed", open, overdue, closed)
	}
	s.wantExports(j)
}

// A first start that is cut off is completed by the next one.
func TestTheDemoSurvivesAPowerCut(t *testing.T) {
	whole := startMonth(t).signIn("supervisor").joint("")
	for _, after := range []time.Duration{300, 1200} {
		s := &server{t: t, month: true, data: filepath.Join(t.TempDir(), "data"), addr: localhost.FreeAddress(t)}
		s.launch("demo")
		t.Cleanup(s.kill)
		time.Sleep(after * time.Millisecond)
		s.kill()
		s.start("demo")
		cut := s.signIn("supervisor").joint("")
		if cut.Topics[0].Sessions != whole.Topics[0].Sessions || cut.Topics[0].Vehicles != whole.Topics[0].Vehicles {
			t.Errorf("after %d ms: %+v, whole %+v", after, cut.Topics[0], whole.Topics[0])
		}
		s.kill()
	}
}

// What a newcomer exports is what the server says.
func (s *server) wantExports(j joint) {
	t := s.t
	dir := t.TempDir()
	export := func(file string, more ...string) string {
		t.Helper()
		name := filepath.Join(dir, file)
		args := append([]string{"export", "joint", "--data", s.data, "--month", lastMonth(), "-o", name}, more...)
		if out, status := run(t, "", args...); status != 0 || !strings.Contains(out, "wrote "+name) {
			t.Fatalf("%d: %s", status, out)
		}
		return name
	}
	book, err := excelize.OpenFile(export("month.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("车辆")
	if err != nil || len(rows)-1 != j.Topics[0].Vehicles {
		t.Errorf("%d vehicles in the sheet, %d in the report (%v)", len(rows)-1, j.Topics[0].Vehicles, err)
	}
	f, err := os.Open(export("month.csv", "--area", "610102003", "--window", "26-25"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if lines, err := csv.NewReader(f).ReadAll(); err != nil || len(lines) < 20 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	export("month.geojson")
	export("month.json")
	for _, c := range []struct{ says, arg, value string }{
		{".xlsx", "-o", filepath.Join(dir, "month.pdf")}, {"month", "--month", "10"}, {"no database", "--data", filepath.Join(dir, "none")}, {"area", "--area", "999999"},
	} {
		args := []string{"export", "joint", "--data", s.data, "--month", lastMonth(), "-o", filepath.Join(dir, "x.csv"), c.arg, c.value}
		if out, status := run(t, "", args...); status != 1 || !strings.Contains(out, c.says) {
			t.Errorf("%s %s: %d: %s", c.arg, c.value, status, out)
		}
	}
	if out, status := run(t, "", "export", "dispatch", "--data", s.data, "--month", lastMonth(), "--window", "second_half", "-o", filepath.Join(dir, "units.xlsx")); status != 0 {
		t.Errorf("%d: %s", status, out)
	}
}

// albumSent waits until the demo's photos are there.
func (s *server) albumSent() {
	s.t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(s.log.String(), "photos are there") {
			return
		}
	}
	s.t.Fatalf("the demo's photos don't arrive: %s", s.log)
}

// A closed month is served from a restored backup byte for byte, and its
// closing is part of the history that verify proves.
func TestAClosedMonthSurvivesARestore(t *testing.T) {
	s := startMonth(t)
	boss := s.signIn("supervisor")
	status, closing := s.call("POST", "/v1/reports/joint/close", boss.token, object{"month": lastMonth()})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, closing)
	}
	before := export(t, s.data)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	restored := filepath.Join(dir, "restored")
	for _, args := range [][]string{
		{"backup", "--data", s.data, "-o", filepath.Join(dir, "backup")},
		{"restore", "--data", restored, filepath.Join(dir, "backup")},
		{"verify", "--data", restored},
	} {
		if out, status := run(t, "", args...); status != 0 {
			t.Fatalf("%v: %d %s", args, status, out)
		}
	}
	if after := export(t, restored); !bytes.Equal(after, before) {
		t.Error("the closed month is another after the restore")
	}
	files, _ := closing["files"].(object)
	kept, _ := files["xlsx"].(object)
	if sum := sha256.Sum256(before); kept["sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("the closing says %v", kept)
	}
}

// export returns last month's workbook.
func export(t *testing.T, data string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "month.xlsx")
	if out, status := run(t, "", "export", "joint", "--data", data, "--month", lastMonth(), "-o", file); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
