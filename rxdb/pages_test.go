package rxdb

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// shelf is a sync engine whose pages hold one document each.
type shelf struct {
	docs  int
	fails int // the page that can't be read; 0: none
	asked []sync.PullRequest
}

func (s *shelf) Pull(_ context.Context, _ *inspection.Principal, req sync.PullRequest) (*sync.PullAnswer, error) {
	s.asked = append(s.asked, req)
	n := len(s.asked)
	if n == s.fails {
		return nil, errors.New("away")
	}
	doc := fmt.Appendf(nil, `{"answers":{"n":%d},"id":"%d","server":{"rev":1},"weather":"fog"}`, n, n)
	return &sync.PullAnswer{Page: sync.Page{
		Changes: []sync.Change{{Doc: doc, Deleted: n == 2}}, Checkpoint: fmt.Sprintf("c%d", n), More: n < s.docs,
	}}, nil
}

// TestAPullGoesOnInTheSameAnswer: until there is no more, or it is as long as
// was asked for.
func TestAPullGoesOnInTheSameAnswer(t *testing.T) {
	const first = `{"_deleted":false,"answers":{"n":1},"id":"1","server":{"rev":1}}`
	const second = `{"_deleted":true,"answers":{"n":2},"id":"2","server":{"rev":1}}`
	for _, tc := range []struct {
		docs, limit, parts int
		want               string
	}{
		{1, 10, 1, `{"documents":[` + first + `],"checkpoint":{"id":"c1","lwt":0}}`},
		{2, 1, 1, `{"documents":[` + first + `],"checkpoint":{"id":"c1","lwt":0}}`},
		{2, 10, 2, `{"documents":[` + first + `,` + second + `],"checkpoint":{"id":"c2","lwt":0}}`},
		{9, 2, 2, `{"documents":[` + first + `,` + second + `],"checkpoint":{"id":"c2","lwt":0}}`},
	} {
		s := &shelf{docs: tc.docs}
		a, err := Pull(t.Context(), s, nil, inspection.Inspections, "c0", tc.limit)
		if err != nil {
			t.Fatal(err)
		}
		whole := a.Whole()
		if whole && string(a.AppendJSON(nil)) != tc.want {
			t.Errorf("%+v: as a whole %s", tc, a.AppendJSON(nil))
		}
		var got []byte
		parts := 0
		err = a.Write(t.Context(), func(part []byte) error {
			got, parts = append(got, part...), parts+1
			return nil
		})
		if err != nil || string(got) != tc.want || parts != tc.parts || whole != (parts == 1) {
			t.Errorf("%+v: %d parts, whole: %t, %v\n%s", tc, parts, whole, err, got)
		}
		for i, req := range s.asked {
			if req.Checkpoint != fmt.Sprintf("c%d", i) || req.Limit != tc.limit-i || req.Only != inspection.Inspections {
				t.Errorf("%+v: asked for %+v", tc, req)
			}
		}
	}
}

func TestAPullThatFails(t *testing.T) {
	if _, err := Pull(t.Context(), &shelf{fails: 1}, nil, inspection.Inspections, "", 10); err == nil {
		t.Error("the first page could not be read, and nothing failed")
	}
	a, err := Pull(t.Context(), &shelf{docs: 3, fails: 2}, nil, inspection.Inspections, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Write(t.Context(), func([]byte) error { return nil }); err == nil {
		t.Error("the second page could not be read, and nothing failed")
	}
}
