package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// recordConflicts adds what clashed to the document's open conflicts, as far as
// there is room; the rest is counted. A value that this device has there
// already is not recorded again.
func recordConflicts(server inspection.Object, clashes []inspection.Clash, it *item, e *store.Entry) {
	list, _ := server["conflicts"].([]any)
	list = append([]any{}, list...)
	room := maxConflictBytes - len(inspection.AppendJSON(nil, list))
	var more int64
	for _, c := range clashes {
		if pathBytes(c) > maxConflictPath {
			more++
			continue
		}
		pointer := c.Pointer()
		if isRecorded(list, pointer, c.Offered, it.principal.Device.ID) {
			continue
		}
		conflict := inspection.Object{
			"k": conflictKey(pointer, it), "pointer": pointer, "kept": c.Kept, "offered": c.Offered,
			"by": string(e.Actor), "device": string(e.Device), "n": it.number(),
			"base": number(e.Base), "at": stamp(e.At),
		}
		size := len(inspection.AppendJSON(nil, conflict))
		if len(list) >= maxConflicts || size > room {
			more++
			continue
		}
		list, room = append(list, conflict), room-size
	}
	server["conflicts"] = list
	if more > 0 {
		before, _ := integer(server["conflicts_more"])
		server["conflicts_more"] = number(before + more)
	}
}

func pathBytes(c inspection.Clash) int {
	size := 0
	for _, token := range c.Path {
		size += len(token)
	}
	return size
}

func isRecorded(list []any, pointer string, offered any, device inspection.DeviceID) bool {
	for _, x := range list {
		o := object(x)
		same := o["pointer"] == pointer && o["device"] == string(device)
		if same && inspection.Equal(o["offered"], offered) {
			return true
		}
	}
	return false
}

// number is that of the mutation; a row has none.
func (it *item) number() any {
	if it.m.Row != nil {
		return nil
	}
	return number(it.m.N)
}

// conflictKey is stable: the same mutation gives the same key, whenever and
// wherever it is decided.
func conflictKey(pointer string, it *item) string {
	h := sha256.New()
	sent := strconv.FormatInt(it.m.N, 10)
	if it.m.Row != nil {
		sent = it.m.Content
	}
	h.Write([]byte(string(it.principal.Device.User) + "/" + string(it.principal.Device.ID) + "/" + sent + "/"))
	h.Write([]byte(pointer))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// pinned decides whether a first sync sends the document whatever its age.
func pinned(e *store.Entry, doc, server inspection.Object) bool {
	if e.Deleted {
		return false
	}
	if open, _ := server["conflicts"].([]any); len(open) > 0 || server["conflicts_more"] != nil {
		return true
	}
	switch e.Collection {
	case inspection.Sites:
		return true
	case inspection.Sessions:
		return doc["ended_at"] == nil
	case inspection.Tasks:
		return inspection.TaskOf(server) != inspection.TaskClosed
	}
	state := inspection.ReviewOf(server)
	return doc["status"] != "submitted" || state == inspection.ReviewHasIssues || state == inspection.ReviewEdited
}

// unknownUnits lists units of a session that the register lacks.
func unknownUnits(ref *Reference, doc inspection.Object) []inspection.Problem {
	var out []inspection.Problem
	check := func(pointer string, v any) {
		if s, ok := v.(string); ok && !ref.Units[s] {
			out = append(out, inspection.Problem{
				Pointer: pointer, Code: inspection.CodeUnknownRef,
				Message: "未知的单位", MessageEN: "No unit of this id is known here.",
			})
		}
	}
	check("/lead_unit", doc["lead_unit"])
	list, _ := doc["participants"].([]any)
	for i, v := range list {
		check("/participants/"+strconv.Itoa(i), v)
	}
	return out
}
