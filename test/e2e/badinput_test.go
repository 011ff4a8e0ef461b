package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A bad input is stored and flagged, set aside with a receipt, or refused as a
// whole.
type badInput struct {
	name string
	// body is sent as it is. ID stands for a fresh id, N for the next number.
	body    string
	headers []string
	// refused is the problem's status and code.
	status int
	code   string
	// outcome is the one result's status, or its code if it is rejected.
	outcome string
	// flagged is a pointer and a code among the document's problems.
	flagged string
}

func put(doc string) string {
	return `{"mutations":[{"n":N,"collection":"inspections","op":"put","id":"ID","base":0,"doc":` + doc + `}]}`
}

func answers(members string) string {
	return put(`{"area":"610102001","template":"diesel_roadside","template_version":1,"status":"submitted",` +
		`"started_at":"2026-10-12T09:31:07+08:00","answers":{` + members + `}}`)
}

func deviceTime(at string, body string) string {
	return strings.Replace(body, `{"mutations"`, `{"device_time":"`+at+`","mutations"`, 1)
}

func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// bomb is gzip of more than 4 GB in some MB: many members one after another.
func bomb(t *testing.T) string {
	t.Helper()
	var member bytes.Buffer
	zw := gzip.NewWriter(&member)
	if _, err := zw.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(member.String(), 256)
}

