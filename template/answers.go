package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gridpatrol/inspection"
)

const (
	// maxProblems bounds what a record lists; the last one says that there
	// are more.
	maxProblems = 200
	// maxCollected bounds the work for a hostile record.
	maxCollected = 4096
	// maxToken bounds a foreign name in a pointer, in bytes.
	maxToken = 128
)

// checker reads answers by their fields and notes what is wrong with them.
type checker struct {
	problems  []inspection.Problem
	dropped   bool
	itemsRead int   // fields of repeats' items
	trouble   error // what was too much
}

func (c *checker) note(pointer string, code inspection.Code, zh, en string) {
	if len(c.problems) >= maxCollected {
		c.dropped = true
		return
	}
	c.problems = append(c.problems, inspection.Problem{Pointer: pointer, Code: code, Message: clipped(zh), MessageEN: clipped(en)})
}

// sorted returns the problems in order, and at most maxProblems of them.
func (c *checker) sorted() []inspection.Problem {
	slices.SortStableFunc(c.problems, func(a, b inspection.Problem) int {
		if n := strings.Compare(a.Pointer, b.Pointer); n != 0 {
			return n
		}
		return strings.Compare(string(a.Code), string(b.Code))
	})
	if len(c.problems) <= maxProblems && !c.dropped {
		return c.problems
	}
	out := c.problems[:min(len(c.problems), maxProblems-1)]
	return append(out, inspection.Problem{
		Pointer: "/answers", Code: inspection.CodeConstraint,
		Message:   "问题过多，其余未列出",
		MessageEN: "There are more problems than are listed.",
	})
}

// isMissing reports whether an answer counts as not given.
func (f *field) isMissing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0 && f.Type.list()
	}
	return false
}

// read returns the CEL value of an answer: missing, invalid or the value.
func (c *checker) read(f *field, pointer string, v any) ref.Val {
	if f.isMissing(v) {
		if f.Type == typeRepeat {
			return types.IntZero
		}
		return missing
	}
	switch f.Type {
	case typeInteger, typeDecimal:
		return c.number(f, pointer, v)
	case typeNumbers:
		return c.numbers(f, pointer, v)
	case typeSelectOne:
		return c.selectOne(f, pointer, v)
	case typeSelectMultiple:
		return c.selectMultiple(f, pointer, v)
	case typeRepeat:
		return c.repeat(f, pointer, v)
	case typeBoolean:
		if b, ok := v.(bool); ok {
			return types.Bool(b)
		}
	case typeDate, typeDatetime:
		if t, ok := parseTime(f.Type, v); ok {
			return types.Timestamp{Time: t}
		}
	case typeText:
		if s, ok := v.(string); ok {
			return c.text(f, pointer, s)
		}
	}
	return c.wrongType(f, pointer)
}

// text is unusable in expressions if it is too long; where none reads it, it
// may have any length.
func (c *checker) text(f *field, pointer, s string) ref.Val {
	if len(s) <= maxText {
		return types.String(s)
	}
	if f.read {
		c.tooMuch(pointer)
	}
	return tooLong
}

// tooMuch notes that an answer takes more than there is for judging it.
func (c *checker) tooMuch(pointer string) {
	c.problems = append(c.problems, overrunProblem(pointer))
	if c.trouble == nil {
		c.trouble = fmt.Errorf("%s: %w", pointer, errOverrun)
	}
}

func (c *checker) wrongType(f *field, pointer string) ref.Val {
	c.note(pointer, inspection.CodeWrongType, f.Label.ZH+"：类型不正确", f.Label.EN+": the answer is not of type "+string(f.Type)+".")
	return invalid
}

func (c *checker) outOfRange(f *field, pointer string) ref.Val {
	c.note(pointer, inspection.CodeOutOfRange, f.Label.ZH+"：超出允许范围", f.Label.EN+": the answer is out of range.")
	return invalid
}

func parseTime(kind fieldType, v any) (time.Time, bool) {
	s, _ := v.(string)
	if kind == typeDatetime {
		t, err := time.Parse(time.RFC3339, s)
		// The parser also takes a comma and an hour of one digit.
		return t, err == nil && s[13] == ':' && !strings.ContainsRune(s, ',')
	}
	t, err := inspection.ParseDay(s)
	return t, err == nil
}

func (c *checker) number(f *field, pointer string, v any) ref.Val {
	n, ok := v.(json.Number)
	if !ok {
		return c.wrongType(f, pointer)
	}
	r, ok := parseNumber(string(n))
	if !ok || r.Cmp(f.min) < 0 || r.Cmp(f.max) > 0 {
		if ok && f.Type == typeInteger && !r.IsInt() {
			return c.wrongType(f, pointer)
		}
		return c.outOfRange(f, pointer)
	}
	if f.Type == typeInteger && !r.IsInt() {
		return c.wrongType(f, pointer)
	}
	return decimal{r}
}

