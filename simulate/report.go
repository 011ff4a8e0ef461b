package simulate

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is what a simulation found.
type Report struct {
	Seed   uint64
	Took   time.Duration
	Days   int
	Phones int
	// Activity is what happened, in order.
	Activity []Count
	Checks   []Checked
}

// Count is how often something happened.
type Count struct {
	What  string
	Times int64
}

// Checked is one promise.
type Checked struct {
	Name, Promise  string
	Looked, Broken int64
	// Violations are told in full up to a few.
	Violations []string
}

// Violated reports whether any promise was broken.
func (r *Report) Violated() bool {
	for _, c := range r.Checks {
		if c.Broken > 0 {
			return true
		}
	}
	return false
}

func (s *simulation) report() *Report {
	r := &Report{Seed: s.cfg.Seed, Took: s.took, Days: s.cfg.Days, Phones: s.cfg.Phones}
	count := func(what string, n int64) { r.Activity = append(r.Activity, Count{what, n}) }
	count("mutations answered", s.ledger.answered)
	for _, status := range []string{applied, merged, conflicted, rejected} {
		count("  "+status, s.ledger.statuses[status])
	}
	count("photos sent", int64(len(s.ledger.uploaded)))
	count("requests of phones", s.network.sent.Load())
	for k := cutRequest; k < faultKinds; k++ {
		count("  "+faultNames[k], s.network.counts[k].Load())
	}
	count("areas taken away or given", s.office.moves)
	count("decisions and settlements", s.office.acts)
	count("server killed", s.kills.Load())
	for c := range checkKinds {
		p := promises[c]
		r.Checks = append(r.Checks, Checked{p.name, p.promise, s.tally.looked[c], s.tally.broken[c], s.tally.told[c]})
	}
	return r
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d phones, %d days, seed %d, %s\n\n", r.Phones, r.Days, r.Seed, r.Took.Round(100*time.Millisecond))
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, c := range r.Activity {
		fmt.Fprintf(table, "%s\t%d\n", c.What, c.Times)
	}
	fmt.Fprintf(table, "\npromise\tlooked at\tbroken\t\n")
	for _, c := range r.Checks {
		mark := ""
		if c.Broken > 0 {
			mark = "BROKEN"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", c.Name, c.Looked, c.Broken, mark)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range r.Checks {
		if c.Broken == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s (%s):\n", c.Name, c.Promise)
		for _, v := range c.Violations {
			fmt.Fprintf(w, "  %s\n", v)
		}
		if more := c.Broken - int64(len(c.Violations)); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
	return nil
}