func badInputs(t *testing.T) []badInput {
	const kept, aside = "applied", "rejected"
	return []badInput{
		{name: "truncated JSON", body: answers(`"a":1`)[:90], status: 400, code: "bad_batch"},
		{name: "no JSON", body: "hello", status: 400, code: "bad_batch"},
		{name: "nothing", body: "", status: 400, code: "bad_batch"},
		{name: "two values", body: answers("") + answers(""), status: 400, code: "bad_batch"},
		{name: "invalid UTF-8", body: answers("\"a\":\"\xff\xfe\""), status: 400, code: "bad_batch"},
		{name: "UTF-16", body: "\xff\xfe{\x00}\x00", status: 400, code: "bad_batch"},
		{name: "a byte order mark", body: "\ufeff" + answers(""), status: 400, code: "bad_batch"},
		{name: "nested beyond the parser", body: answers(`"a":` + deep(50_000)), status: 400, code: "bad_batch"},
		{name: "brackets without end", body: strings.Repeat("[", 1<<20), status: 400, code: "bad_batch"},
		{name: "no list of mutations", body: `{"mutations":{"n":1}}`, status: 400, code: "bad_batch"},
		{name: "no number", body: strings.Replace(answers(""), `"n":N,`, "", 1), status: 400, code: "bad_batch"},
		{name: "a number that is none", body: strings.Replace(answers(""), "N", "1.5", 1), status: 400, code: "bad_batch"},
		{name: "a number without end", body: strings.Replace(answers(""), "N", "1e400", 1), status: 400, code: "bad_batch"},
		{name: "1,001 mutations", body: `{"mutations":[` + strings.Repeat(`{"n":1},`, 1000) + `{"n":1}]}`, status: 400, code: "bad_batch"},
		{name: "over 8 MiB", body: answers(`"a":"` + strings.Repeat("x", 8<<20) + `"`), status: 413, code: "too_large"},
		{name: "a gzip bomb", body: bomb(t), headers: []string{"Content-Encoding: gzip"}, status: 413, code: "too_large"},
		{name: "gzip that is none", body: answers(""), headers: []string{"Content-Encoding: gzip"}, status: 400, code: "bad_request"},
		{name: "another encoding", body: answers(""), headers: []string{"Content-Encoding: br"}, status: 415, code: "unsupported_media_type"},
		{name: "another media type", body: answers(""), headers: []string{"Content-Type: text/plain"}, status: 415, code: "unsupported_media_type"},

		{name: "nested beyond 32 levels", body: answers(`"a":` + deep(40)), outcome: "too_deep"},
		{name: "nested deep in what is ignored", body: strings.Replace(answers(""), `"n":N`, `"n":N,"more":`+deep(9000), 1), outcome: kept},
		{name: "3 MB of answers", body: answers(`"note":"` + strings.Repeat("烟", 1<<20) + `"`), outcome: "document_too_large"},
		{name: "an id that is no UUID", body: strings.Replace(answers(""), "ID", "diesel-1", 1), outcome: "bad_id"},
		{name: "an id that is no text", body: strings.Replace(answers(""), `"ID"`, "7", 1), outcome: "bad_id"},
		{name: "an unknown collection", body: strings.Replace(answers(""), "inspections", "users", 1), outcome: "unknown_collection"},
		{name: "reference data", body: strings.Replace(answers(""), "inspections", "limits", 1), outcome: "read_only_collection"},
		{name: "an unknown op", body: strings.Replace(answers(""), `"put"`, `"patch"`, 1), outcome: "unknown_op"},
		{name: "no document", body: put(`null`), outcome: "bad_document"},
		{name: "a list for a document", body: put(`[]`), outcome: "bad_document"},
		{name: "answers of a wrong type", body: put(`{"area":"610102001","answers":[1]}`), outcome: "bad_document"},
		{name: "a negative base", body: strings.Replace(answers(""), `"base":0`, `"base":-1`, 1), outcome: "bad_document"},
		{name: "another's area", body: strings.Replace(answers(""), "610102001", "610102002", 1), outcome: "area_forbidden"},
		{name: "an area that isn't there", body: strings.Replace(answers(""), "610102001", "61010200100000000000", 1), outcome: "area_forbidden"},
		{name: "an area with a NUL", body: strings.Replace(answers(""), "610102001", `610102001\u0000`, 1), outcome: "area_forbidden"},

		{name: "huge numbers", body: answers(`"mileage_km":123456789012345678901234567890,"fuel_sulfur":1e400`), outcome: kept, flagged: "/answers/mileage_km big_number"},
		{name: "a huge exponent", body: answers(`"fuel_sulfur":1e-999999999`), outcome: kept, flagged: "/answers/fuel_sulfur out_of_range"},
		{name: "a number of a million digits", body: answers(`"fuel_sulfur":0.` + strings.Repeat("1", 1_000_000)), outcome: kept, flagged: "/answers/fuel_sulfur out_of_range"},
		{name: "a member twice", body: answers(`"plate":"陕A12345","plate":7`), outcome: kept, flagged: "/answers/plate wrong_type"},
		{name: "NUL in names and texts", body: answers(`"a\u0000b":"x\u0000y"`), outcome: kept, flagged: "/answers/a\x00b unknown_field"},
		{name: "half a surrogate", body: answers(`"note":"\ud800"`), outcome: kept},
		{name: "names of Mongo's operators", body: answers(`"$where":"1","a.b":{"$gt":1}`), outcome: kept, flagged: "/answers/$where unknown_field"},
		{name: "an unknown template", body: put(`{"area":"610102001","template":"no_such","template_version":9}`), outcome: kept, flagged: "/template unknown_reference"},
		{name: "a template with a NUL", body: put(`{"area":"610102001","template":"open\u0000burning","template_version":1}`), outcome: kept, flagged: "/template unknown_reference"},
		{name: "a clock years behind", body: deviceTime("1970-01-01T00:00:00Z", answers("")), outcome: kept, flagged: "/started_at clock"},
		{name: "a clock years ahead", body: deviceTime("9999-12-31T23:59:59Z", answers("")), outcome: kept, flagged: "/started_at clock"},
		{name: "a start years ahead", body: put(`{"area":"610102001","started_at":"9999-12-31T23:59:59Z"}`), outcome: kept, flagged: "/started_at clock"},
		{name: "a start years ago", body: put(`{"area":"610102001","started_at":"1970-01-01T00:00:00+08:00"}`), outcome: kept, flagged: "/started_at clock"},
		{name: "a start that is no time", body: put(`{"area":"610102001","started_at":"yesterday"}`), outcome: kept, flagged: "/started_at wrong_type"},
		{name: "a device time that is none", body: deviceTime("noon", answers("")), outcome: kept},
	}
}

