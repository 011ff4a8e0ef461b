package inspection_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func TestParseJSON(t *testing.T) {
	cases := map[string]bool{
		`{}`: true, ` [1] `: true, `1e400`: true, `"é"`: true,
		``: false, `{`: false, `{}{}`: false, `{} x`: false, "\"\xff\"": false, `nul`: false,
		strings.Repeat("[", 20000): false,
	}
	for in, ok := range cases {
		if _, err := inspection.ParseJSON([]byte(in)); (err == nil) != ok {
			t.Errorf("%.20q: got %v, want ok %v", in, err, ok)
		}
	}
}

func TestEqualNumbers(t *testing.T) {
	equal := [][2]string{{"1", "1.0"}, {"1", "1e0"}, {"100", "1e2"}, {"0", "-0"}, {"0.0", "0e9"}, {"0.1", "1e-1"}, {"-12.50", "-125E-1"}, {"1e+2", "100"}}
	for _, p := range equal {
		if !inspection.Equal(json.Number(p[0]), json.Number(p[1])) {
			t.Errorf("%s should equal %s", p[0], p[1])
		}
	}
	different := [][2]string{{"1", "-1"}, {"0.1", "0.10000000000000001"}, {"9007199254740993", "9007199254740992"}, {"10", "1"}, {"0.01", "0.1"}}
	for _, p := range different {
		if inspection.Equal(json.Number(p[0]), json.Number(p[1])) {
			t.Errorf("%s should differ from %s", p[0], p[1])
		}
	}
	if inspection.Equal(json.Number("1"), "1") || inspection.Equal(nil, false) {
		t.Error("values of different types must differ")
	}
}

func TestNumbersCompareLikeRationals(t *testing.T) {
	literal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := literal.Draw(t, "a"), literal.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if want := x.Cmp(y) == 0; inspection.Equal(json.Number(a), json.Number(b)) != want {
			t.Fatalf("%s = %s should be %v", a, b, want)
		}
	})
}

func TestAppendJSONReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		in := inspection.Object{text: []any{text, json.Number("1.0"), nil, true}, "z": inspection.Object{}}
		out, err := inspection.ParseObject(inspection.AppendJSON(nil, in))
		if err != nil || !inspection.Equal(any(in), any(out)) {
			t.Fatalf("%q came back as %v (%v)", text, out, err)
		}
	})
}

func TestBigNumbersToText(t *testing.T) {
	in := `{"answers":{"a":9007199254740993,"b":9007199254740992,"c":[-9007199254740993],"d":1e400,"e":1e20,"f":12345678901234567890.5,"g/h":123456789012345678901}}`
	v, at := inspection.BigNumbersToText(parse(t, in))
	want := `{"answers":{"a":"9007199254740993","b":9007199254740992,"c":["-9007199254740993"],"d":"1e400","e":1e20,"f":12345678901234567890.5,"g/h":"123456789012345678901"}}`
	if got := show(v); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	pointers := strings.Join(at, " ")
	for _, p := range []string{"/answers/a", "/answers/c/0", "/answers/d", "/answers/g~1h"} {
		if !strings.Contains(pointers, p) {
			t.Errorf("%s is not reported in %s", p, pointers)
		}
	}
	if len(at) != 4 {
		t.Errorf("reported %v", at)
	}
}

// TestBigNumbersUnderLongNames: what is reported stays small, whatever a phone
// calls its members.
func TestBigNumbersUnderLongNames(t *testing.T) {
	long := strings.Repeat("k", 1<<20)
	below := make(inspection.Object, 100_000)
	for i := range 100_000 {
		below[strconv.Itoa(i)] = json.Number("1e999")
	}
	doc := inspection.Object{"answers": inspection.Object{long: below, "short": json.Number("1e999")}}
	_, at := inspection.BigNumbersToText(doc)
	if len(at) != 1 || at[0] != "/answers" || below["99999"] != "1e999" || doc["answers"].(inspection.Object)["short"] != "1e999" {
		t.Errorf("%d pointers, the first %.40s", len(at), at[0])
	}
	many := make([]any, 1000)
	for i := range many {
		many[i] = json.Number("1e999")
	}
	if _, at := inspection.BigNumbersToText(many); len(at) != 200 || at[199] != "/199" || many[999] != "1e999" {
		t.Errorf("%d pointers", len(at))
	}
}

