package api

import (
	"encoding/json"
	"slices"

	"gridpatrol/inspection"
)

// members reads the call's body; none is an empty object.
func (c *call) members() (members, error) {
	body, err := c.body()
	if err != nil {
		return members{}, err
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	return readMembers(body)
}

// decoded reads the call's body with a decoder of its own. Returns what body
// and the decoder return.
func decoded[T any](c *call, decode func(body []byte) (T, error)) (T, error) {
	body, err := c.body()
	if err != nil {
		var none T
		return none, err
	}
	return decode(body)
}

// decodeBody reads the call's body by its members. Returns what body returns,
// and CodeBadRequest with all members that are missing or wrong.
func decodeBody[T any](c *call, read func(members) T) (T, error) {
	m, err := c.members()
	if err != nil {
		var none T
		return none, err
	}
	in := read(m)
	return in, m.err()
}

// members reads typed members of an object and gathers what is wrong. at is
// where the object stands in the body, as a JSON pointer.
type members struct {
	at     string
	values inspection.Object
	faults *[]problemInMember
}

func readMembers(body []byte) (members, error) {
	o, err := inspection.ParseObject(body)
	if err != nil {
		return members{}, badBody("The body is not a JSON object in UTF-8.")
	}
	return members{values: o, faults: &[]problemInMember{}}, nil
}

func (m members) fault(name string, code inspection.Code, detail string) {
	*m.faults = append(*m.faults, problemInMember{m.at + "/" + name, code, detail})
}

func (m members) text(name string) string {
	if m.values[name] == nil {
		m.fault(name, inspection.CodeRequired, "This member is required.")
	}
	return m.optional(name)
}

func (m members) optional(name string) string {
	s, ok := m.values[name].(string)
	if !ok && m.values[name] != nil {
		m.fault(name, inspection.CodeWrongType, "This member must be a text.")
	}
	return s
}

// textIfGiven tells a member that isn't there from an empty one; null is the
// empty text.
func (m members) textIfGiven(name string) *string {
	if _, given := m.values[name]; !given {
		return nil
	}
	s := m.optional(name)
	return &s
}

// integer reads a whole number; it is 0 where there is none.
func (m members) integer(name string) int64 {
	n, ok := m.values[name].(json.Number)
	i, err := n.Int64()
	switch {
	case m.values[name] == nil:
		m.fault(name, inspection.CodeRequired, "This member is required.")
	case !ok || err != nil:
		m.fault(name, inspection.CodeWrongType, "This member must be a whole number.")
	}
	return i
}

// flag reads true or false; nil where there is neither.
func (m members) flag(name string) *bool {
	b, ok := m.values[name].(bool)
	if !ok && m.values[name] != nil {
		m.fault(name, inspection.CodeWrongType, "This member must be true or false.")
	}
	if !ok {
		return nil
	}
	return &b
}

func (m members) texts(name string) []string {
	list, ok := m.values[name].([]any)
	if m.values[name] == nil {
		m.fault(name, inspection.CodeRequired, "This member is required.")
	} else if !ok {
		m.fault(name, inspection.CodeWrongType, "This member must be a list of texts.")
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			m.fault(name, inspection.CodeWrongType, "This member must be a list of texts.")
			break
		}
		out = append(out, s)
	}
	return out
}

// object returns a member's members. Where it is none, that is the one fault
// told: what it should have held is not asked for any more.
func (m members) object(name string) members {
	o, ok := m.values[name].(inspection.Object)
	switch {
	case ok:
		return members{at: m.at + "/" + name, values: o, faults: m.faults}
	case m.values[name] == nil:
		m.fault(name, inspection.CodeRequired, "This member is required.")
	default:
		m.fault(name, inspection.CodeWrongType, "This member must be an object.")
	}
	return members{faults: &[]problemInMember{}}
}

func (m members) err() error {
	if len(*m.faults) == 0 {
		return nil
	}
	return &memberErrors{
		cause:   inspection.Errorf(inspection.CodeBadRequest, "Some members of the body are missing or wrong; errors says which."),
		members: slices.Clone(*m.faults),
	}
}
