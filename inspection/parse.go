package inspection

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The reader of JSON is our own: every push is decoded once, so this is where
// its time goes, and encoding/json takes three times as long to make the same
// tree. A fuzz test holds the two against each other.

// maxNesting is that of encoding/json: deeper values would overflow readers.
const maxNesting = 10_000

// ParseJSON decodes exactly one JSON value. Invalid UTF-8 is not JSON. Of
// members with the same name the last one counts.
func ParseJSON(data []byte) (any, error) {
	p := parser{data: data}
	if !utf8.Valid(data) {
		return nil, ErrNotJSON
	}
	v := p.value(0)
	if p.space(); p.failed || p.at != len(p.data) {
		return nil, ErrNotJSON
	}
	return v, nil
}

// ParseObject decodes exactly one JSON object.
func ParseObject(data []byte) (Object, error) {
	v, err := ParseJSON(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, ErrNotJSON
	}
	return o, nil
}

// Element is an element of an array with the bytes that it was decoded from,
// a part of what was parsed.
type Element struct {
	Value any
	Bytes []byte
}

// ParseList decodes exactly one JSON object, as ParseObject does, and returns
// the elements of its member list apart. ok is false if that is no array.
func ParseList(data []byte, list string) (o Object, elements []Element, ok bool, err error) {
	p := parser{data: data, list: list}
	if !utf8.Valid(data) {
		return nil, nil, false, ErrNotJSON
	}
	p.space()
	if p.peek() != '{' {
		return nil, nil, false, ErrNotJSON
	}
	o = p.object(0)
	if p.space(); p.failed || p.at != len(p.data) {
		return nil, nil, false, ErrNotJSON
	}
	return o, p.elements, p.listed, nil
}

// parser walks the bytes once. After a failure it reads nothing more.
type parser struct {
	data   []byte
	at     int
	failed bool

	list     string // the member of the outermost object whose elements are kept apart
	elements []Element
	listed   bool
}

func (p *parser) fail() { p.failed, p.at = true, len(p.data) }

// peek returns the next byte, 0 at the end: no value begins with it.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// expect takes one byte.
func (p *parser) expect(c byte) {
	if p.peek() != c || p.at >= len(p.data) {
		p.fail()
		return
	}
	p.at++
}

func (p *parser) value(depth int) any {
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.text()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	return p.word()
}

// word takes true, false or null.
func (p *parser) word() any {
	rest := p.data[p.at:]
	for word, v := range words {
		if len(rest) >= len(word) && string(rest[:len(word)]) == word {
			p.at += len(word)
			return v
		}
	}
	p.fail()
	return nil
}

var words = map[string]any{"true": true, "false": false, "null": nil}

func (p *parser) object(depth int) Object {
	o := Object{}
	p.at++
	if depth >= maxNesting {
		p.fail()
	}
	for p.space(); !p.failed && p.peek() != '}'; p.space() {
		if len(o) > 0 {
			p.expect(',')
			p.space()
		}
		if p.peek() != '"' {
			p.fail()
			return o
		}
		name := p.text()
		p.space()
		p.expect(':')
		o[name] = p.member(name, depth+1)
	}
	p.expect('}')
	return o
}

// member takes a member's value.
func (p *parser) member(name string, depth int) any {
	if depth != 1 || p.list == "" || name != p.list {
		return p.value(depth)
	}
	p.space()
	p.elements, p.listed = nil, p.peek() == '['
	if !p.listed {
		return p.value(depth)
	}
	p.each(depth, func(v any, from int) {
		p.elements = append(p.elements, Element{Value: v, Bytes: p.data[from:p.at:p.at]})
	})
	return nil
}

func (p *parser) array(depth int) []any {
	list := []any{}
	p.each(depth, func(v any, _ int) { list = append(list, v) })
	return list
}

// each takes an array; from is where the element begins.
func (p *parser) each(depth int, element func(v any, from int)) {
	p.at++
	if depth >= maxNesting {
		p.fail()
	}
	first := true
	for p.space(); !p.failed && p.peek() != ']'; p.space() {
		if !first {
			p.expect(',')
			p.space()
		}
		first = false
		from := p.at
		v := p.value(depth + 1)
		if !p.failed {
			element(v, from)
		}
	}
	p.expect(']')
}

// number takes a number and keeps its digits as they are.
func (p *parser) number() json.Number {
	from := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else {
		p.digits()
	}
	if p.peek() == '.' {
		p.at++
		p.digits()
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		p.digits()
	}
	return json.Number(p.data[from:p.at])
}

// digits takes one or more.
func (p *parser) digits() {
	from := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	if p.at == from {
		p.fail()
	}
}

// text takes a string. Most have nothing escaped.
func (p *parser) text() string {
	p.at++
	from := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return string(p.data[from : p.at-1])
		case c == '\\':
			return p.escaped(from)
		case c < ' ':
			p.fail()
			return ""
		}
		p.at++
	}
	p.fail()
	return ""
}

// escaped takes the rest of a string in which something is escaped.
func (p *parser) escaped(from int) string {
	var b strings.Builder
	b.Write(p.data[from:p.at])
	for p.at < len(p.data) {
		c := p.data[p.at]
		p.at++
		switch {
		case c == '"':
			return b.String()
		case c < ' ':
			p.fail()
		case c == '\\':
			b.WriteRune(p.escape())
		default:
			b.WriteByte(c)
		}
	}
	p.fail()
	return ""
}

// escape takes what follows a backslash.
func (p *parser) escape() rune {
	c := p.peek()
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		return p.unicode()
	}
	p.fail()
	return 0
}

// unicode takes four hex digits, and the other half of a surrogate pair. Half
// a pair alone stands for no character: it becomes U+FFFD.
func (p *parser) unicode() rune {
	r := p.hex(p.at)
	if r < 0 {
		p.fail()
		return 0
	}
	p.at += 4
	if !utf16.IsSurrogate(r) {
		return r
	}
	if p.at+1 < len(p.data) && p.data[p.at] == '\\' && p.data[p.at+1] == 'u' {
		if whole := utf16.DecodeRune(r, p.hex(p.at+2)); whole != utf8.RuneError {
			p.at += 6
			return whole
		}
	}
	return utf8.RuneError
}

// hex reads four hex digits, or returns -1.
func (p *parser) hex(at int) rune {
	if at+4 > len(p.data) {
		return -1
	}
	var r rune
	for _, c := range p.data[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
