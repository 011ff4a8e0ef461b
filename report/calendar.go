package report

// Calendar is the plan's year.
type Calendar struct{}