// TestBadInput sends all that can be wrong to the real binary and looks at
// what becomes of it. After each the server is up, and takes good input.
func TestBadInput(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	for _, c := range badInputs(t) {
		t.Run(c.name, func(t *testing.T) {
			p.n++
			body := strings.Replace(strings.Replace(c.body, "N", fmt.Sprint(p.n), 1), "ID", uuid.NewString(), 1)
			status, out := p.raw(body, c.headers...)
			if c.status != 0 {
				if status != c.status || out["code"] != c.code || out["detail"] == "" {
					t.Errorf("answered %d %v", status, out)
				}
			} else {
				checkResult(t, c, status, out)
				_, again := p.raw(body, c.headers...)
				checkReplay(t, out, again)
			}
			p.results(p.put(uuid.NewString(), 0, object{"area": "610102001", "note": c.name}))
		})
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Error(s.log)
	}
	stored := p.pullAll()
	for _, c := range stored {
		if doc, _ := c["doc"].(object); doc["area"] == "610102002" {
			t.Errorf("another's area: %v", c)
		}
	}
}

func checkResult(t *testing.T, c badInput, status int, out object) {
	t.Helper()
	results := objects(out["results"])
	if status != http.StatusOK || len(results) != 1 {
		t.Fatalf("answered %d %.300v", status, out)
	}
	r := results[0]
	outcome := r["status"]
	if r["code"] != nil {
		outcome = r["code"]
	}
	if outcome != c.outcome || r["replayed"] != false || (r["doc"] != nil) != (c.outcome == "applied") {
		t.Errorf("the result is %.300v", r)
	}
	doc, _ := r["doc"].(object)
	server, _ := doc["server"].(object)
	var problems []string
	for _, p := range objects(server["problems"]) {
		problems = append(problems, fmt.Sprint(p["pointer"], " ", p["code"]))
	}
	if c.flagged != "" && !strings.Contains(strings.Join(problems, "\n"), c.flagged) {
		t.Errorf("problems %q lack %q", problems, c.flagged)
	}
}

func checkReplay(t *testing.T, first, again object) {
	t.Helper()
	a, b := objects(first["results"]), objects(again["results"])
	if len(a) != 1 || len(b) != 1 {
		t.Fatalf("at first %.300v, then %.300v", first, again)
	}
	if b[0]["replayed"] != true || a[0]["status"] != b[0]["status"] || a[0]["code"] != b[0]["code"] || a[0]["seq"] != b[0]["seq"] {
		t.Errorf("at first %.300v, then %.300v", a[0], b[0])
	}
}

// raw pushes a body as it is.
func (a *account) raw(body string, headers ...string) (int, object) {
	a.s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.s.url("/v1/sync/push"), strings.NewReader(body))
	if err != nil {
		a.s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, raw := a.do(req)
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		a.s.t.Fatalf("answered %d %.300q", res.StatusCode, raw)
	}
	if problem := strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json"); problem != (res.StatusCode >= 400) {
		a.s.t.Errorf("%d with Content-Type %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	return res.StatusCode, out
}

// TestChangedContentUnderAnOldNumber: the first content stays, the other is
// set aside, and both are answered alike for ever.
func TestChangedContentUnderAnOldNumber(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	id := uuid.NewString()
	first := p.put(id, 0, object{"area": "610102001", "answers": object{"a": 1}})
	changed := object{}
	for k, v := range first {
		changed[k] = v
	}
	changed["doc"] = object{"area": "610102001", "answers": object{"a": 2}}
	p.results(first)
	for round := range 3 {
		if round == 2 {
			s.kill()
			s.start("demo")
		}
		rs := p.results(changed, first)
		if rs[0]["code"] != "n_reused" || rs[1]["status"] != "applied" || rs[1]["replayed"] != true {
			t.Fatalf("round %d: %v", round, rs)
		}
		if doc, _ := rs[1]["doc"].(object); doc["answers"].(object)["a"] != float64(1) {
			t.Errorf("round %d: the record is %v", round, doc)
		}
	}
}

// TestNoHTTP: what isn't HTTP is answered or hung up on, and nothing else.
func TestNoHTTP(t *testing.T) {
	s := startDemo(t)
	for _, text := range []string{
		"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST /v1/sync/push HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/sync/push HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", strings.Repeat("GET ", 20_000),
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if a := string(answer); a != "" && (!strings.HasPrefix(a, "HTTP/1.1 4") || !strings.Contains(a, "application/problem+json")) {
			t.Errorf("%.40q is answered %.300q", text, a)
		}
		if status, _ := s.call("GET", "/healthz", "", nil); status != http.StatusOK {
			t.Fatalf("after %.40q the server answers %d", text, status)
		}
	}
}
