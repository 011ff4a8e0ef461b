package store

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"gridpatrol/inspection"
)

// Index is what lists, look-ups and reports ask for, taken from a document.
// Engines keep it beside the record as typed fields.
type Index struct {
	// The subject: each collection has one of these four.
	Template string          // of an inspection
	Topic    string          // of a session
	Unit     string          // that a task is given to
	Code     inspection.Code // why something is in quarantine

	Verdict string
	// State of the review; of a task and of what is in quarantine, its own.
	State string
	// Evidence is "complete" or "incomplete", "" where nothing is demanded.
	Evidence string
	// Started is started_at, else when the server received the document. Of a
	// task it is when it is due: lists of tasks are in that order.
	Started time.Time
	// Terms are what the document can be found by, sorted, each once.
	Terms []string
}

// Subject returns the one of template, topic, unit and code that there is.
// Engines keep it in one column, named "template" since the first of them.
func (ix *Index) Subject() string { return cmp.Or(ix.Template, ix.Topic, ix.Unit, string(ix.Code)) }

// SetSubject is the way back from Subject, for a document of the collection.
func (ix *Index) SetSubject(c inspection.Collection, s string) {
	switch c {
	case inspection.Sessions:
		ix.Topic = s
	case inspection.Tasks:
		ix.Unit = s
	case inspection.Quarantine:
		ix.Code = inspection.Code(s)
	default:
		ix.Template = s
	}
}

// Names reports whether the document has a term of that prefix.
func (ix *Index) Names(prefix string) bool { return ix.Term(prefix) != "" }

// Term returns the document's first term of that prefix, or "".
func (ix *Index) Term(prefix string) string {
	i, _ := slices.BinarySearch(ix.Terms, prefix)
	if i < len(ix.Terms) && strings.HasPrefix(ix.Terms[i], prefix) {
		return ix.Terms[i]
	}
	return ""
}

// Prefixes of terms. What follows names a photo by its SHA-256, a session, a
// task, a site or an inspection by id, who is to do a task, a flag of the
// evidence, or is a text to search in the form of SearchKey.
const (
	TermPhoto      = "photo:"
	TermSession    = "session:"
	TermTask       = "task:"
	TermSite       = "site:"
	TermInspection = "inspection:"
	TermAssignee   = "assignee:"
	TermFlag       = "flag:"
	TermText       = "text:"
)

// linkKinds are the kinds of terms that name one thing by its id: few documents
// carry the same.
var linkKinds = []string{TermPhoto, TermSession, TermTask, TermSite, TermInspection}

// IsLink reports whether a term names one thing by its id. The others are
// what documents are searched by, and many may carry the same.
func IsLink(term string) bool {
	kind, _, _ := strings.Cut(term, ":")
	return slices.Contains(linkKinds, kind+":")
}

// maxTerms bounds what one document can be found by: the rest of a document
// with thousands of photos is found through its other terms.
const maxTerms = 2000

// IndexOf takes the index from a document, "server" included.
func IndexOf(c inspection.Collection, doc inspection.Object) Index {
	server := inspection.ServerOf(doc)
	return IndexOfParts(c, doc, &server)
}

// IndexOfParts is IndexOf for a document whose server part is at hand apart
// from it.
func IndexOfParts(c inspection.Collection, doc inspection.Object, server *inspection.Server) Index {
	ix := Index{Started: firstTime(doc.Text("started_at"), string(server.ReceivedAt))}
	switch c {
	case inspection.Inspections:
		ix.Template, ix.Verdict = doc.Text("template"), string(server.Verdict)
		ix.State = string(server.ReviewState())
	case inspection.Sessions:
		ix.Topic = doc.Text("topic")
	case inspection.Tasks:
		ix.Unit, ix.State = doc.Text("unit"), string(server.State)
		ix.Started = firstTime(string(server.DueAt))
	case inspection.Quarantine:
		ix.Code, ix.State = inspection.Code(doc.Text("code")), doc.Text("state")
		ix.Started = firstTime(doc.Text("received_at"))
	}
	if complete, known := server.EvidenceComplete(); known {
		ix.Evidence = map[bool]string{true: "complete", false: "incomplete"}[complete]
	}
	ix.Terms = terms(c, doc, server)
	return ix
}

// Times outside of these years are mistakes that engines could not keep.
const (
	firstYear = 1900
	lastYear  = 2200
)

// firstTime returns the first of the values that is a time.
func firstTime(values ...string) time.Time {
	for _, s := range values {
		t, err := time.Parse(time.RFC3339, s)
		if err == nil && t.Year() >= firstYear && t.Year() < lastYear {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	return time.Time{}
}

func terms(c inspection.Collection, doc inspection.Object, server *inspection.Server) []string {
	var out []string
	add := func(prefix, value string) {
		if value != "" && len(value) <= maxTermBytes {
			out = append(out, prefix+value)
		}
	}
	for _, p := range inspection.Photos(doc) {
		add(TermPhoto, p.SHA256)
	}
	for _, sha := range server.PhotosInConflicts() {
		add(TermPhoto, sha)
	}
	for member, prefix := range map[string]string{
		"session": TermSession, "task": TermTask, "site": TermSite, "inspection": TermInspection,
	} {
		if id, err := inspection.ParseDocID(doc.Text(member)); err == nil {
			add(prefix, string(id))
		}
	}
	if server.Evidence != nil {
		for _, f := range server.Evidence.Flags {
			add(TermFlag, string(f.Kind))
		}
	}
	if c == inspection.Tasks { // of which a phone can't write it
		add(TermAssignee, doc.Text("assignee"))
	}
	for _, s := range []string{
		doc.Object("answers").Text("plate"), server.Title.Value(), server.SiteName.Value(),
		doc.Text("name"), doc.Text("title"), doc.Text("point"),
	} {
		add(TermText, SearchKey(s))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxTerms)]
}

// maxTermBytes bounds one term, well under what engines index.
const maxTermBytes = 400

// SearchKey is the form in which texts are searched: upper case, full-width
// letters and digits halved, no spaces, dots or other marks, at most 64 runes.
func SearchKey(s string) string {
	runes := make([]rune, 0, 64)
	for _, r := range s {
		if '！' <= r && r <= '～' {
			r -= '！' - '!'
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		if runes = append(runes, unicode.ToUpper(r)); len(runes) == 64 {
			break
		}
	}
	return string(runes)
}
