package sync

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"gridpatrol/inspection"
)

// MaxMutations bounds one batch.
const MaxMutations = 1000

// Op is what a mutation does.
type Op string

// The operations.
const (
	OpPut    Op = "put"
	OpDelete Op = "delete"
)

// Mutation is one edit as a phone sent it. If Fault is set it can't be stored
// as a document, whoever asks.
type Mutation struct {
	N          int64
	Collection inspection.Collection
	Op         Op
	SentID     string
	ID         inspection.DocID
	Base       int64
	// Doc is the document as sent, without what phones don't own ("server", most
	// of a task), numbers that clients can't hold turned into text; BigNumbers
	// are their pointers.
	Doc        inspection.Object
	BigNumbers []string
	// Content is the digest by which a replay is told from a mistake.
	Content string
	Raw     []byte
	Fault   *inspection.Error
	// unnumbered is set for an edit of a client that numbers none. N means
	// nothing then.
	unnumbered *unnumbered
}

// area is where the phone says that the document lies.
func (m *Mutation) area() inspection.Area {
	return inspection.Area(m.Doc.Text("area"))
}

// Batch is a decoded push.
type Batch struct {
	DeviceTime time.Time // zero if it wasn't sent or is no time
	Backlog    *Backlog
	Mutations  []Mutation
}

// DecodeBatch reads the body of a push. Only what isn't JSON of a batch's
// shape is an error (CodeBadBatch); anything else wrong is noted as the Fault
// of its mutation.
func DecodeBatch(body []byte) (*Batch, error) {
	top, list, ok, err := inspection.ParseList(body, "mutations")
	if err != nil {
		return nil, badBatch("The body is not a JSON object in UTF-8. Send the batch again as docs/contract.md, section 3, has it.")
	}
	if !ok {
		return nil, badBatch("The member mutations must be an array.")
	}
	if len(list) > MaxMutations {
		return nil, badBatch("A batch holds at most " + strconv.Itoa(MaxMutations) + " mutations. Split it.")
	}
	b := &Batch{
		DeviceTime: top.Time("device_time"), Backlog: decodeBacklog(top["backlog"]),
		Mutations: make([]Mutation, len(list)),
	}
	for i, element := range list {
		if b.Mutations[i], err = decodeMutation(element); err != nil {
			return nil, badBatch("Mutation " + strconv.Itoa(i) + " is not an object with an integer n.")
		}
	}
	return b, nil
}

func badBatch(detail string) error { return inspection.Errorf(inspection.CodeBadBatch, "%s", detail) }

// decodeBacklog returns nil for anything but an object of integers.
func decodeBacklog(v any) *Backlog {
	o, ok := v.(inspection.Object)
	if !ok {
		return nil
	}
	var b Backlog
	for name, to := range map[string]*int64{"mutations": &b.Mutations, "photos": &b.Photos, "photo_bytes": &b.PhotoBytes} {
		if o[name] == nil {
			continue
		}
		if *to, ok = o.Int(name); !ok {
			return nil
		}
	}
	return &b
}

func decodeMutation(element inspection.Element) (Mutation, error) {
	o, ok := element.Value.(inspection.Object)
	if !ok {
		return Mutation{}, inspection.ErrNotJSON
	}
	n, ok := o.Int("n")
	if !ok {
		return Mutation{}, inspection.ErrNotJSON
	}
	m := Mutation{N: n, Raw: element.Bytes}
	if fault := m.read(o); fault != nil {
		m.Fault = fault
	}
	m.Content = digest(o, m.Doc)
	return m, nil
}

// NewPut makes the mutation that puts a new document, as a phone would send
// it.
func NewPut(n int64, c inspection.Collection, id string, doc inspection.Object) Mutation {
	return NewMutation(n, OpPut, c, id, 0, doc)
}

// NewMutation makes any mutation, as a phone would send it; a delete has no
// document.
func NewMutation(n int64, op Op, c inspection.Collection, id string, base int64, doc inspection.Object) Mutation {
	sent := inspection.Object{
		"n": inspection.Integer(n), "collection": string(c), "op": string(op), "id": id, "base": inspection.Integer(base),
	}
	if doc != nil {
		sent["doc"] = doc
	}
	return asSent(sent)
}

