package inspection

import (
	"slices"
	"time"
)

// Server is what the server owns of a document: its member "server". Which
// members there are depends on the collection; an empty field is no member,
// unless it is said otherwise. docs/contract.md describes each.
type Server struct {
	// Rev is the document's revision and Seq its entry in the area's log.
	Rev, Seq  int64
	ChangedAt Stamp
	ChangedBy Optional[UserID] // null: by the server itself
	Deleted   bool

	ReceivedAt Stamp
	Inspector  UserID // who made an inspection
	CreatedBy  UserID // who made anything else
	// ClockOffsetS is server minus device, in seconds; null if it isn't known.
	ClockOffsetS Optional[int64]

	// Conflicts are the open ones, as far as there is room for them; those that
	// are only in history are counted in ConflictsMore.
	Conflicts     []Conflict
	ConflictsMore int64
	ProblemsMore  int64 // how many are not listed

	// What an inspection was judged to be; null is what couldn't be told.
	Verdict  Verdict
	LeadUnit Optional[string]
	SiteName Optional[string]
	Title    Optional[string]
	Evidence *Evidence // of inspections and tasks; nil: not known yet
	Review   *Review

	// How a task stands.
	State TaskState
	Kind  Optional[string]
	DueAt Stamp
	Act   *TaskAct // the last one

	Settled *Settled // the conflict that was settled last

	// Findings and problems are made by the thousand and mostly written again
	// as they were stored, so they are decoded only for who asks.
	findings, problems any

	rest
}

var serverTable = []field[Server]{
	objectField("act", func(s *Server) **TaskAct { return &s.Act }, (*TaskAct).read, (*TaskAct).appendJSON),
	textField("changed_at", leftOut, func(s *Server) *Stamp { return &s.ChangedAt }),
	optionalText("changed_by", func(s *Server) *Optional[UserID] { return &s.ChangedBy }),
	optionalField("clock_offset_s", func(s *Server) *Optional[int64] { return &s.ClockOffsetS }, asWritten, appendInteger),
	listField("conflicts", leftOut, func(s *Server) *[]Conflict { return &s.Conflicts }, objectRead((*Conflict).read), (*Conflict).appendJSON),
	integerField("conflicts_more", leftOut, func(s *Server) *int64 { return &s.ConflictsMore }),
	textField("created_by", leftOut, func(s *Server) *UserID { return &s.CreatedBy }),
	flagField("deleted", func(s *Server) *bool { return &s.Deleted }),
	textField("due_at", leftOut, func(s *Server) *Stamp { return &s.DueAt }),
	objectField("evidence", func(s *Server) **Evidence { return &s.Evidence }, (*Evidence).read, (*Evidence).appendJSON),
	valueField("findings", leftOut, func(s *Server) *any { return &s.findings }),
	textField("inspector", leftOut, func(s *Server) *UserID { return &s.Inspector }),
	optionalText("kind", func(s *Server) *Optional[string] { return &s.Kind }),
	optionalText("lead_unit", func(s *Server) *Optional[string] { return &s.LeadUnit }),
	valueField("problems", leftOut, func(s *Server) *any { return &s.problems }),
	integerField("problems_more", leftOut, func(s *Server) *int64 { return &s.ProblemsMore }),
	textField("received_at", leftOut, func(s *Server) *Stamp { return &s.ReceivedAt }),
	integerField("rev", leftOut, func(s *Server) *int64 { return &s.Rev }),
	objectField("review", func(s *Server) **Review { return &s.Review }, (*Review).read, (*Review).appendJSON),
	integerField("seq", leftOut, func(s *Server) *int64 { return &s.Seq }),
	objectField("settled", func(s *Server) **Settled { return &s.Settled }, (*Settled).read, (*Settled).appendJSON),
	optionalText("site_name", func(s *Server) *Optional[string] { return &s.SiteName }),
	textField("state", leftOut, func(s *Server) *TaskState { return &s.State }),
	optionalText("title", func(s *Server) *Optional[string] { return &s.Title }),
	textField("verdict", leftOut, func(s *Server) *Verdict { return &s.Verdict }),
}

// flagField is true or not there.
func flagField[T any](name string, at func(*T) *bool) field[T] {
	return newField(name, leftOut, func(to *T, v any) bool {
		b, ok := v.(bool)
		*at(to) = b
		return ok && b
	}, func(dst []byte, from *T) ([]byte, bool) {
		return append(dst, "true"...), *at(from)
	})
}

// ServerOf reads a document's server part. What isn't as the server writes it
// is in no field, and is kept.
func ServerOf(doc Object) Server {
	var s Server
	s.rest = readMembers(serverTable, &s, doc.Object(memberServer))
	return s
}

// RevOf returns the revision that a document is at, as its "server" says; ok is
// false if it doesn't. It is for documents that clients send back: Rev is what
// the server wrote.
func RevOf(doc Object) (rev int64, ok bool) { return doc.Object(memberServer).Int("rev") }

