package store_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

func TestFold(t *testing.T) {
	first := entry(3)
	first.Pinned = true
	r := store.Fold(nil, street, &first)
	want := store.Record{
		Area: street, Collection: inspection.Inspections, ID: first.ID, Rev: 3, Seq: 3, At: first.At, Pinned: true,
		Revisions: []int64{3}, Marks: []store.Mark{{Device: first.By(), N: 3, Base: 1, Seq: 3}}, Doc: first.Doc,
	}
	if !reflect.DeepEqual(r, want) {
		t.Fatalf("the first entry makes\n%+v, want\n%+v", r, want)
	}
	review := entry(5)
	review.Kind, review.Device, review.N, review.Status, review.Deleted = store.KindReview, "", 0, "", true
	r = store.Fold(&r, street, &review)
	want.Rev, want.Seq, want.At, want.Pinned, want.Deleted, want.Doc = 5, 5, review.At, false, true, review.Doc
	want.Revisions = []int64{3, 5}
	if !reflect.DeepEqual(r, want) {
		t.Fatalf("the second entry makes\n%+v, want\n%+v", r, want)
	}
	for _, shown := range []store.Entry{first, review} {
		if again := store.Fold(&r, street, &shown); !reflect.DeepEqual(again, r) {
			t.Errorf("folding entry %d again makes %+v", shown.Seq, again)
		}
	}
}

// TestFoldMarks: a device's mark is its mutation with the highest n, the last
// to arrive of equal ones.
func TestFoldMarks(t *testing.T) {
	r := store.Record{}
	var before *store.Record
	for i, n := range []int64{4, 7, 5, 7} {
		e := entry(int64(i + 1))
		e.N = n
		r = store.Fold(before, street, &e)
		before = &r
	}
	other := entry(9)
	other.Actor, other.N = "someone else, same phone", 1
	r = store.Fold(before, street, &other)
	if m, ok := r.Mark(inspection.Device{User: "u", ID: "d"}); !ok || m.N != 7 || m.Seq != 4 {
		t.Errorf("the phone's mark is %+v", m)
	}
	if m, ok := r.Mark(other.By()); !ok || m.N != 1 || m.Seq != 9 {
		t.Errorf("the other user's mark is %+v", m)
	}
	if _, ok := r.Mark(inspection.Device{User: "u", ID: "other"}); ok {
		t.Error("a device without mutations has a mark")
	}
	if len(r.Revisions) != 5 || len(r.Marks) != 2 {
		t.Errorf("the record is %+v", r)
	}
}

// TestFoldRows: a row takes the device's mark over and leaves its n, which
// mutations are held against.
func TestFoldRows(t *testing.T) {
	var before *store.Record
	var r store.Record
	for i, n := range []int64{4, 0, 0, 3} {
		e := entry(int64(i + 1))
		e.N, e.Unnumbered = n, n == 0
		r = store.Fold(before, street, &e)
		before = &r
		want := store.Mark{Device: e.By(), N: 4, Base: 1, Seq: int64(min(i+1, 3))}
		if m, _ := r.Mark(e.By()); m != want {
			t.Errorf("after entry %d the mark is %+v, want %+v", i+1, m, want)
		}
		if e.HasReceipt() == e.Unnumbered {
			t.Errorf("entry %d: a row %t, a receipt %t", i+1, e.Unnumbered, e.HasReceipt())
		}
	}
}

// TestFoldLeavesBefore: two folds of one record don't write into each other,
// nor into it; and folding a history twice over changes nothing.
func TestFoldLeavesBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := store.Fold(nil, street, new(entry(1)))
		last := rapid.Int64Range(2, 20).Draw(t, "last")
		for seq := int64(2); seq <= last; seq++ {
			e := entry(seq)
			e.Device = inspection.DeviceID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "device"))
			e.N = rapid.Int64Range(-3, 9).Draw(t, "n")
			r = store.Fold(&r, street, &e)
		}
		kept := r
		kept.Revisions, kept.Marks = slices.Clone(r.Revisions), slices.Clone(r.Marks)
		one := store.Fold(&r, street, new(entry(last+1)))
		two := store.Fold(&r, street, new(entry(last+2)))
		if one.Revisions[last] != last+1 || two.Revisions[last] != last+2 || !reflect.DeepEqual(r, kept) {
			t.Fatalf("%+v and %+v share memory, or %+v changed", one, two, r)
		}
	})
}
