package simulate

import (
	"fmt"
	"sync"
)

// check is one promise that the simulation looks after.
type check int

// The promises, in the order in which the report tells them.
const (
	checkAnswered check = iota
	checkKept
	checkOnce
	checkReceipts
	checkMerged
	checkConflicts
	checkGapless
	checkEqual
	checkRights
	checkQuarantine
	checkPhotos
	checkEvidence
	checkCounts
	checkSignIn
	checkVerify
	checkKinds
)

// promises says what each check is about.
var promises = [checkKinds]struct{ name, promise string }{
	checkAnswered:   {"answered", "every mutation is answered in the end, and none is refused as a request"},
	checkKept:       {"kept", "what was acknowledged is in record, conflict, history or quarantine"},
	checkOnce:       {"once", "no mutation is carried out twice"},
	checkReceipts:   {"receipts", "a mutation sent again is answered as at first"},
	checkMerged:     {"merged", "status and record are what a merge of one's own makes of the history"},
	checkConflicts:  {"conflicts", "every overlap is recorded as a conflict for a person"},
	checkGapless:    {"gapless", "an area's log has no gap and no place that is taken twice"},
	checkEqual:      {"equal", "after a last pull a phone holds byte for byte what a new one gets"},
	checkRights:     {"rights", "nothing of an area is told after the right to it was taken away"},
	checkQuarantine: {"quarantine", "what was rejected is kept verbatim, and nothing else is"},
	checkPhotos:     {"photos", "cut uploads go on where they stopped and come out bit for bit"},
	checkEvidence:   {"evidence", "a record lacks the photos that were never sent, and no others"},
	checkCounts:     {"counts", "the joint counts are those of a recount by hand"},
	checkSignIn:     {"sign-in", "a phone that loses replies stays signed in"},
	checkVerify:     {"verify", "gridpatrol verify finds the history whole"},
}

// maxTold is how many violations of a promise are told in full.
const maxTold = 5

// tally counts what was looked at and what was found broken.
type tally struct {
	mu     sync.Mutex
	looked [checkKinds]int64
	broken [checkKinds]int64
	told   [checkKinds][]string
}

func (t *tally) checked(c check) { t.checkedMany(c, 1) }

func (t *tally) checkedMany(c check, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked[c] += int64(n)
}

func (t *tally) violated(c check, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken[c]++
	if len(t.told[c]) < maxTold {
		t.told[c] = append(t.told[c], fmt.Sprintf(format, args...))
	}
}