// AppendJSON appends the part's JSON to dst, as package function AppendJSON
// would that of an object of the same members.
func (s *Server) AppendJSON(dst []byte) []byte { return appendMembers(dst, serverTable, s, &s.rest) }

// AppendWith appends the JSON of a whole document: the client's members of doc
// and this part, sorted by name.
func (s *Server) AppendWith(dst []byte, doc Object) []byte {
	whole := ClientOwned(doc)
	whole[memberServer] = Verbatim(s.AppendJSON(nil))
	return AppendJSON(dst, whole)
}

// SameMembers reports whether two server parts say the same under each of the
// names.
func SameMembers(a, b *Server, names ...string) bool {
	for _, name := range names {
		if string(a.member(name)) != string(b.member(name)) {
			return false
		}
	}
	return true
}

// member returns the JSON of one member; null and absent are the same.
func (s *Server) member(name string) []byte {
	i := slices.IndexFunc(serverTable, func(f field[Server]) bool { return f.name == name })
	if i >= 0 {
		if v, there := serverTable[i].write(nil, s); there {
			return v
		}
	}
	return AppendJSON(nil, s.others[name])
}

// ClockTolerance is how far a phone's clock may be off before its times are
// doubted. Source: docs/contract.md, section 2 (clock).
const ClockTolerance = 10 * time.Minute

// ClockIsOff reports whether a clock that is off by so many seconds is off by
// more than is tolerated.
func ClockIsOff(seconds int64) bool {
	const most = int64(ClockTolerance / time.Second)
	return seconds > most || seconds < -most
}

// ReviewState returns where an inspection stands with the supervisors.
func (s *Server) ReviewState() ReviewState {
	if s.Review == nil {
		return ReviewNone
	}
	return s.Review.State
}

// ReviewedBy returns who decided last on an inspection, "" if nobody has.
func (s *Server) ReviewedBy() UserID {
	if s.Review == nil {
		return ""
	}
	return s.Review.By
}

// EvidenceComplete reports whether no photo is missing; known is false if
// nothing has been said of photos yet.
func (s *Server) EvidenceComplete() (complete, known bool) {
	if s.Evidence == nil {
		return false, false
	}
	return s.Evidence.Complete.Get()
}

// SetFindings sets the findings of an inspection; none is an empty list.
func (s *Server) SetFindings(list []Finding) {
	if list == nil {
		list = []Finding{}
	}
	s.findings = list
}

// Findings returns the findings of an inspection.
func (s *Server) Findings() []Finding {
	if made, ok := s.findings.([]Finding); ok {
		return made
	}
	return eachObject(s.findings, findingOf)
}

// findingOf reads a finding as it was stored.
func findingOf(o Object) Finding {
	return Finding{
		Rule: o.Text("rule"), Result: Verdict(o.Text("result")), Observed: o["observed"], Limit: o["limit"],
		Unit: o.Text("unit"), Basis: o.Text("basis"), Flag: o.Text("flag"), Level: o.Text("level"),
		Message: o.Text("message"), MessageEN: o.Text("message_en"),
	}
}

// SetProblems sets what is wrong with the document; none is an empty list.
func (s *Server) SetProblems(list []Problem) {
	if list == nil {
		list = []Problem{}
	}
	s.problems = list
}

// Problems returns what is wrong with the document.
func (s *Server) Problems() []Problem {
	if made, ok := s.problems.([]Problem); ok {
		return made
	}
	return eachObject(s.problems, problemOf)
}

// problemOf reads a problem as it was stored.
func problemOf(o Object) Problem {
	return Problem{
		Pointer: o.Text("pointer"), Code: Code(o.Text("code")), Message: o.Text("message"), MessageEN: o.Text("message_en"),
	}
}

func eachObject[T any](list any, decode func(Object) T) []T {
	stored, _ := list.([]any)
	var out []T
	for _, o := range elements[Object](stored) {
		out = append(out, decode(o))
	}
	return out
}

// PhotosInConflicts returns the SHA-256 of photos that stand in the open
// conflicts: someone wants them in the record, or out of it.
func (s *Server) PhotosInConflicts() []string {
	var out []string
	for i := range s.Conflicts {
		for _, side := range []any{s.Conflicts[i].Kept, s.Conflicts[i].Offered} {
			items, many := side.([]any)
			if !many {
				items = []any{side}
			}
			for _, photo := range elements[Object](items) {
				if sha := photo.Text("sha256"); IsSHA256(sha) && !slices.Contains(out, sha) {
					out = append(out, sha)
				}
			}
		}
	}
	return out
}

