package bench_test

import (
	"encoding/json"
	"fmt"
	"strings"
	gosync "sync"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
)

const (
	clients   = 8
	batchSize = 50
)

// area is the street of a client.
func area(client int) inspection.Area {
	return inspection.Area(fmt.Sprintf("61010200%d", client+1))
}

// records returns the fixtures of all five checklists as a phone sends them.
var records = gosync.OnceValue(func() []inspection.Object {
	var list []inspection.Object
	for _, name := range seeds.Fixtures() {
		if !strings.HasPrefix(name, "session_") {
			list = append(list, seeds.Fixture(name))
		}
	}
	return list
})

// inspectionOf returns the nth record of a street, with an id of its own.
func inspectionOf(street inspection.Area, n int) (string, inspection.Object) {
	id := uuid.Must(uuid.NewV7()).String()
	doc := inspection.ClientOwned(records()[n%len(records())])
	doc["id"], doc["area"] = id, string(street)
	return id, doc
}

// bodies encodes a client's batches before the clock runs.
func bodies(tb testing.TB, street inspection.Area, batches, first int) [][]byte {
	tb.Helper()
	list := make([][]byte, batches)
	n := first
	for i := range list {
		mutations := make([]any, batchSize)
		for k := range mutations {
			n++
			id, doc := inspectionOf(street, n)
			mutations[k] = map[string]any{
				"n": n, "collection": "inspections", "op": "put", "id": id, "base": 0, "doc": doc,
			}
		}
		body, err := json.Marshal(map[string]any{"device_time": "2026-10-12T18:00:03+08:00", "mutations": mutations})
		if err != nil {
			tb.Fatal(err)
		}
		list[i] = body
	}
	return list
}