// asSent decodes what a phone would send; n must be an integer.
func asSent(mutation inspection.Object) Mutation {
	raw := inspection.AppendJSON(nil, mutation)
	o, err := inspection.ParseObject(raw)
	if err != nil {
		panic(err) // AppendJSON makes JSON
	}
	m, err := decodeMutation(inspection.Element{Value: o, Bytes: raw})
	if err != nil {
		panic(err) // n is an integer
	}
	return m
}

// read fills the mutation from its object and returns what is wrong with it.
func (m *Mutation) read(o inspection.Object) *inspection.Error {
	m.Collection, m.Op = inspection.Collection(o.Text("collection")), Op(o.Text("op"))
	m.SentID = o.Text("id")
	doc, isObject := o["doc"].(inspection.Object)
	if isObject {
		doc = ownedByPhones(m.Collection, doc)
		_, m.BigNumbers = inspection.BigNumbersToText(doc)
		m.Doc = doc
	}
	switch {
	case m.Collection.Reference():
		return inspection.Errorf(inspection.CodeReadOnly, "Phones only read %s. Drop this edit.", m.Collection)
	case !m.Collection.Writable():
		return inspection.Errorf(inspection.CodeUnknownCollection, "There is no collection of this name. Write inspections, sessions, tasks or sites.")
	case m.Op != OpPut && m.Op != OpDelete:
		return inspection.Errorf(inspection.CodeUnknownOp, "The op must be put or delete.")
	case m.Op == OpPut && !isObject:
		return inspection.Errorf(inspection.CodeBadDocument, "A put needs an object in doc.")
	}
	return m.readIdentity(o)
}

// ownedByPhones returns the members that a phone may change: of a task only
// the rectification. What else it sends is ignored; the id is compared.
func ownedByPhones(c inspection.Collection, doc inspection.Object) inspection.Object {
	if c != inspection.Tasks {
		return inspection.ClientOwned(doc)
	}
	out := inspection.Object{}
	for _, name := range []string{"id", "rectification"} {
		if v, ok := doc[name]; ok {
			out[name] = v
		}
	}
	return out
}

func (m *Mutation) readIdentity(o inspection.Object) *inspection.Error {
	id, err := inspection.ParseDocID(m.SentID)
	if err != nil {
		return inspection.Errorf(inspection.CodeBadID, "Make the document's id a UUID (version 7), like 0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60.")
	}
	m.ID = id
	base, ok := o.Int("base")
	if o["base"] != nil && (!ok || base < 0) {
		return inspection.Errorf(inspection.CodeBadDocument, "The base must be the revision that the edit started from, or 0.")
	}
	m.Base = base
	if m.Op == OpDelete {
		return nil
	}
	return m.checkDocument()
}

func (m *Mutation) checkDocument() *inspection.Error {
	if inspection.Depth(m.Doc) > inspection.MaxDocumentDepth {
		return inspection.Errorf(inspection.CodeTooDeep, "The document is nested deeper than %d levels. Flatten it.", inspection.MaxDocumentDepth)
	}
	if len(m.Raw) > inspection.MaxDocumentBytes && len(inspection.AppendJSON(nil, m.Doc)) > inspection.MaxDocumentBytes {
		return tooLarge()
	}
	var shape *inspection.Error
	if err := inspection.CheckShape(m.Collection, m.Doc); asFault(err, &shape) {
		return shape
	}
	if sent, ok := m.Doc["id"].(string); ok {
		if id, err := inspection.ParseDocID(sent); err != nil || id != m.ID {
			return inspection.Errorf(inspection.CodeBadDocument, "The document's id differs from the mutation's. Send the same in both.")
		}
	}
	m.Doc["id"] = string(m.ID)
	return nil
}

func tooLarge() *inspection.Error {
	return inspection.Errorf(inspection.CodeDocumentTooLarge, "The document is larger than 1 MiB. Move parts of it to a document of their own.")
}

// digest tells whether two mutations say the same: all members but n and what
// the server owns, whatever their order and formatting.
func digest(o, doc inspection.Object) string {
	same := make(inspection.Object, len(o))
	for name, v := range o {
		if name != "n" {
			same[name] = v
		}
	}
	if doc != nil {
		same["doc"] = doc
	}
	sum := sha256.Sum256(inspection.AppendJSON(nil, same))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