func TestDepth(t *testing.T) {
	cases := map[string]int{`1`: 0, `{}`: 1, `{"a":[]}`: 2, `{"a":[{"b":{}}],"c":1}`: 4}
	for in, want := range cases {
		v, _ := inspection.ParseJSON([]byte(in))
		if got := inspection.Depth(v); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}

func FuzzParseAndEncode(f *testing.F) {
	for _, s := range []string{`{"a":1.0}`, `[null,true,"\u0000\ud800"]`, `{"":{"":[]}}`, `1e-999999999999`, `{"a":"\\u0041"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := inspection.ParseJSON(data)
		if err != nil {
			return
		}
		again, err := inspection.ParseJSON(inspection.AppendJSON(nil, v))
		if err != nil || !inspection.Equal(v, again) {
			t.Fatalf("%q does not survive encoding: %v", data, err)
		}
	})
}

// FuzzParse holds the reader against encoding/json.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":1.0,"a":[2]}`, `[null,true,false]`, `"\\\"\/\b\f\n\r\t\u0041\ud83d\ude00\ud800\ud800x\udc00"`, ` [ 1 , -0.5e+10 ] `, `01`, `-`, `1.`, `1e`,
		`{"a":1,}`, `[1,]`, `{,}`, `{"a"}`, `nul`, "\"\x01\"", `[[[[]]]]`, `{"a":{"b":[{}]}}`, `1 2`, ``, `"\u12"`, `"\ud83d\u"`, "\"\xff\"", `tru`, `+1`, `.5`,
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := inspection.ParseJSON(data)
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want any
		valid := utf8.Valid(data) && json.Valid(data)
		if (err == nil) != valid {
			t.Fatalf("%q: %v, valid %v", data, err, valid)
		}
		if valid {
			if err := dec.Decode(&want); err != nil || !reflect.DeepEqual(got, asObjects(want)) {
				t.Fatalf("%q: %v, want %v (%v)", data, got, want, err)
			}
		}
	})
}

// asObjects makes of a tree of encoding/json one whose objects are Objects.
func asObjects(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := make(inspection.Object, len(v))
		for name, x := range v {
			o[name] = asObjects(x)
		}
		return o
	case []any:
		for i, x := range v {
			v[i] = asObjects(x)
		}
	}
	return v
}

// FuzzParseList: the elements of a list are those that the whole would have,
// each with its own bytes.
func FuzzParseList(f *testing.F) {
	for _, s := range []string{`{"l":[1,{"a":2} , "x"],"o":3}`, `{"l":{},"l":[]}`, `{"l":[1],"l":2}`, `{"o":{"l":[1]}}`, `[{"l":[]}]`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, list, ok, err := inspection.ParseList(data, "l")
		whole, wholeErr := inspection.ParseObject(data)
		if (err == nil) != (wholeErr == nil) {
			t.Fatalf("%q: %v, %v", data, err, wholeErr)
		}
		if err != nil {
			return
		}
		want, isArray := whole["l"].([]any)
		if ok != isArray || len(list) != len(want) || len(o) != len(whole) {
			t.Fatalf("%q: %v %d elements, want %v %d", data, ok, len(list), isArray, len(want))
		}
		for i, e := range list {
			again, err := inspection.ParseJSON(e.Bytes)
			if err != nil || !reflect.DeepEqual(e.Value, want[i]) || !reflect.DeepEqual(again, want[i]) {
				t.Fatalf("%q: element %d is %v from %q, want %v", data, i, e.Value, e.Bytes, want[i])
			}
		}
	})
}

// What the server writes by hand is what its tags say.
func TestFindingsAndProblemsAreWrittenAsTagged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "疑似", "m⁻¹", `a"b\\`, "\n"})
		f := inspection.Finding{
			Rule: text.Draw(t, "rule"), Result: inspection.Fail, Observed: json.Number("1.20"), Limit: text.Draw(t, "limit"),
			Unit: text.Draw(t, "unit"), Basis: text.Draw(t, "basis"), Flag: text.Draw(t, "flag"), Level: text.Draw(t, "level"),
			Message: text.Draw(t, "zh"), MessageEN: text.Draw(t, "en"),
		}
		p := inspection.Problem{Pointer: text.Draw(t, "pointer"), Code: "required", Message: f.Message, MessageEN: f.MessageEN}
		for _, v := range []any{[]inspection.Finding{f, f}, []inspection.Problem{p, p}, []inspection.Finding{}} {
			tagged, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(inspection.AppendJSON(nil, v)); got != string(tagged) {
				t.Fatalf("%s, want %s", got, tagged)
			}
		}
	})
}

// FuzzMerge takes three documents as bytes: merging must never panic and
// never lose the server's side without a trace.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"answers":{"a":[{"id":"1"}]}}`), []byte(`{"answers":{"a":[{"id":"1","x":2}]}}`), []byte(`{"answers":{"a":[]}}`))
	f.Add([]byte(`{}`), []byte(`{"answers":5,"photos":[1]}`), []byte(`{"answers":{},"photos":[{"field":"f","sha256":"s"}]}`))
	f.Fuzz(func(t *testing.T, base, theirs, mine []byte) {
		b, err1 := inspection.ParseObject(base)
		th, err2 := inspection.ParseObject(theirs)
		m, err3 := inspection.ParseObject(mine)
		if err1 != nil || err2 != nil || err3 != nil {
			return
		}
		merged := inspection.ThreeWay(b, th, m, false)
		if inspection.SameFields(b, m) && !inspection.SameFields(merged.Doc, inspection.ClientOwned(th)) {
			t.Fatalf("an edit without changes changed %s to %s", theirs, show(merged.Doc))
		}
		if again := inspection.ThreeWay(b, th, m, false); show(again.Doc) != show(merged.Doc) {
			t.Fatal("merging is not deterministic")
		}
	})
}
