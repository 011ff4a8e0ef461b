package sync

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/template"
)

// Published is a reference document after an administrator's change.
type Published struct {
	Doc []byte
	// Changed: there is a new revision; else it was as asked for already.
	Changed bool
}

// PublishTemplate adds the next version of a template: a definition in YAML,
// or in JSON. Without a version it gets the next one. Returns a Fault that
// names what is wrong, and CodeConflict for a version that is not above
// the newest: what is published never changes. The newest may be sent again
// as it is.
func (s *Service) PublishTemplate(ctx context.Context, by inspection.UserID, name string, definition []byte) (Published, error) {
	return s.publish(ctx, by, inspection.Templates, func(ref *Reference) (string, inspection.Object, error) {
		def, err := template.DecodeYAML(definition) // JSON is YAML
		if err != nil {
			return "", nil, err
		}
		return nextVersion(ref, name, def)
	}, publishOnce)
}

// nextVersion compiles a definition as the next version of the template.
func nextVersion(ref *Reference, name string, def inspection.Object) (string, inspection.Object, error) {
	newest := int64(0)
	if t := ref.newest(name); t != nil {
		newest = int64(t.Version())
	}
	source := inspection.Object{"version": inspection.Integer(newest + 1), "name": name}
	for member, v := range def {
		source[member] = v
	}
	t, err := template.FromDefinition(source)
	if err != nil {
		return "", nil, err
	}
	for _, unit := range t.LeadUnits() {
		if unit != "" && !ref.Units[unit] {
			return "", nil, inspection.Errorf(inspection.CodeBadDocument, "Template: lead_unit: there is no unit %q.", unit)
		}
	}
	if t.Name() != name {
		return "", nil, inspection.Errorf(inspection.CodeBadDocument, "Template: name: %q is not the name in the address, %q.", t.Name(), name)
	}
	if v := int64(t.Version()); v < newest {
		return "", nil, inspection.Errorf(inspection.CodeConflict, "Version %d is published already. Raise the version above %d.", v, newest)
	}
	doc := t.Document()
	return doc.Text("id"), doc, nil
}

// publishOnce keeps what was published under an id for ever.
func publishOnce(before, doc inspection.Object) error {
	if before != nil && !inspection.SameFields(before, doc) {
		return inspection.Errorf(inspection.CodeConflict, "This version is published, and a published version never changes. Raise the version.")
	}
	return nil
}

