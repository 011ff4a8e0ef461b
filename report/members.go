package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"gridpatrol/inspection"
)

// roll lists the documents that a window's report rests on: all its sessions,
// those of their inspections that could count, and all violations. It is what
// a closing is compared with later.
type roll struct {
	Sessions    []inspection.DocID `json:"sessions"`
	Inspections []inspection.DocID `json:"inspections"`
}

// member is a document of a roll as it is at a position.
type member struct {
	id       inspection.DocID
	area     inspection.Area
	seq      int64
	session  inspection.DocID // that an inspection names
	isCheck  bool
	received time.Time
}

// roller writes the roll down as the lines come.
type roller struct{ members []member }

func (r *roller) check(_ *session, c *check, o Outcome) error {
	if o == Counted || o == SecondInCheck || o == OfExcluded || c.fails() {
		return r.violation(c)
	}
	return nil
}

func (r *roller) violation(c *check) error {
	r.members = append(r.members, member{
		id: c.ID, area: c.Area, seq: c.Seq, session: c.Session, isCheck: true, received: timeOf(c.server()["received_at"]),
	})
	return nil
}

func (r *roller) session(s *session, _ Count) error {
	r.members = append(r.members, member{id: s.ID, area: s.Area, seq: s.Seq, received: timeOf(s.server()["received_at"])})
	return nil
}

func (r *roller) writeTo(w io.Writer) error {
	var out roll
	for _, m := range r.members {
		if m.isCheck {
			out.Inspections = append(out.Inspections, m.id)
		} else {
			out.Sessions = append(out.Sessions, m.id)
		}
	}
	b, err := json.Marshal(out)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// readRoll returns the members; the value tells whether it is an inspection.
func readRoll(r io.Reader) (map[inspection.DocID]bool, error) {
	var in roll
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return nil, fmt.Errorf("the roll of a closed window: %w", err)
	}
	all := make(map[inspection.DocID]bool, len(in.Sessions)+len(in.Inspections))
	for _, id := range in.Sessions {
		all[id] = false
	}
	for _, id := range in.Inspections {
		all[id] = true
	}
	return all, nil
}
