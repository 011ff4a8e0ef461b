package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

const street inspection.Area = "610102003"

var morning = time.Date(2026, 10, 12, 1, 31, 7, 123456789, time.UTC)

func entry(seq int64) store.Entry {
	return store.Entry{
		Seq: seq, Collection: inspection.Inspections, ID: "0192f3c1-0000-7000-8000-000000000001", Rev: seq,
		Kind: store.KindPut, Actor: "u", Device: "d", N: seq, Base: 1, At: morning.Add(time.Duration(seq) * time.Second),
		Status: store.Applied, Content: "digest", Doc: fmt.Appendf(nil, `{"n":%d}`, seq),
	}
}

func drawEntry(t *rapid.T, seq int64, at time.Time) store.Entry {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	number := func(name string) int64 { return rapid.Int64().Draw(t, name) }
	document := func(name string) []byte {
		if rapid.Bool().Draw(t, "without "+name) {
			return nil
		}
		return inspection.AppendJSON(nil, inspection.Object{text("key"): text("value")})
	}
	return store.Entry{
		Seq: seq, Collection: inspection.Collection(text("collection")), ID: inspection.DocID(text("id")), Rev: number("rev"),
		Kind: store.Kind(text("kind")), Actor: inspection.UserID(text("actor")), Device: inspection.DeviceID(text("device")),
		N: number("n"), Base: number("base"), At: at, Status: store.Status(text("status")), Code: inspection.Code(text("code")),
		Detail: text("detail"), Content: text("content"), Deleted: rapid.Bool().Draw(t, "deleted"),
		Pinned: rapid.Bool().Draw(t, "kept"), Unnumbered: rapid.Bool().Draw(t, "row"), Sent: document("sent"), Doc: document("doc"),
	}
}

func sameEntry(a, b store.Entry) bool {
	if !a.At.Equal(b.At) || !bytes.Equal(a.Sent, b.Sent) || !bytes.Equal(a.Doc, b.Doc) ||
		(a.Sent == nil) != (b.Sent == nil) || a.TouchesRecord() != b.TouchesRecord() {
		return false
	}
	a.At, a.Sent, a.Doc = b.At, nil, nil
	b.Sent, b.Doc = nil, nil
	return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

// TestRoundTrip: what Seal encoded, Open reads, and the hashes agree.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		head := store.Head{Seq: rapid.Int64Range(0, 1<<40).Draw(t, "head"), At: morning}
		copy(head.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		at := head.At
		var entries []store.Entry
		for i := range rapid.Int64Range(1, 4).Draw(t, "entries") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "later")))
			zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
			entries = append(entries, drawEntry(t, head.Seq+1+i, at.In(zone)))
		}
		sealed, err := store.Seal(street, head, entries)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		opened, err := store.Open(street, sealed.First, sealed.Previous, sealed.Bytes)
		if err != nil {
			t.Fatalf("Open: %v\n%s", err, sealed.Bytes)
		}
		if opened.Head().Hash != sealed.Head().Hash || opened.Last != sealed.Last || !opened.At.Equal(sealed.At) || opened.Previous != head.Hash {
			t.Fatalf("opened %v, sealed %v", opened.Head(), sealed.Head())
		}
		if !slices.EqualFunc(opened.Entries, entries, sameEntry) {
			t.Fatalf("opened\n%+v, sealed\n%+v", opened.Entries, entries)
		}
	})
}

