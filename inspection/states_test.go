package inspection_test

import (
	"testing"

	"gridpatrol/inspection"
)

// TestReview is the table of the review in docs/contract.md, section 6; "-" is
// what is refused or changes nothing.
func TestReview(t *testing.T) {
	states := []inspection.ReviewState{
		inspection.ReviewNone, inspection.ReviewReceived, inspection.ReviewHasIssues,
		inspection.ReviewEdited, inspection.ReviewApproved, inspection.ReviewRejected,
	}
	for event, row := range map[inspection.ReviewEvent][]inspection.ReviewState{
		//                         draft       received      has_issues    edited        approved    rejected
		inspection.ReviewSubmit:   {"received", "-", "-", "-", "-", "-"},
		inspection.ReviewWithdraw: {"-", "", "-", "-", "-", "-"},
		inspection.ReviewEdit:     {"-", "-", "edited", "-", "-", "edited"},
		inspection.ReviewApprove:  {"-", "approved", "approved", "approved", "-", "-"},
		inspection.ReviewReject:   {"-", "rejected", "rejected", "rejected", "-", "-"},
		inspection.ReviewSendBack: {"-", "has_issues", "has_issues", "has_issues", "-", "-"},
		inspection.ReviewReopen:   {"-", "-", "-", "-", "received", "received"},
		"sing":                    {"-", "-", "-", "-", "-", "-"},
	} {
		for i, want := range row {
			next, ok := states[i].After(event)
			if ok != (want != "-") || ok && next != want || !ok && next != states[i] {
				t.Errorf("%s after %s: %s, %v; want %s", states[i], event, next, ok, want)
			}
		}
	}
}

// TestTask is the table of tasks.
func TestTask(t *testing.T) {
	states := []inspection.TaskState{
		inspection.TaskNone, inspection.TaskAssigned, inspection.TaskRectified, inspection.TaskVerified, inspection.TaskClosed,
	}
	for event, row := range map[inspection.TaskEvent][]inspection.TaskState{
		//                       none        assigned    rectified   verified    closed
		inspection.TaskCreate:  {"assigned", "-", "-", "-", "-"},
		inspection.TaskAssign:  {"-", "assigned", "-", "-", "-"},
		inspection.TaskRectify: {"-", "rectified", "rectified", "rectified", "-"},
		inspection.TaskVerify:  {"-", "-", "verified", "-", "-"},
		inspection.TaskReopen:  {"-", "-", "assigned", "assigned", "assigned"},
		inspection.TaskClose:   {"-", "-", "-", "closed", "-"},
	} {
		for i, want := range row {
			next, ok := states[i].After(event)
			if ok != (want != "-") || ok && next != want || !ok && next != states[i] {
				t.Errorf("%s after %s: %s, %v; want %s", states[i], event, next, ok, want)
			}
		}
	}
}

func TestLocked(t *testing.T) {
	for _, c := range []struct {
		collection inspection.Collection
		server     string
		want       bool
	}{
		{inspection.Inspections, `{"review":{"state":"approved"}}`, true},
		{inspection.Inspections, `{"review":{"state":"edited"},"state":"closed"}`, false},
		{inspection.Tasks, `{"state":"closed"}`, true},
		{inspection.Tasks, `{"state":"verified","review":{"state":"approved"}}`, false},
		{inspection.Sites, `{"review":{"state":"approved"},"state":"closed"}`, false},
		{inspection.Inspections, `{"review":7}`, false},
	} {
		server := serverOf(t, c.server)
		if got := inspection.Locked(c.collection, &server); got != c.want {
			t.Errorf("%s %s: %t", c.collection, c.server, got)
		}
	}
}
