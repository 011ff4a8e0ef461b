package mongo

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"gridpatrol/inspection"
)

// Bounds of the readable copy: BSON takes a hundred levels in all, and a
// document of the database 16 MB.
const (
	maxReadableDepth = 64
	maxReadableBytes = 2 << 20
)

// Why there is no readable copy.
const (
	unreadJSON  = "not a JSON object"
	unreadName  = "a member's name has a NUL or a dot, or begins with a dollar"
	unreadDepth = "nested too deep"
	unreadSize  = "too large"
	unreadOther = "the server did not take it"
)

// readable returns a copy of the document that people can query, or why there
// is none.
func readable(doc []byte) (bson.D, string) {
	if len(doc) > maxReadableBytes {
		return nil, unreadSize
	}
	o, err := inspection.ParseObject(doc)
	if err != nil {
		return nil, unreadJSON
	}
	if inspection.Depth(o) > maxReadableDepth {
		return nil, unreadDepth
	}
	copied, ok := readableObject(o)
	if !ok {
		return nil, unreadName
	}
	return copied, ""
}

func readableObject(o inspection.Object) (bson.D, bool) {
	out := make(bson.D, 0, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if strings.ContainsAny(name, ".\x00") || strings.HasPrefix(name, "$") {
			return nil, false
		}
		v, ok := readableValue(o[name])
		if !ok {
			return nil, false
		}
		out = append(out, bson.E{Key: name, Value: v})
	}
	return out, true
}

func readableValue(v any) (any, bool) {
	switch v := v.(type) {
	case inspection.Object:
		return readableObject(v)
	case []any:
		out := make(bson.A, len(v))
		for i := range v {
			var ok bool
			if out[i], ok = readableValue(v[i]); !ok {
				return nil, false
			}
		}
		return out, true
	case json.Number:
		return readableNumber(v), true
	}
	return v, true
}

// readableNumber keeps a number as its text where no number of BSON's holds
// it.
func readableNumber(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return n.String()
	}
	return f
}