// items returns the items of an answer that is a list, or what makes it
// unusable.
func (c *checker) items(f *field, pointer string, v any) (list []any, wrong ref.Val) {
	list, ok := v.([]any)
	switch {
	case !ok:
		return nil, c.wrongType(f, pointer)
	case len(list) > maxItems:
		return nil, c.outOfRange(f, pointer)
	}
	return list, nil
}

func (c *checker) numbers(f *field, pointer string, v any) ref.Val {
	list, wrong := c.items(f, pointer, v)
	if wrong != nil {
		return wrong
	}
	values, usable := make([]ref.Val, len(list)), true
	for i, x := range list {
		values[i] = c.number(f, pointer+"/"+strconv.Itoa(i), x)
		usable = usable && values[i] != ref.Val(invalid)
	}
	if !usable {
		return invalid
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}

func (c *checker) selectOne(f *field, pointer string, v any) ref.Val {
	s, ok := v.(string)
	if !ok {
		return c.wrongType(f, pointer)
	}
	if !f.choices[s] {
		c.note(pointer, inspection.CodeUnknownChoice, f.Label.ZH+"：不在选项内", f.Label.EN+": the answer is not one of the choices.")
		return invalid
	}
	return types.String(s)
}

func (c *checker) selectMultiple(f *field, pointer string, v any) ref.Val {
	list, wrong := c.items(f, pointer, v)
	if wrong != nil {
		return wrong
	}
	values, usable := make([]string, len(list)), true
	for i, x := range list {
		s, ok := c.selectOne(f, pointer+"/"+strconv.Itoa(i), x).(types.String)
		values[i], usable = string(s), usable && ok
	}
	if !usable {
		return invalid
	}
	return types.NewStringList(types.DefaultTypeAdapter, values)
}

// repeat is the number of items. An item with problems makes it unusable.
func (c *checker) repeat(f *field, pointer string, v any) ref.Val {
	list, wrong := c.items(f, pointer, v)
	if wrong != nil {
		return wrong
	}
	before := len(c.problems)
	for i, x := range list {
		if c.itemsRead += 1 + len(f.sub); c.itemsRead > maxRead {
			c.tooMuch(pointer)
			return invalid
		}
		c.item(f, pointer+"/"+strconv.Itoa(i), x)
	}
	if len(c.problems) > before || c.dropped {
		return invalid
	}
	return types.Int(len(list))
}

var itemID = &field{fieldDef: fieldDef{Type: typeText, Name: "id", Label: text{"编号", "Id"}}}

func (c *checker) item(f *field, pointer string, v any) {
	o, ok := v.(inspection.Object)
	if !ok {
		c.wrongType(f, pointer)
		return
	}
	c.noteMissing(itemID, pointer+"/id", c.read(itemID, pointer+"/id", o["id"]))
	for _, s := range f.sub {
		if o[s.Name] == nil && !s.Required {
			continue
		}
		at := pointer + "/" + s.Name
		value := c.read(s, at, o[s.Name])
		if s.Required {
			c.noteMissing(s, at, value)
		}
	}
	c.noteUnknown(pointer, o, func(name string) bool {
		return name == "id" || slices.ContainsFunc(f.sub, func(s *field) bool { return s.Name == name })
	})
}

func (c *checker) noteMissing(f *field, pointer string, value ref.Val) {
	if value == ref.Val(missing) {
		c.note(pointer, inspection.CodeRequired, "缺少必填项："+f.Label.ZH, f.Label.EN+" is required.")
	}
}

// noteUnknown notes members that the template does not have: the first ones by
// name, so that the same record always gives the same list.
func (c *checker) noteUnknown(pointer string, o inspection.Object, known func(string) bool) {
	var names []string
	for name := range o {
		if !known(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > maxProblems {
		names, c.dropped = names[:maxProblems], true
	}
	for _, name := range names {
		c.note(pointer+"/"+pointerToken(name), inspection.CodeUnknownField, "检查表没有此项", "The template has no such field.")
	}
}

// pointerToken is a name as it stands in a pointer. A name of megabytes would
// be kept with the record for ever, so it is cut.
func pointerToken(name string) string { return inspection.EscapePointer(cut(name, maxToken)) }

// timestamp makes a CEL time; the zero time is missing.
func timestamp(t time.Time) ref.Val {
	if t.IsZero() {
		return missing
	}
	return types.Timestamp{Time: t}
}
