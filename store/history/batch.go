package history

import (
	"maps"
	"slices"
)

// batch holds what the logs say of the keys in one range: those above after,
// up to and including last unless the range is open. It never holds more than
// limit keys: when there would be more, the upper half goes and the range
// ends below it. A later batch begins there.
type batch[K comparable, V any] struct {
	compare func(a, b K) int
	limit   int
	after   K
	last    K
	ended   bool // the range has an end
	done    bool // there is no range any more
	items   map[K]V
}

func newBatch[K comparable, V any](limit int, compare func(a, b K) int) *batch[K, V] {
	return &batch[K, V]{compare: compare, limit: max(limit, 1), items: map[K]V{}}
}

// holds reports whether the key is in the range.
func (b *batch[K, V]) holds(k K) bool {
	return !b.done && b.compare(k, b.after) > 0 && !b.beyond(k)
}

// beyond reports whether the key is above the range.
func (b *batch[K, V]) beyond(k K) bool { return b.ended && b.compare(k, b.last) > 0 }

func (b *batch[K, V]) put(k K, v V) {
	b.items[k] = v
	if len(b.items) <= b.limit {
		return
	}
	keys := slices.SortedFunc(maps.Keys(b.items), b.compare)
	half := (len(keys) + 1) / 2
	b.last, b.ended = keys[half-1], true
	for _, k := range keys[half:] {
		delete(b.items, k)
	}
}

// next moves on to the range above; false means that there is none.
func (b *batch[K, V]) next() bool {
	b.done = !b.ended
	b.after, b.ended = b.last, false
	clear(b.items)
	return !b.done
}
