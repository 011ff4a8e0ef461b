package api

import (
	"testing"

	"gridpatrol/inspection"
)

func TestPokeHasSortedAreas(t *testing.T) {
	got := string(poke(map[inspection.Area]int64{"610103001": 7, "610102003": 131, "_": 2}))
	if want := "event: poke\ndata: {\"610102003\":131,\"610103001\":7,\"_\":2}\n\n"; got != want {
		t.Errorf("got %q", got)
	}
	if poke(nil) != nil {
		t.Error("an event of nothing")
	}
}
