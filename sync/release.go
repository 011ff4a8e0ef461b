package sync

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// The states of what is in quarantine.
const (
	Held      = "held"
	Released  = "released"
	Discarded = "discarded"
)

// Release pushes a quarantined mutation again as its user's, with the present
// grants of the administrator who releases it, and returns the result and the
// quarantine's document after it. The edit is merged from the revision that
// it started from. It leaves no receipt: the phone was told that it was
// rejected, and is told so again. Returns CodeNotFound, and CodeConflict if
// the mutation was settled before or still can't be stored.
func (s *Service) Release(ctx context.Context, principal *inspection.Principal, id inspection.DocID) (Result, []byte, error) {
	held, doc, err := s.quarantined(ctx, id)
	if err != nil {
		return Result{}, nil, err
	}
	m, err := heldMutation(held.Doc)
	if err != nil {
		return Result{}, nil, err
	}
	owner := inspection.Device{User: inspection.UserID(doc.Text("user"))}
	it := &item{m: &m, principal: inspection.NewPrincipal(principal.Role, owner, principal.Areas()...)}
	area, err := s.pushAgain(ctx, it)
	if err != nil {
		return Result{}, nil, err
	}
	result := answer([]*item{it}, s.now()).Results[0]
	outcome := inspection.Object{
		"status": string(result.Status), "rev": inspection.Integer(*result.Rev), "seq": inspection.Integer(*result.Seq), "area": string(area),
	}
	after, err := s.settleQuarantine(ctx, principal.Device.User, id, Released, outcome, nil)
	return result, after, err
}

// Discard puts a quarantined mutation away. It stays in history. Returns
// CodeNotFound, and CodeConflict if it was settled before.
func (s *Service) Discard(ctx context.Context, principal *inspection.Principal, id inspection.DocID, comment string) ([]byte, error) {
	if _, _, err := s.quarantined(ctx, id); err != nil {
		return nil, err
	}
	return s.settleQuarantine(ctx, principal.Device.User, id, Discarded, nil, inspection.TextOrNull(comment))
}

// quarantined returns what is still held under the id.
func (s *Service) quarantined(ctx context.Context, id inspection.DocID) (store.Record, inspection.Object, error) {
	found, err := s.store.Records(ctx, []inspection.DocID{id})
	if err != nil {
		return store.Record{}, nil, err
	}
	r := found[id]
	if r.Rev == 0 || r.Collection != inspection.Quarantine {
		return r, nil, inspection.Errorf(inspection.CodeNotFound, "There is nothing of this id in quarantine.")
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return r, nil, inspection.Errorf(inspection.CodeInternal, "The quarantined document is not readable.")
	}
	return r, doc, notSettled(doc)
}

func notSettled(doc inspection.Object) error {
	if doc["state"] == Held {
		return nil
	}
	return inspection.Errorf(inspection.CodeConflict, "This was %s before.", doc.Text("state"))
}

// heldMutation decodes the mutation as it was sent.
func heldMutation(doc []byte) (Mutation, error) {
	var held struct {
		Mutation json.RawMessage `json:"mutation"`
		Base64   string          `json:"mutation_base64"`
	}
	err := json.Unmarshal(doc, &held)
	raw := []byte(held.Mutation)
	if raw == nil && err == nil {
		raw, err = base64.StdEncoding.DecodeString(held.Base64)
	}
	var o inspection.Object
	if err == nil {
		o, err = inspection.ParseObject(raw)
	}
	var m Mutation
	if err == nil {
		m, err = decodeMutation(inspection.Element{Value: o, Bytes: raw})
	}
	if err != nil {
		return m, inspection.Errorf(inspection.CodeConflict, "The mutation can't be read, so it can't be stored. Discard it.")
	}
	if m.Fault != nil {
		return m, stillRejected(m.Fault)
	}
	return m, nil
}

func stillRejected(why *inspection.Error) error {
	return inspection.Errorf(inspection.CodeConflict, "It still can't be stored (%s): %s", why.Code, why.Detail)
}

// pushAgain decides the item in its area's queue, and returns the area.
// Nothing is set aside again.
func (s *Service) pushAgain(ctx context.Context, it *item) (inspection.Area, error) {
	byArea, err := s.route(ctx, []*item{it})
	if err != nil {
		return "", err
	}
	var area inspection.Area
	for a, list := range byArea {
		area = a
		if err := s.submit(a, list); err != nil {
			return "", err
		}
	}
	switch {
	case it.reject != nil:
		return "", stillRejected(it.reject)
	case it.result.reject != nil:
		return "", stillRejected(it.result.reject)
	case it.aside || it.result.forget:
		return "", inspection.Errorf(inspection.CodeConflict, "It deletes a document that nobody knows. Discard it.")
	}
	return area, nil
}

// settleQuarantine ends what is held. The mutation itself stays in history,
// where it is byte for byte as it was sent.
func (s *Service) settleQuarantine(ctx context.Context, by inspection.UserID, id inspection.DocID, state string, outcome inspection.Object, comment any) ([]byte, error) {
	records, err := s.Act(ctx, Act{
		Area: inspection.ReferenceArea, IDs: []inspection.DocID{id}, By: by, Kind: store.KindSettled,
		Decide: func(at time.Time, drafts map[inspection.DocID]*Draft) error {
			d := drafts[id]
			if err := notSettled(d.Client); err != nil {
				return err
			}
			d.Client["state"] = state
			delete(d.Client, "mutation")
			delete(d.Client, "mutation_base64")
			settled := inspection.Object{"by": string(by), "at": string(inspection.StampOf(at)), "comment": comment}
			for name, v := range outcome {
				settled[name] = v
			}
			d.Client["settled"] = settled
			d.ServerChanged()
			return nil
		},
	})
	return records[id].Doc, err
}
