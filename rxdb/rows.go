package rxdb

import (
	"strconv"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// DecodeRows reads the body of a push to a collection. Only what isn't a JSON
// array of objects is an error (CodeBadBatch); anything else wrong is for sync
// to put in quarantine.
func DecodeRows(c inspection.Collection, body []byte) ([]sync.Edit, error) {
	v, err := inspection.ParseJSON(body)
	list, ok := v.([]any)
	if err != nil || !ok {
		return nil, badBatch("The body is not a JSON array in UTF-8. Send the rows again as RxDB does.")
	}
	if len(list) > sync.MaxMutations {
		return nil, badBatch("A push holds at most " + strconv.Itoa(sync.MaxMutations) + " rows. Set a smaller batchSize.")
	}
	edits, knows := make([]sync.Edit, len(list)), knows(c)
	for i, v := range list {
		row, ok := v.(inspection.Object)
		if !ok {
			return nil, badBatch("Row " + strconv.Itoa(i) + " is not an object with a newDocumentState.")
		}
		edits[i] = decodeRow(row)
		edits[i].Collection, edits[i].Knows = c, knows
	}
	return edits, nil
}

func badBatch(detail string) error { return inspection.Errorf(inspection.CodeBadBatch, "%s", detail) }

func decodeRow(row inspection.Object) sync.Edit {
	e := sync.Edit{State: row["newDocumentState"]}
	if state, ok := e.State.(inspection.Object); ok {
		e.State, e.Deleted = withoutOwn(state), state["_deleted"] == true
	}
	if assumed := row.Object("assumedMasterState"); assumed != nil {
		e.Assumed, e.AssumedDeleted = withoutOwn(assumed), assumed["_deleted"] == true
	}
	return e
}

// withoutOwn leaves out RxDB's own members: _deleted, and by some
// configurations _rev, _meta and _attachments.
func withoutOwn(state inspection.Object) inspection.Object {
	out := make(inspection.Object, len(state))
	for name, v := range state {
		if !strings.HasPrefix(name, "_") {
			out[name] = v
		}
	}
	return out
}
