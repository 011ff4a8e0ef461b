package storetest

import (
	"bytes"
	"fmt"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var documentsTests = []contractTest{
	{"OddDocuments", testOddDocuments},
	{"LongRecord", testLongRecord},
}

// oddDocuments are documents that some encoding on the way could change.
func oddDocuments() map[string]string {
	return map[string]string{
		"empty":              `{}`,
		"NUL":                `{"a":"x\u0000y","\u0000":1}`,
		"dollars and dots":   `{"$set":{"a.b":1},"a.b":{"$where":"x"},"":0}`,
		"numbers":            `{"a":1.0,"b":1e300,"c":-0,"d":0.1,"e":9007199254740993,"f":1E+2,"g":1.50}`,
		"white space":        "{ \"a\" :\t[ 1 ,\n2 ] }",
		"order and repeats":  `{"z":1,"a":2,"z":3}`,
		"escapes":            `{"a":"\u4e2d\/中\ud83d\ude00😀 "}`,
		"lone surrogates":    `{"a":"\ud800","b":"\udc00x"}`,
		"extended JSON":      `{"_id":{"$oid":"0123456789abcdef01234567"},"d":{"$date":"2026-10-12T00:00:00Z"}}`,
		"looks like SQL":     `{"a":"'); DROP TABLE records; --"}`,
		"thirty levels":      strings.Repeat(`{"a":[`, 15) + `null` + strings.Repeat(`]}`, 15),
		"one MiB":            `{"a":"` + strings.Repeat("字", (1<<20)/3-10) + `"}`,
		"thousands of names": `{` + manyMembers(5000) + `}`,
	}
}

func manyMembers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	return strings.Join(list, ",")
}

// testOddDocuments: documents come back byte for byte from every read.
func testOddDocuments(l *lab) {
	st := l.open()
	docs := map[inspection.DocID]string{}
	var n int64
	for name, doc := range oddDocuments() {
		n++
		e := put(l.id(), phone, n)
		e.Doc, e.Sent, e.Detail = []byte(doc), []byte(doc), name+"\x00\u2028'\"\\"
		docs[e.ID] = doc
		c := l.push(st, street, e)
		l.checkDocument(st, name, c, doc)
	}
	page, err := st.Changes(l.Context(), store.ChangesQuery{Area: street, Collections: everything, Limit: 100})
	l.must("Changes", err)
	if len(page.Records) != len(docs) {
		l.Errorf("%d changes of %d documents", len(page.Records), len(docs))
	}
	for _, r := range page.Records {
		if string(r.Doc) != docs[r.ID] {
			l.Errorf("changes: %s came back as %s", clip([]byte(docs[r.ID])), clip(r.Doc))
		}
	}
	Verify(l, st)
}

func (l *lab) checkDocument(st store.Store, name string, c *store.Commit, doc string) {
	l.Helper()
	if r := l.record(st, c.Entries[0].ID); string(r.Doc) != doc {
		l.Errorf("%s: the record holds %s", name, clip(r.Doc))
	}
	entries, err := st.Entries(l.Context(), c.Area, []int64{c.Last})
	l.must("Entries", err)
	if string(entries[0].Doc) != doc || string(entries[0].Sent) != doc || entries[0].Detail != c.Entries[0].Detail {
		l.Errorf("%s: the entry holds %s", name, clip(entries[0].Doc))
	}
	commits, err := st.Commits(l.Context(), c.Area, c.First-1, 1)
	l.must("Commits", err)
	if !bytes.Equal(commits[0].Bytes, c.Bytes) {
		l.Errorf("%s: the commit's bytes changed", name)
	}
}

// testLongRecord: a record with thousands of revisions, many of them in one
// commit, and marks of many devices.
func testLongRecord(l *lab) {
	st := l.open()
	id := l.id()
	commits, each := 4, l.scaled(700)
	for k := range commits {
		var entries []store.Entry
		for i := range each {
			device := inspection.Device{User: inspection.UserID(fmt.Sprintf("u%d", i%40)), ID: phone.ID}
			entries = append(entries, put(id, device, int64(k*each+i+1)))
		}
		l.push(st, street, entries...)
	}
	r := l.record(st, id)
	if r.Rev != int64(commits*each) || len(r.Revisions) != commits*each || len(r.Marks) != min(each, 40) {
		l.Errorf("revision %d, %d revisions, %d marks", r.Rev, len(r.Revisions), len(r.Marks))
	}
	Verify(l, st)
}
