package simulate

import (
	"math/rand/v2"
	"testing"
)

// TestFixturesAreTheSimulatorsOwn: what phones fill in is made of the
// simulator's types all the way down, so that it can be changed and compared.
func TestFixturesAreTheSimulatorsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		doc := fixture(r, "")
		if members(doc["answers"]) == nil || members(doc["location"]) == nil {
			t.Fatalf("%v has parts of another type", doc)
		}
	}
}