// PublishLimit adds or changes a row of the limits. A row that is there is
// changed only by who has seen it: doc carries its server.rev. Verdicts that
// were given stay as they are. Returns a Fault that names the member, and
// CodeStale.
func (s *Service) PublishLimit(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (Published, error) {
	return s.publishRow(ctx, by, inspection.Limits, id, doc, checkLimit)
}

// PublishTarget is PublishLimit for a row of the targets.
func (s *Service) PublishTarget(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (Published, error) {
	return s.publishRow(ctx, by, inspection.Targets, id, doc, checkTarget)
}

func (s *Service) publishRow(ctx context.Context, by inspection.UserID, c inspection.Collection, id string, doc inspection.Object, check func(*Reference, inspection.Object) error) (Published, error) {
	seen, _ := inspection.RevOf(doc)
	row := inspection.ClientOwned(doc)
	return s.publish(ctx, by, c, func(ref *Reference) (string, inspection.Object, error) {
		if row["id"] == nil {
			row["id"] = id
		}
		if row["id"] != id || !validRowID(id) {
			return "", nil, badRow("id", "must be that of the address: letters, digits, dots, dashes and underscores, at most 100")
		}
		return id, row, check(ref, row)
	}, func(before, _ inspection.Object) error {
		if rev, _ := inspection.RevOf(before); rev != seen {
			return inspection.Errorf(inspection.CodeStale, "The row is at revision %d, and you send revision %d as server.rev. Read it again.", rev, seen)
		}
		return nil
	})
}

// publish appends the next revision of a reference document, and decides
// again when another writer was first. allowed says whether it may take the
// place of what is there, nil if that is nothing.
func (s *Service) publish(ctx context.Context, by inspection.UserID, c inspection.Collection,
	draft func(*Reference) (string, inspection.Object, error), allowed func(before, doc inspection.Object) error,
) (Published, error) {
	var out Published
	_, err := store.AppendDecided(ctx, s.store, inspection.ReferenceArea, func(ctx context.Context) (d store.Decision, err error) {
		d, out, err = s.decidePublish(ctx, by, c, draft, allowed)
		return d, err
	})
	s.catalog.forget()
	var wrong *inspection.Error
	if asFault(err, &wrong) && wrong.Code == inspection.CodeBadDocument {
		err = inspection.FaultIn("", inspection.CodeBadDocument, wrong.Detail)
	}
	return out, err
}

func (s *Service) decidePublish(ctx context.Context, by inspection.UserID, c inspection.Collection,
	draft func(*Reference) (string, inspection.Object, error), allowed func(before, doc inspection.Object) error,
) (d store.Decision, out Published, err error) {
	if d.Head, err = s.store.Head(ctx, inspection.ReferenceArea); err != nil {
		return d, out, err
	}
	ref, err := s.catalog.upTo(ctx, d.Head.Seq)
	if err != nil {
		return d, out, err
	}
	id, doc, err := draft(ref)
	if err != nil {
		return d, out, err
	}
	r, before, err := s.published(ctx, referenceID(c, id))
	switch {
	case err != nil:
		return d, out, err
	case r.Seq > d.Head.Seq:
		return d, out, store.ErrStale // another was first
	case before != nil && inspection.SameFields(before, doc):
		return d, Published{Doc: r.Doc}, store.ErrUnchanged
	}
	if err := allowed(before, doc); err != nil {
		return d, out, err
	}
	e, err := s.nextReference(by, d.Head, c, id, r.Rev+1, doc)
	d.Entries = []store.Entry{e}
	return d, Published{Doc: e.Doc, Changed: true}, err
}

// published reads a reference document; nil if there is none.
func (s *Service) published(ctx context.Context, id inspection.DocID) (store.Record, inspection.Object, error) {
	known, err := s.store.Records(ctx, []inspection.DocID{id})
	r := known[id]
	if err != nil || r.Rev == 0 || r.Deleted {
		return r, nil, err
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		err = inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")
	}
	return r, doc, err
}

// nextReference makes the entry of a reference document's next revision.
func (s *Service) nextReference(by inspection.UserID, head store.Head, c inspection.Collection, id string, rev int64, doc inspection.Object) (store.Entry, error) {
	seq, at := head.Next(s.now().UTC())
	e := seedEntry(ReferenceDocument{c, id, doc}, seq, at)
	server := inspection.Server{Rev: rev, Seq: e.Seq, ChangedAt: inspection.StampOf(at), ChangedBy: inspection.Some(by)}
	e.Rev, e.Actor, e.Doc = rev, by, server.AppendWith(nil, doc)
	if len(e.Doc) > inspection.MaxDocumentBytes {
		return e, inspection.Errorf(inspection.CodeBadDocument, "The document is larger than 1 MiB.")
	}
	return e, nil
}

func validRowID(id string) bool {
	return id != "" && len(id) <= 100 && !slices.ContainsFunc([]rune(id), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

func badRow(member, why string) error {
	return inspection.FaultIn("/"+member, inspection.CodeBadDocument, "The member "+member+" "+why+".")
}

var periods = []string{"month", "half_month"}

// checkRow checks what all rows have: they are dated, and say where they come
// from and how far that is to be trusted.
func checkRow(c inspection.Collection, row inspection.Object) error {
	for name := range row {
		if !inspection.HasMember(c, name) { // a misspelt one would be without effect
			return badRow(name, "is none of such a row")
		}
	}
	for _, name := range []string{"source", "flag", "effective_from"} {
		if row.Text(name) == "" {
			return badRow(name, "must be given: a row says where it comes from, how far that is to be trusted (P, S or M), and from which day it holds")
		}
	}
	if !slices.Contains([]any{"P", "S", "M"}, row["flag"]) {
		return badRow("flag", "must be P (primary text), S (secondary source) or M (memory)")
	}
	if _, ok := row.Bool("enabled"); !ok {
		return badRow("enabled", "must be true or false")
	}
	return checkDays(row)
}

func checkDays(row inspection.Object) error {
	var days []time.Time
	for _, name := range []string{"effective_from", "effective_to"} {
		if row[name] == nil {
			continue
		}
		day, err := inspection.ParseDay(row.Text(name))
		if err != nil {
			return badRow(name, "must be a date like 2026-06-01")
		}
		days = append(days, day)
	}
	if len(days) == 2 && !days[0].Before(days[1]) {
		return badRow("effective_to", "must be after effective_from: it is the first day on which the row holds no more")
	}
	return nil
}

func checkLimit(_ *Reference, row inspection.Object) error {
	if err := checkRow(inspection.Limits, row); err != nil {
		return err
	}
	_, err := template.ParseLimit(row)
	return err
}

func checkTarget(ref *Reference, row inspection.Object) error {
	if err := checkRow(inspection.Targets, row); err != nil {
		return err
	}
	switch {
	case ref.newest(row.Text("topic")) == nil:
		return badRow("topic", "must be the name of a template")
	case !ref.Areas[inspection.Area(row.Text("area"))]:
		return badRow("area", "must be the code of an area that is known here")
	case !slices.Contains(periods, row.Text("period")):
		return badRow("period", "must be month or half_month")
	}
	asked := 0
	for _, name := range []string{"sessions", "vehicles", "inspections"} {
		if row[name] == nil {
			continue
		}
		if n, ok := row.Int(name); !ok || n < 1 || n > 1_000_000 {
			return badRow(name, "must be a whole number from 1 to "+strconv.Itoa(1_000_000))
		}
		asked++
	}
	if asked == 0 {
		return badRow("sessions", "must be given, or vehicles or inspections: a target asks for something")
	}
	return nil
}
