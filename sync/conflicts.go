package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// recordConflicts adds what clashed to the document's open conflicts, as far as
// there is room; the rest is counted. A value that this device has there
// already is not recorded again.
func recordConflicts(server *inspection.Server, clashes []inspection.Clash, it *item, e *store.Entry) {
	list := append([]inspection.Conflict{}, server.Conflicts...)
	room := maxConflictBytes - inspection.ConflictBytes(list)
	for _, c := range clashes {
		if pathBytes(c) > maxConflictPath {
			server.ConflictsMore++
			continue
		}
		pointer := c.Pointer()
		if isRecorded(list, pointer, c.Offered, it.principal.Device.ID) {
			continue
		}
		conflict := inspection.Conflict{
			Key: conflictKey(pointer, it), Pointer: pointer, Kept: c.Kept, Offered: c.Offered,
			By: e.Actor, Device: e.Device, N: it.number(), Base: e.Base, At: inspection.StampOf(e.At),
		}
		size := conflict.Bytes()
		if len(list) >= maxConflicts || size > room {
			server.ConflictsMore++
			continue
		}
		list, room = append(list, conflict), room-size
	}
	server.Conflicts = list
}

func pathBytes(c inspection.Clash) int {
	size := 0
	for _, token := range c.Path {
		size += len(token)
	}
	return size
}

func isRecorded(list []inspection.Conflict, pointer string, offered any, device inspection.DeviceID) bool {
	return slices.ContainsFunc(list, func(c inspection.Conflict) bool {
		return c.Pointer == pointer && c.Device == device && inspection.Equal(c.Offered, offered)
	})
}

// number is that of the mutation, if it has one.
func (it *item) number() inspection.Optional[int64] {
	if it.m.unnumbered != nil {
		return inspection.Null[int64]()
	}
	return inspection.Some(it.m.N)
}

// conflictKey is stable: the same mutation gives the same key, whenever and
// wherever it is decided.
func conflictKey(pointer string, it *item) string {
	h := sha256.New()
	sent := strconv.FormatInt(it.m.N, 10)
	if it.m.unnumbered != nil {
		sent = it.m.Content
	}
	h.Write([]byte(string(it.principal.Device.User) + "/" + string(it.principal.Device.ID) + "/" + sent + "/"))
	h.Write([]byte(pointer))
	return hex.EncodeToString(h.Sum(nil)[:8])
}
