package report_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

func (w *month) table(asOf string, scope ...inspection.Area) (map[string]int, [][]string) {
	w.T.Helper()
	data, bom := bytes.CutPrefix(w.file("csv", asOf, scope...), []byte("\ufeff"))
	if !bom {
		w.T.Error("the CSV has no byte order mark")
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	w.Must(err)
	at := map[string]int{}
	for i, title := range rows[0] {
		if _, twice := at[title]; twice {
			w.T.Errorf("the column %s is there twice", title)
		}
		at[title] = i
	}
	return at, rows[1:]
}

// The sums of two columns of the CSV are the report's numbers.
func TestTheTableAddsUp(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	at, rows := w.table("")
	sums := map[string][2]int{}
	for _, r := range rows {
		s, err1 := strconv.Atoi(r[at["场次计数"]])
		n, err2 := strconv.Atoi(r[at["数量计数"]])
		if err1 != nil || err2 != nil {
			t.Fatal(r)
		}
		was := sums[r[at["检查主题"]]]
		sums[r[at["检查主题"]]] = [2]int{was[0] + s, was[1] + n}
	}
	if got := fmt.Sprint(sums); got != "map[含VOCs产品检查:[1 1] 柴油车路检路查:[9 12]]" {
		t.Error(got)
	}
}

// Of a vehicle that was checked twice, the check that is told as counted is the
// one whose verdict counts, in a session too large to be kept in memory as well.
func TestTheCountedCheckHasTheVerdictThatCounts(t *testing.T) {
	for _, others := range []int{1, 510} {
		w := newMonth(t)
		p := w.phone("zhang")
		w.SetClock(local("2026-11-03 09:00:00"))
		p.put("sessions", id(1), newSession(street, "2026-10-12T09:00:00+08:00", nil))
		p.put("inspections", id(2), newVehicle(street, id(1), "陕A99999", nil))
		for n := range others {
			p.put("inspections", id(10+n), newVehicle(street, id(1), fmt.Sprintf("陕A%05d", n), nil))
		}
		p.put("inspections", id(9999), newVehicle(street, id(1), "陕A99999", object{"answers": dieselAnswers("diesel_roadside_fail", "陕A99999")}))
		at, rows := w.table("")
		told := map[string]int{}
		for _, r := range rows {
			if r[at["数量计数"]] == "1" {
				told[r[at["判定"]]]++
			}
		}
		got := topic(w.joint(report.WholeMonth, "").Topics, "diesel_roadside").Verdicts
		if told["疑似超标"] != 1 || got[inspection.Fail] != 1 || told["未发现问题"] != others || got[inspection.Pass] != others {
			t.Errorf("the report counts %v, the table tells %v", got, told)
		}
	}
}

// A token of very many areas fills more than the highest row that there is.
func TestTheWorkbookOfManyAreas(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	raw, err := base64.RawURLEncoding.DecodeString(w.joint(report.WholeMonth, "").AsOf.Token())
	w.Must(err)
	var token map[string]any
	w.Must(json.Unmarshal(raw, &token))
	seqs := token["s"].(map[string]any)
	for n := range 300 {
		seqs[fmt.Sprintf("6199%05d", n)] = 0
	}
	raw, err = json.Marshal(token)
	w.Must(err)
	if book := w.file("xlsx", base64.RawURLEncoding.EncodeToString(raw)); !bytes.HasPrefix(book, []byte("PK")) {
		t.Errorf("no workbook: %q", book[:min(len(book), 40)])
	}
}

// No text that a phone sends is a formula in a spreadsheet.
func TestTextsAreNoFormulas(t *testing.T) {
	w := newMonth(t)
	p := w.phone("zhang")
	evil := []string{`=HYPERLINK("http://x","y")`, "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1+1", "\u200b=1+1", "\ufeff-1", "﹦1", "−1", "ok", `a"b,c`}
	for i, text := range evil {
		p.put("sessions", id(i+1), newSession(street, "2026-10-12T09:00:00+08:00", object{"point": text}))
	}
	at, rows := w.table("")
	if len(rows) != len(evil) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		got, want := r[at["检查点位"]], evil[i]
		if i < len(evil)-2 {
			want = "'" + want
		}
		if got != strings.ReplaceAll(want, "\r", "") { // a line break within a cell has no carriage return
			t.Errorf("%q became %q", evil[i], got)
		}
	}
	book := w.book()
	for row := 2; row <= len(evil)+1; row++ {
		formula, err := book.GetCellFormula("联合检查", fmt.Sprint("E", row))
		w.Must(err)
		text, err := book.GetCellValue("联合检查", fmt.Sprint("E", row))
		w.Must(err)
		if formula != "" || text != evil[row-2] && row != 7 { // a lone carriage return is no text of XML
			t.Errorf("%q became %q with the formula %q", evil[row-2], text, formula)
		}
	}
}

func (w *month) book() *excelize.File {
	w.T.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(w.file("xlsx", "")))
	w.Must(err)
	w.T.Cleanup(func() { w.Must(book.Close()) })
	return book
}

