package simulate

import (
	"bytes"
	"encoding/json"
	"unique"
)

// held is a document as a phone holds it.
type held struct {
	collection, id, area string
	rev                  int64
	deleted              bool
	// doc is its JSON as it came. Phones hold much the same documents, so the
	// text is shared.
	doc unique.Handle[string]
}

// replica is what a phone holds of the server.
type replica map[string]held // by collection and id

func key(collection, id string) string { return collection + "/" + id }

// outcome says what became of a document that was offered to a replica.
type outcome int

const (
	taken     outcome = iota
	older             // what is held is newer
	same              // the very revision that is held
	different         // it calls itself the revision that is held, and isn't
)

// offer takes a document unless what is held is newer.
func (r replica) offer(h held) outcome {
	k := key(h.collection, h.id)
	mine, known := r[k]
	switch {
	case !known || h.rev > mine.rev || h.rev == 0:
		r[k] = h
		return taken
	case h.rev < mine.rev:
		return older
	case !h.equals(mine):
		return different
	}
	return same
}

// equals compares byte for byte, in canonical form.
func (h held) equals(o held) bool {
	return h.collection == o.collection && h.deleted == o.deleted &&
		(h.doc == o.doc || canonicalText(h.doc.Value()) == canonicalText(o.doc.Value()))
}

// decode returns the document.
func (h held) decode() object {
	doc, _ := decode([]byte(h.doc.Value())).(object)
	return doc
}

// decode reads JSON; numbers keep their digits. What can't be read is nil.
func decode(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// canonical is a value's JSON with sorted members and no white space.
func canonical(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}

func canonicalText(raw string) string { return canonical(decode([]byte(raw))) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // what the simulation makes is JSON
	}
	return b
}
