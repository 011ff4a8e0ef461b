package mongo

import (
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// storedRecord is a record in the views. One without Latest is a claim: an id
// that an append has reserved for its area and has not written yet.
type storedRecord struct {
	ID     string          `bson:"_id"`
	Area   inspection.Area `bson:"area"`
	Latest *latest         `bson:"latest"`
}

// latest is a document's newest state. Seq comes first: $max compares it first,
// so that the newer state wins.
type latest struct {
	Seq        int64                 `bson:"seq"`
	Rev        int64                 `bson:"rev"`
	Collection inspection.Collection `bson:"collection"`
	At         primitive.DateTime    `bson:"at"`
	Deleted    bool                  `bson:"deleted"`
	Pinned     bool                  `bson:"kept"`
	Template   string                `bson:"template"`
	Verdict    string                `bson:"verdict"`
	State      string                `bson:"state"`
	Evidence   string                `bson:"evidence"`
	// Started of a document without a time is in the year 1, before all others.
	Started   primitive.DateTime `bson:"started"`
	Terms     []string           `bson:"terms,omitempty"`
	Marks     []storedMark       `bson:"marks,omitempty"`
	Revisions []byte             `bson:"revisions"`
	// JSON is what pull serves.
	JSON []byte `bson:"json"`
	// Doc is a copy for people and their queries; nothing here reads it. Where
	// there is none, Unread says why.
	Doc    bson.D `bson:"doc,omitempty"`
	Unread string `bson:"unreadable,omitempty"`
}

type storedMark struct {
	User   inspection.UserID   `bson:"user"`
	Device inspection.DeviceID `bson:"device"`
	N      int64               `bson:"n"`
	Base   int64               `bson:"base"`
	Seq    int64               `bson:"seq"`
}

func encodeRecord(r *store.Record) *latest {
	marks := make([]storedMark, len(r.Marks))
	for i, m := range r.Marks {
		marks[i] = storedMark{m.Device.User, m.Device.ID, m.N, m.Base, m.Seq}
	}
	return &latest{
		Seq: r.Seq, Rev: r.Rev, Collection: r.Collection, At: primitive.NewDateTimeFromTime(r.At),
		Deleted: r.Deleted, Pinned: r.Pinned,
		Template: r.Index.Subject(), Verdict: r.Index.Verdict, State: r.Index.State, Evidence: r.Index.Evidence,
		Started: primitive.NewDateTimeFromTime(r.Index.Started), Terms: r.Index.Terms,
		Marks: marks, Revisions: store.PackSeqs(r.Revisions), JSON: r.Doc,
	}
}

func (sr *storedRecord) decode() (store.Record, error) {
	r := store.Record{Area: sr.Area, ID: inspection.DocID(sr.ID[len(recordPrefix):])}
	l := sr.Latest
	if l == nil {
		return r, nil
	}
	var err error
	if r.Revisions, err = store.UnpackSeqs(l.Revisions); err != nil {
		return r, err
	}
	r.Collection, r.Rev, r.Seq, r.At = l.Collection, l.Rev, l.Seq, timeOf(l.At)
	r.Deleted, r.Pinned, r.Doc = l.Deleted, l.Pinned, l.JSON
	r.Index = store.Index{
		Verdict: l.Verdict, State: l.State, Evidence: l.Evidence,
		Started: timeOf(l.Started), Terms: l.Terms,
	}
	r.Index.SetSubject(l.Collection, l.Template)
	for _, m := range l.Marks {
		r.Marks = append(r.Marks, store.Mark{
			Device: inspection.Device{User: m.User, ID: m.Device}, N: m.N, Base: m.Base, Seq: m.Seq,
		})
	}
	return r, nil
}

// timeOf is exact to the millisecond.
func timeOf(t primitive.DateTime) time.Time { return t.Time().UTC() }

type storedReceipt struct {
	User       inspection.UserID     `bson:"user"`
	Device     inspection.DeviceID   `bson:"device"`
	N          int64                 `bson:"n"`
	Content    string                `bson:"content"`
	Area       inspection.Area       `bson:"area"`
	Collection inspection.Collection `bson:"collection"`
	ID         inspection.DocID      `bson:"id"`
	Rev        int64                 `bson:"rev"`
	Seq        int64                 `bson:"seq"`
	Status     store.Status          `bson:"status"`
	Code       inspection.Code       `bson:"code"`
	Detail     string                `bson:"detail"`
}

func encodeReceipt(r store.Receipt) storedReceipt {
	return storedReceipt{
		User: r.Device.User, Device: r.Device.ID, N: r.N, Content: r.Content,
		Area: r.Area, Collection: r.Collection, ID: r.ID, Rev: r.Rev, Seq: r.Seq,
		Status: r.Status, Code: r.Code, Detail: r.Detail,
	}
}

func (sr *storedReceipt) decode() store.Receipt {
	return store.Receipt{
		Device: inspection.Device{User: sr.User, ID: sr.Device}, N: sr.N, Content: sr.Content,
		Area: sr.Area, Collection: sr.Collection, ID: sr.ID, Rev: sr.Rev, Seq: sr.Seq,
		Status: sr.Status, Code: sr.Code, Detail: sr.Detail,
	}
}

// storedHead is an area's mark: up to where the views have followed its log.
// At is a date for people; with Nanos it is exact.
type storedHead struct {
	Seq   int64              `bson:"seq"`
	Hash  []byte             `bson:"hash"`
	At    primitive.DateTime `bson:"at"`
	Nanos int64              `bson:"nanos"`
}

func encodeHead(h store.Head) storedHead {
	at, nanos := split(h.At)
	return storedHead{Seq: h.Seq, Hash: h.Hash[:], At: at, Nanos: nanos}
}

func (sh *storedHead) decode() (store.Head, error) {
	hash, err := toHash(sh.Hash)
	return store.Head{Seq: sh.Seq, Hash: hash, At: join(sh.At, sh.Nanos)}, err
}

// split returns a time as a date, which counts milliseconds, and the
// nanoseconds beyond it.
func split(t time.Time) (primitive.DateTime, int64) {
	at := primitive.NewDateTimeFromTime(t)
	return at, int64(t.Sub(at.Time()))
}

func join(at primitive.DateTime, nanos int64) time.Time {
	return at.Time().Add(time.Duration(nanos)).UTC()
}

func toHash(b []byte) (store.Hash, error) {
	var h store.Hash
	if len(b) != len(h) {
		return h, store.ErrDamaged
	}
	return store.Hash(b), nil
}
