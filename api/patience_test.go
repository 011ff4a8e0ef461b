package api

import (
	"strings"
	"testing"
	"time"
)

func TestDrippingBodyIsCutOff(t *testing.T) {
	began := time.Now()
	var deadlines []time.Time
	p := &patientReader{r: strings.NewReader("xxx"), silence: time.Hour, began: began, extend: func(at time.Time) error {
		deadlines = append(deadlines, at)
		return nil
	}}
	for range 3 {
		if _, err := p.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if last := deadlines[2].Sub(began); last > time.Hour+time.Second {
		t.Errorf("two bytes bought %v", last)
	}
}