// TestEncoding pins the stored form: logs outlive programs.
func TestEncoding(t *testing.T) {
	full := entry(7)
	full.Detail, full.Code, full.Sent, full.Deleted, full.Pinned = "详\"情", inspection.CodeBadID, []byte(`[ 1 ]`), true, true
	bare := store.Entry{Seq: 8, Kind: store.KindNote, At: full.At.In(time.FixedZone("", 8*3600))}
	row := store.Entry{Seq: 9, Kind: store.KindNote, At: full.At, Unnumbered: true}
	c, err := store.Seal(street, store.Head{Seq: 6}, []store.Entry{full, bare})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"seq":7,"collection":"inspections","id":"0192f3c1-0000-7000-8000-000000000001","rev":7,"kind":"put",` +
		`"actor":"u","device":"d","n":7,"base":1,"at":"2026-10-12T01:31:14.123456789Z","status":"applied","code":"bad_id",` +
		`"detail":"详\"情","content":"digest","deleted":true,"kept":true,"sent":[ 1 ],"doc":{"n":7}},` +
		`{"seq":8,"kind":"note","at":"2026-10-12T01:31:14.123456789Z"}]`
	if string(c.Bytes) != want {
		t.Errorf("encoded as\n%s, want\n%s", c.Bytes, want)
	}
	if got := c.Hash.String(); got != "ccccd8f92ccd3a3f70120b9be7b9f66ff63612d097ce92540b3e2ba5f6e98a68" {
		t.Errorf("the hash is %s", got)
	}
	c, err = store.Seal(street, store.Head{Seq: 8}, []store.Entry{row})
	if want := `[{"seq":9,"kind":"note","at":"2026-10-12T01:31:14.123456789Z","row":true}]`; err != nil || string(c.Bytes) != want {
		t.Errorf("a row is encoded as %s, %v", c.Bytes, err)
	}
}

func TestSealRefuses(t *testing.T) {
	late := store.Head{Seq: 4, At: morning.Add(time.Hour)}
	for name, c := range map[string]struct {
		head store.Head
		seqs []int64
	}{
		"nothing":             {store.Head{}, nil},
		"a gap":               {store.Head{Seq: 4}, []int64{6}},
		"an old seq":          {store.Head{Seq: 4}, []int64{4}},
		"a gap inside":        {store.Head{Seq: 4}, []int64{5, 7}},
		"a seq twice":         {store.Head{Seq: 4}, []int64{5, 5}},
		"time before head":    {late, []int64{5}},
		"time runs backwards": {store.Head{Seq: 4}, []int64{5, -6}},
	} {
		var entries []store.Entry
		for _, seq := range c.seqs {
			e := entry(max(seq, -seq))
			e.At = morning.Add(time.Duration(seq) * time.Second)
			entries = append(entries, e)
		}
		if got, err := store.Seal(street, c.head, entries); err == nil {
			t.Errorf("%s: sealed %+v", name, got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, stored := range []string{
		``, `[]`, `{}`, `null`, `[{"seq":2}]`, `[{"seq":1},{"seq":3}]`, `[{"seq":1},{"seq":1}]`, `[{"seq":1}`, `[{"seq":1}] x`,
		`[{"seq":"1"}]`, `[{"seq":1,"at":"yesterday"}]`, `[null]`,
	} {
		if c, err := store.Open(street, 1, store.Hash{}, []byte(stored)); err == nil {
			t.Errorf("%s opens as %+v", stored, c)
		}
	}
}

// TestChain: the hash tells of a change of anything that it covers.
func TestChain(t *testing.T) {
	base := store.Chain(store.Hash{1}, street, 7, []byte("bytes"))
	for name, other := range map[string]store.Hash{
		"previous": store.Chain(store.Hash{2}, street, 7, []byte("bytes")),
		"area":     store.Chain(store.Hash{1}, "610102004", 7, []byte("bytes")),
		"first":    store.Chain(store.Hash{1}, street, 8, []byte("bytes")),
		"bytes":    store.Chain(store.Hash{1}, street, 7, []byte("bytez")),
	} {
		if other == base {
			t.Errorf("the hash doesn't depend on %s", name)
		}
	}
	if again, err := store.ParseHash(base.String()); err != nil || again != base {
		t.Errorf("%v parses as %v, %v", base, again, err)
	}
	for _, s := range []string{"", "00", base.String() + "00", "x" + base.String()[1:]} {
		if h, err := store.ParseHash(s); err == nil {
			t.Errorf("%q parses as %v", s, h)
		}
	}
}

func TestReceipt(t *testing.T) {
	e := entry(3)
	want := store.Receipt{
		Device: inspection.Device{User: "u", ID: "d"}, N: 3, Content: "digest", Area: street,
		Collection: inspection.Inspections, ID: e.ID, Rev: 3, Seq: 3, Status: store.Applied,
	}
	if got := e.Receipt(street); got != want || !e.HasReceipt() {
		t.Errorf("the receipt is %+v, want %+v", got, want)
	}
	byServer, undecided := e, e
	byServer.Device, undecided.Status = "", ""
	if byServer.HasReceipt() || undecided.HasReceipt() {
		t.Error("an entry that answers no mutation has a receipt")
	}
}

func FuzzOpen(f *testing.F) {
	for _, entries := range [][]store.Entry{{entry(1)}, {entry(1), entry(2)}, {{Seq: 1, Kind: store.KindNote, At: morning}}} {
		c, err := store.Seal(street, store.Head{}, entries)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.First, c.Bytes)
	}
	for _, stored := range []string{
		``, `[]`, `[null]`, `[{}]`, `{"seq":1}`, `[{"seq":1,"doc":null}]`, `[{"seq":1,"doc":{},"doc":{"a":[1, 2]}}]`,
		`[{"SEQ":1,"detail":"\ud800\u0000"}]`, `[{"seq":1,"at":"2026-10-12T01:31:07.5+08:00"}]`,
		`[{"seq":1,"at":"9999-12-31T23:59:59-12:00"}]`, "[{\"seq\":1,\"id\":\"\xff\"}]", `[{"seq":1e0}]`,
	} {
		f.Add(int64(1), []byte(stored))
	}
	f.Fuzz(func(t *testing.T, first int64, stored []byte) {
		c, err := store.Open(street, first, store.Hash{}, stored)
		if err != nil {
			return
		}
		if c.First != first || c.Last != c.Entries[len(c.Entries)-1].Seq || c.Hash != store.Chain(store.Hash{}, street, first, stored) {
			t.Fatalf("opened %+v", c)
		}
		checkSealsAgain(t, c)
	})
}

// checkSealsAgain: entries that were read encode to what reads the same,
// unless their order or their times, as UTC, are none that Seal writes.
func checkSealsAgain(t *testing.T, c *store.Commit) {
	t.Helper()
	for i := range c.Entries {
		if c.Entries[i].At.UTC().Year() > 9999 {
			return
		}
	}
	sealed, err := store.Seal(street, store.Head{Seq: c.First - 1}, c.Entries)
	if err != nil {
		return
	}
	again, err := store.Open(street, sealed.First, sealed.Previous, sealed.Bytes)
	if err != nil || !slices.EqualFunc(again.Entries, c.Entries, sameEntry) {
		t.Fatalf("%s\nread, written and read is\n%+v, was\n%+v: %v", sealed.Bytes, again, c, err)
	}
}
