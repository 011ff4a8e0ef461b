package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

const recordColumns = `id, area, collection, rev, seq, at, deleted, kept, revisions, marks,
	template, verdict, state, evidence, place, links, words, doc`

func scanRecord(rows *sql.Rows) (store.Record, error) { return scanRecordAnd(rows) }

// scanRecordAnd reads the record's columns and those that follow.
func scanRecordAnd(rows *sql.Rows, more ...any) (store.Record, error) {
	var r store.Record
	var at int64
	var revisions, marks, place []byte
	var subject, links, words string
	columns := []any{
		&r.ID, &r.Area, &r.Collection, &r.Rev, &r.Seq, &at, &r.Deleted, &r.Pinned, &revisions, &marks,
		&subject, &r.Index.Verdict, &r.Index.State, &r.Index.Evidence, &place, &links, &words, &r.Doc,
	}
	err := rows.Scan(append(columns, more...)...)
	if err != nil {
		return r, err
	}
	r.At, r.Index.Started = fromNanos(at), startOf(place)
	r.Index.SetSubject(r.Collection, subject)
	r.Index.Terms = splitTerms(links, words)
	if r.Revisions, err = store.UnpackSeqs(revisions); err != nil {
		return r, err
	}
	r.Marks, err = decodeMarks(marks)
	return r, err
}

// splitTerms is the way back from joinTerms.
func splitTerms(links, words string) []string {
	var terms []string
	for _, joined := range []string{links, words} {
		if joined != "" {
			terms = append(terms, strings.Split(joined, "\n")...)
		}
	}
	slices.Sort(terms)
	return terms
}

// writeRecord writes the record to its row, or to a new one if row is 0, and
// returns the row. Id and area of a record never change.
func writeRecord(ctx context.Context, q *statements, row int64, r store.Record, facet int64) (int64, error) {
	links, words := joinTerms(r.Index.Terms)
	values := []any{
		string(r.Collection), r.Rev, r.Seq, toNanos(r.At), r.Deleted, r.Pinned,
		store.PackSeqs(r.Revisions), encodeMarks(r.Marks),
		r.Index.Subject(), r.Index.Verdict, r.Index.State, r.Index.Evidence, placeOf(r), facet, links, words, r.Doc,
	}
	if row > 0 {
		return row, q.exec(ctx, `UPDATE records SET collection = ?, rev = ?, seq = ?, at = ?,
			deleted = ?, kept = ?, revisions = ?, marks = ?, template = ?, verdict = ?, state = ?, evidence = ?,
			place = ?, facet = ?, links = ?, words = ?, doc = ? WHERE row = ?`, append(values, row)...)
	}
	return q.insert(ctx, `INSERT INTO records (collection, rev, seq, at, deleted, kept, revisions, marks,
		template, verdict, state, evidence, place, facet, links, words, doc, id, area)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, append(values, string(r.ID), string(r.Area))...)
}

// joinTerms parts the terms that name one thing from those that are searched.
func joinTerms(terms []string) (links, words string) {
	var parts [2][]string
	for _, term := range terms {
		i := 0
		if !store.IsLink(term) {
			i = 1
		}
		parts[i] = append(parts[i], term)
	}
	return strings.Join(parts[0], "\n"), strings.Join(parts[1], "\n")
}

// encodeMarks writes each mark as user, device, n, base, seq; texts with their
// length in front.
func encodeMarks(marks []store.Mark) []byte {
	dst := make([]byte, 0, 96*len(marks))
	for _, m := range marks {
		dst = appendText(dst, string(m.Device.User))
		dst = appendText(dst, string(m.Device.ID))
		for _, v := range []int64{m.N, m.Base, m.Seq} {
			dst = binary.AppendVarint(dst, v)
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func decodeMarks(src []byte) ([]store.Mark, error) {
	var marks []store.Mark
	r := reader{rest: src}
	for len(r.rest) > 0 && !r.damaged {
		var m store.Mark
		m.Device.User = inspection.UserID(r.text())
		m.Device.ID = inspection.DeviceID(r.text())
		m.N, m.Base, m.Seq = r.number(), r.number(), r.number()
		marks = append(marks, m)
	}
	if r.damaged {
		return nil, store.ErrDamaged
	}
	return marks, nil
}

// reader takes values off the front of rest until one is damaged.
type reader struct {
	rest    []byte
	damaged bool
}

func (r *reader) number() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.damaged, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string {
	size, n := binary.Uvarint(r.rest)
	if n <= 0 || size > uint64(len(r.rest)-n) {
		r.damaged, r.rest = true, nil
		return ""
	}
	end := n + int(size)
	s := string(r.rest[n:end])
	r.rest = r.rest[end:]
	return s
}
