package inspection

// ReviewState is where an inspection stands with the supervisors. A draft has
// none.
type ReviewState string

// The states of the review: docs/contract.md, section 6.
const (
	ReviewNone      ReviewState = ""
	ReviewReceived  ReviewState = "received"
	ReviewHasIssues ReviewState = "has_issues" // sent back
	ReviewEdited    ReviewState = "edited"     // by an inspector, after that
	ReviewApproved  ReviewState = "approved"   // locks the record
	ReviewRejected  ReviewState = "rejected"
)

// ReviewEvent is what may move an inspection from one state to another: what
// phones do with it, and the four decisions.
type ReviewEvent string

// The events.
const (
	ReviewSubmit   ReviewEvent = "submit"   // the status is submitted from now on
	ReviewWithdraw ReviewEvent = "withdraw" // it is a draft again
	ReviewEdit     ReviewEvent = "edit"     // an inspector changed a field
	ReviewApprove  ReviewEvent = "approve"
	ReviewReject   ReviewEvent = "reject"
	ReviewSendBack ReviewEvent = "send_back"
	ReviewReopen   ReviewEvent = "reopen"
)

// Decisions are the events that a supervisor brings about.
var Decisions = []ReviewEvent{ReviewApprove, ReviewReject, ReviewSendBack, ReviewReopen}

// reviews is the one table of the review: what each event makes of each state
// that it may meet. Edits and events that are not here leave the state as it
// is; decisions that are not here are refused.
var reviews = map[ReviewEvent]map[ReviewState]ReviewState{
	ReviewSubmit:   {ReviewNone: ReviewReceived},
	ReviewWithdraw: {ReviewReceived: ReviewNone},
	ReviewEdit:     {ReviewHasIssues: ReviewEdited, ReviewRejected: ReviewEdited},
	ReviewApprove:  {ReviewReceived: ReviewApproved, ReviewHasIssues: ReviewApproved, ReviewEdited: ReviewApproved},
	ReviewReject:   {ReviewReceived: ReviewRejected, ReviewHasIssues: ReviewRejected, ReviewEdited: ReviewRejected},
	ReviewSendBack: {ReviewReceived: ReviewHasIssues, ReviewHasIssues: ReviewHasIssues, ReviewEdited: ReviewHasIssues},
	ReviewReopen:   {ReviewApproved: ReviewReceived, ReviewRejected: ReviewReceived},
}

// After returns the state after the event; ok is false if the event has no
// place in this state, which then stays.
func (s ReviewState) After(e ReviewEvent) (next ReviewState, ok bool) {
	next, ok = reviews[e][s]
	if !ok {
		return s, false
	}
	return next, true
}

// ReviewOf returns the state of the review in a server part that nobody reads
// more of; otherwise it is read by ServerOf.
func ReviewOf(server Object) ReviewState { return ReviewState(server.Object("review").Text("state")) }
