package inspection

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Bounds of a document, by docs/contract.md, section 3. More is quarantined.
const (
	MaxDocumentBytes = 1 << 20
	MaxDocumentDepth = 32
)

// CheckShape tells whether doc can be a document of the collection: its typed
// top-level members have their JSON types. It returns a CodeBadDocument error
// naming the first member that has not, in order of names.
func CheckShape(c Collection, doc Object) error {
	types := memberTypes[c]
	if at := firstMistyped("", types, doc); at != "" {
		return Errorf(CodeBadDocument, "The member %s has the wrong type for the collection %s. Send it as docs/contract.md, section 2, has it.", at, c)
	}
	for _, name := range []string{memberID, memberArea} {
		if _, ok := doc[name].(string); !ok && doc[name] != nil {
			return Errorf(CodeBadDocument, "The member /%s must be a text.", name)
		}
	}
	return nil
}

func firstMistyped(pointer string, types map[string]MemberType, doc Object) string {
	for _, name := range union(doc) {
		t, typed := types[name]
		if !typed || doc[name] == nil {
			continue
		}
		if at := t.mistyped(pointer+"/"+name, doc[name]); at != "" {
			return at
		}
	}
	return ""
}

// mistyped returns the pointer of what has the wrong type, or "".
func (t MemberType) mistyped(pointer string, v any) string {
	ok := false
	switch t {
	case TextMember, TimeMember, DateMember:
		_, ok = v.(string)
	case IntegerMember:
		ok = isInteger(v) || isBigNumberText(v)
	case NumberMember:
		_, number := v.(json.Number)
		ok = number || isBigNumberText(v)
	case BooleanMember:
		_, ok = v.(bool)
	case ObjectMember:
		_, ok = v.(Object)
	case TextsMember:
		return firstMistypedItem(pointer, v, TextMember.mistyped)
	case PhotosMember:
		return firstMistypedItem(pointer, v, mistypedIn(photoTypes))
	case LocationMember:
		return mistypedIn(locationTypes)(pointer, v)
	case RectificationMember:
		return mistypedIn(rectificationTypes)(pointer, v)
	}
	if ok {
		return ""
	}
	return pointer
}

func mistypedIn(types map[string]MemberType) func(string, any) string {
	return func(pointer string, v any) string {
		o, ok := v.(Object)
		if !ok {
			return pointer
		}
		return firstMistyped(pointer, types, o)
	}
}

func firstMistypedItem(pointer string, v any, mistyped func(string, any) string) string {
	list, ok := v.([]any)
	if !ok {
		return pointer
	}
	for i, x := range list {
		if at := mistyped(pointer+"/"+strconv.Itoa(i), x); at != "" {
			return at
		}
	}
	return ""
}

func isInteger(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	d := parseDecimal(string(n))
	return int64(len(d.digits)) <= d.exp || d.digits == ""
}

// memberChoices are the members with a closed list of values. Another value
// is kept and listed as a problem.
var memberChoices = map[Collection]map[string][]string{
	Inspections: {"status": {"draft", "submitted"}},
	Sessions:    {"kind": {"roadside", "parking", "site"}},
}

// required are the members without which a document is of little use. One
// that is missing is listed as a problem.
var required = map[Collection][]string{
	Inspections: {"template", "template_version", "status", "started_at"},
	Sessions:    {"topic", "kind", "lead_unit", "started_at"},
	Sites:       {"name"},
}

// TopLevelProblems lists what is wrong with the values of a document whose
// shape is right: members that are missing, times that are none, unknown
// choices, photos without a hash.
func TopLevelProblems(c Collection, doc Object) []Problem {
	var out []Problem
	for _, name := range required[c] {
		if doc[name] == nil {
			out = append(out, Problem{"/" + name, CodeRequired, "缺少必填项", "This member is required."})
		}
	}
	for name, choices := range memberChoices[c] {
		if s, ok := doc[name].(string); ok && !slices.Contains(choices, s) {
			out = append(out, Problem{"/" + name, CodeUnknownChoice, "取值不在允许范围内", "The value is not one of those allowed."})
		}
	}
	out = append(out, valueProblems("", memberTypes[c], doc)...)
	slices.SortFunc(out, compareProblems)
	return out
}

func valueProblems(pointer string, types map[string]MemberType, doc Object) []Problem {
	var out []Problem
	for _, name := range union(doc) {
		at := pointer + "/" + name
		switch types[name] {
		case TimeMember:
			out = append(out, timeProblems(at, doc, name, time.RFC3339)...)
		case DateMember:
			out = append(out, timeProblems(at, doc, name, time.DateOnly)...)
		case LocationMember:
			out = append(out, locationProblems(at, doc.Object(name))...)
		case PhotosMember:
			out = append(out, photoProblems(at, doc.List(name))...)
		case RectificationMember:
			out = append(out, valueProblems(at, rectificationTypes, doc.Object(name))...)
		}
	}
	return out
}

func timeProblems(pointer string, o Object, name, layout string) []Problem {
	s, ok := o[name].(string)
	if !ok {
		return nil
	}
	if _, err := time.Parse(layout, s); err == nil {
		return nil
	}
	return []Problem{{pointer, CodeWrongType, "时间格式不正确", "The time is not RFC 3339."}}
}

func locationProblems(pointer string, o Object) []Problem {
	var out []Problem
	for name, limit := range map[string]float64{"lat": 90, "lon": 180} {
		if !o.Has(name) {
			continue
		}
		if f, ok := o.Number(name); !ok || f < -limit || f > limit {
			out = append(out, Problem{pointer + "/" + name, CodeOutOfRange, "坐标超出范围", "The coordinate is out of range."})
		}
	}
	return out
}

func photoProblems(pointer string, list []any) []Problem {
	var out []Problem
	for i, x := range list {
		o, _ := x.(Object)
		at := pointer + "/" + strconv.Itoa(i)
		if !IsSHA256(o.Text("sha256")) {
			out = append(out, Problem{at + "/sha256", CodeWrongType, "照片缺少有效的 SHA-256", "The photo needs the SHA-256 of its file, 64 lower-case hex digits."})
		}
		out = append(out, timeProblems(at+"/taken_at", o, "taken_at", time.RFC3339)...)
	}
	return out
}

// IsSHA256 reports whether s is a digest in lower-case hex.
func IsSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !isHex(c) || 'A' <= c && c <= 'F' {
			return false
		}
	}
	return true
}

func compareProblems(a, b Problem) int {
	if a.Pointer != b.Pointer {
		if a.Pointer < b.Pointer {
			return -1
		}
		return 1
	}
	if a.Code < b.Code {
		return -1
	}
	if a.Code > b.Code {
		return 1
	}
	return 0
}

// Photo is one picture that a document names.
type Photo struct {
	Field  string
	SHA256 string
}

// Photos returns the well-formed photos that a document of any collection
// names, in order, each once.
func Photos(doc Object) []Photo {
	var out []Photo
	seen := map[Photo]bool{}
	for _, owner := range []Object{doc, doc.Object(memberRectification)} {
		for _, o := range owner.Objects(memberPhotos) {
			p := Photo{Field: o.Text("field"), SHA256: o.Text("sha256")}
			if IsSHA256(p.SHA256) && !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out
}