// Conflict is a value that someone sent and that did not go in, because
// someone else had changed the same field. It is open until a supervisor
// settles it.
type Conflict struct {
	Key string // stable, whenever and wherever the edit is decided
	// Pointer names the field; "" is the document itself, which someone wanted
	// deleted.
	Pointer       string
	Kept, Offered any // nil is null: no value
	By            UserID
	Device        DeviceID
	N             Optional[int64] // null: the edit had no number
	Base          int64
	At            Stamp
	rest
}

var conflictTable = []field[Conflict]{
	textField("at", asNoText, func(c *Conflict) *Stamp { return &c.At }),
	integerField("base", asZero, func(c *Conflict) *int64 { return &c.Base }),
	textField("by", asNoText, func(c *Conflict) *UserID { return &c.By }),
	textField("device", asNoText, func(c *Conflict) *DeviceID { return &c.Device }),
	textField("k", asNoText, func(c *Conflict) *string { return &c.Key }),
	valueField("kept", asNull, func(c *Conflict) *any { return &c.Kept }),
	optionalField("n", func(c *Conflict) *Optional[int64] { return &c.N }, asWritten, appendInteger),
	valueField("offered", asNull, func(c *Conflict) *any { return &c.Offered }),
	textField("pointer", asNoText, func(c *Conflict) *string { return &c.Pointer }),
}

func (c *Conflict) read(o Object) { c.rest = readMembers(conflictTable, c, o) }

func (c *Conflict) appendJSON(dst []byte) []byte {
	return appendMembers(dst, conflictTable, c, &c.rest)
}

// Bytes returns how many bytes of JSON the conflict has.
func (c *Conflict) Bytes() int { return len(c.appendJSON(nil)) }

// ConflictBytes returns how many bytes of JSON the list has.
func ConflictBytes(list []Conflict) int { return len(appendList(nil, list, (*Conflict).appendJSON)) }

// Review is where an inspection stands with the supervisors, and the last
// decision.
type Review struct {
	State    ReviewState
	Decision ReviewEvent
	Comment  string
	By       UserID
	At       Stamp
	On       int64 // the revision that was decided on
	rest
}

var reviewTable = []field[Review]{
	textField("at", asNull, func(r *Review) *Stamp { return &r.At }),
	textField("by", asNull, func(r *Review) *UserID { return &r.By }),
	textField("comment", asNull, func(r *Review) *string { return &r.Comment }),
	textField("decision", leftOut, func(r *Review) *ReviewEvent { return &r.Decision }),
	integerField("on", leftOut, func(r *Review) *int64 { return &r.On }),
	textField("state", asNull, func(r *Review) *ReviewState { return &r.State }),
}

func (r *Review) read(o Object)                { r.rest = readMembers(reviewTable, r, o) }
func (r *Review) appendJSON(dst []byte) []byte { return appendMembers(dst, reviewTable, r, &r.rest) }

// TaskAct is what was done about a task.
type TaskAct struct {
	Act     TaskEvent
	Comment string
	By      UserID
	At      Stamp
	On      int64  // the revision that it rests on; 0: a phone's, or the first
	Given   Object // what came with it
	rest
}

var taskActTable = []field[TaskAct]{
	textField("act", asNoText, func(a *TaskAct) *TaskEvent { return &a.Act }),
	textField("at", asNoText, func(a *TaskAct) *Stamp { return &a.At }),
	textField("by", asNoText, func(a *TaskAct) *UserID { return &a.By }),
	textField("comment", asNull, func(a *TaskAct) *string { return &a.Comment }),
	newField("given", leftOut,
		func(a *TaskAct, v any) (ok bool) { a.Given, ok = v.(Object); return ok && a.Given != nil },
		func(dst []byte, a *TaskAct) ([]byte, bool) {
			if a.Given == nil {
				return dst, false
			}
			return appendObject(dst, a.Given), true
		}),
	integerField("on", leftOut, func(a *TaskAct) *int64 { return &a.On }),
}

func (a *TaskAct) read(o Object)                { a.rest = readMembers(taskActTable, a, o) }
func (a *TaskAct) appendJSON(dst []byte) []byte { return appendMembers(dst, taskActTable, a, &a.rest) }

// Settled is how a conflict ended.
type Settled struct {
	Key  string // the conflict's
	Take string // "kept" or "offered"
	By   UserID
	At   Stamp
	On   int64 // the revision that was decided on
	rest
}

var settledTable = []field[Settled]{
	textField("at", asNoText, func(s *Settled) *Stamp { return &s.At }),
	textField("by", asNoText, func(s *Settled) *UserID { return &s.By }),
	textField("k", asNoText, func(s *Settled) *string { return &s.Key }),
	integerField("on", asZero, func(s *Settled) *int64 { return &s.On }),
	textField("take", asNoText, func(s *Settled) *string { return &s.Take }),
}

func (s *Settled) read(o Object)                { s.rest = readMembers(settledTable, s, o) }
func (s *Settled) appendJSON(dst []byte) []byte { return appendMembers(dst, settledTable, s, &s.rest) }
