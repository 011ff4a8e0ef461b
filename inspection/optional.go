package inspection

import "time"

// Optional is a member that may be a value, null, or not there at all; its
// zero value isn't there.
type Optional[T comparable] struct {
	value T
	state optionalState
}

type optionalState int8

const (
	absent optionalState = iota
	null
	present
)

// Some is the value.
func Some[T comparable](v T) Optional[T] { return Optional[T]{v, present} }

// Null is there, without a value.
func Null[T comparable]() Optional[T] { return Optional[T]{state: null} }

// OrNull is the text, null for "".
func OrNull[T ~string](s T) Optional[T] {
	if s == "" {
		return Null[T]()
	}
	return Some(s)
}

// OfPointer is what the pointer points to, null for nil.
func OfPointer[T comparable](p *T) Optional[T] {
	if p == nil {
		return Null[T]()
	}
	return Some(*p)
}

// Get returns the value; ok is false for null and for what isn't there.
func (o Optional[T]) Get() (v T, ok bool) { return o.value, o.state == present }

// Value returns the value, or its type's zero value.
func (o Optional[T]) Value() T { return o.value }

// There reports whether the member is there, be it null.
func (o Optional[T]) There() bool { return o.state != absent }

// Stamp is a time as the server writes it into documents: RFC 3339 in UTC, to
// the nanosecond.
type Stamp string

// StampOf returns the time as a stamp.
func StampOf(t time.Time) Stamp { return Stamp(t.UTC().Format(time.RFC3339Nano)) }

// Time returns the stamp's time, the zero time for what is none.
func (s Stamp) Time() time.Time {
	t, err := time.Parse(time.RFC3339, string(s))
	if err != nil {
		return time.Time{}
	}
	return t
}