// The workbook's numbers are those of the report, and they are numbers.
func TestTheWorkbookSaysWhatTheReportSays(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	book := w.book()
	if got := fmt.Sprint(book.GetSheetList()); got != "[汇总 联合检查 车辆 违规 说明]" {
		t.Errorf("sheets %s", got)
	}
	cell := func(sheet, at string) string {
		v, err := book.GetCellValue(sheet, at, excelize.Options{RawCellValue: true})
		w.Must(err)
		return v
	}
	for at, want := range map[string]string{"B5": "9", "C5": "6", "D5": "1", "E5": "8", "F5": "12", "H5": "200", "I5": "1", "K5": "1", "L5": "未达标", "B6": "1", "F6": "1", "L6": "无目标"} {
		if got := cell("汇总", at); got != want {
			t.Errorf("汇总 %s is %q, want %q", at, got, want)
		}
	}
	for sheet, want := range map[string]int{"联合检查": 14, "车辆": 13, "违规": 3} {
		rows, err := book.GetRows(sheet)
		w.Must(err)
		if len(rows) != want {
			t.Errorf("%s has %d rows, want %d", sheet, len(rows), want)
		}
		if got, err := book.GetPanes(sheet); err != nil || !got.Freeze {
			t.Errorf("%s is not frozen", sheet)
		}
	}
	if kind, err := book.GetCellType("车辆", "D2"); err != nil || kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber {
		t.Errorf("the time of a check is of type %v", kind)
	}
	if got, err := book.GetCellValue("车辆", "D2"); err != nil || got != "2026-10-12 09:31" {
		t.Errorf("the time of a check is %q", got)
	}
	if got := cell("违规", "G2"); got != "疑似超标" {
		t.Errorf("a failure is worded %q", got)
	}
	for _, sheet := range []string{"联合检查", "车辆", "违规"} {
		names := ""
		for _, n := range book.GetDefinedName() {
			if n.Scope == sheet {
				names += n.Name + " "
			}
		}
		if !strings.Contains(names, "Print_Titles") || !strings.Contains(names, "_FilterDatabase") || !strings.Contains(names, "Print_Area") {
			t.Errorf("%s has the names %s", sheet, names)
		}
	}
}

// The same token is the same file, byte for byte.
func TestFilesAreTheSameBytes(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	token := w.joint(report.WholeMonth, "").AsOf.Token()
	files := map[string][]byte{}
	for _, f := range formats {
		files[f] = w.file(f, token)
	}
	w.happen()
	for range 3 {
		for _, f := range formats {
			if !bytes.Equal(w.file(f, token), files[f]) {
				t.Errorf("%s differs", f)
			}
		}
	}
}

// A map has a point for each session and inspection; what is in another datum
// has no place.
func TestTheMap(t *testing.T) {
	w := newMonth(t)
	p := w.phone("zhang")
	p.put("sessions", id(1), newSession(street, "2026-10-12T09:00:00+08:00", nil))
	p.put("inspections", id(2), newVehicle(street, id(1), "陕A10001", object{"location": object{"lat": 34.2, "lon": 108.9, "crs": "gcj02"}}))
	p.put("inspections", id(3), newVehicle(street, id(1), "陕A10002", object{"location": object{"lat": 134.2, "lon": 108.9}}))
	p.put("inspections", id(4), newVehicle(street, "", "陕A10003", object{"session": nil, "answers": dieselAnswers("diesel_roadside_fail", "陕A10003")}))
	var out struct {
		Type     string
		Features []struct {
			Type, ID string
			Geometry *struct {
				Type        string
				Coordinates []float64
			}
			Properties object
		}
		Topics []report.Topic
	}
	w.Must(json.Unmarshal(w.file("geojson", ""), &out))
	if out.Type != "FeatureCollection" || len(out.Features) != 4 || topic(out.Topics, "diesel_roadside").Checks() != 2 {
		t.Fatalf("%+v", out)
	}
	want := map[string]string{
		id(1): "session [108.9651 34.2712] ", id(2): "inspection none gcj02", id(3): "inspection none ", id(4): "violation [108.9651 34.2712] ",
	}
	for _, f := range out.Features {
		place, crs := "none", ""
		if f.Geometry != nil {
			place = fmt.Sprint(f.Geometry.Coordinates)
		}
		if f.Properties["crs"] != nil {
			crs = f.Properties["crs"].(string)
		}
		if got := fmt.Sprint(f.Properties["kind"], " ", place, " ", crs); got != want[f.ID] || f.Type != "Feature" {
			t.Errorf("%s: %q, want %q", f.ID, got, want[f.ID])
		}
	}
}

// A vehicle of a neighbouring street counts in its session, and a report of
// the session's street does not tell what it says.
func TestDocumentsOutsideOfTheScopeAreCountedNotShown(t *testing.T) {
	w := newMonth(t)
	p := w.phone("zhang")
	p.put("sessions", id(1), newSession(street, "2026-10-12T09:00:00+08:00", nil))
	p.put("inspections", id(2), newVehicle(next, id(1), "陕A10001", nil))
	p.put("inspections", id(3), newVehicle(street, id(1), "陕A10002", nil))
	if d := topic(w.joint(report.WholeMonth, "", street).Topics, "diesel_roadside"); d.Checks() != 2 {
		t.Errorf("%d vehicles", d.Checks())
	}
	if d := topic(w.joint(report.WholeMonth, "", next).Topics, "diesel_roadside"); d.Checks() != 0 {
		t.Errorf("%d vehicles in the neighbour's report", d.Checks())
	}
	for _, f := range []string{"csv", "geojson"} {
		text := string(w.file(f, "", street))
		if strings.Contains(text, "陕A10001") || !strings.Contains(text, "陕A10002") || !strings.Contains(text, id(2)) {
			t.Errorf("%s tells\n%s", f, text)
		}
		if !strings.Contains(string(w.file(f, "", district)), "陕A10001") {
			t.Errorf("%s of the district lacks a vehicle", f)
		}
	}
}
