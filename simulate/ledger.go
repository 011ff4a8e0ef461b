package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// object is a decoded JSON object; numbers are json.Number.
type object = map[string]any

// mutation is one edit that a phone made.
type mutation struct {
	phone          *phone
	n              int64
	collection, id string
	op             string
	base           int64
	doc            object // as it was sent; nil for a delete
	raw            json.RawMessage
	// traces are texts that stand in what it changed and nowhere else.
	traces []string
	// foreign: it wants into an area that the phone has no right to.
	foreign bool

	// What the ledger notes, under its lock.
	answer *verdict
	fresh  int // answers that didn't call it a replay
}

// verdict is what a mutation was answered with first.
type verdict struct {
	status   string
	rev, seq int64
}

const (
	opPut    = "put"
	opDelete = "delete"

	inspections = "inspections"
	sessions    = "sessions"
	sites       = "sites"
	tasks       = "tasks"

	applied    = "applied"
	merged     = "merged"
	conflicted = "conflicted"
	rejected   = "rejected"
)

// fieldCollections are those that the simulation's phones write.
var fieldCollections = []string{inspections, sessions, sites}

// result is one line of the answer to a push.
type result struct {
	N        int64           `json:"n"`
	ID       string          `json:"id"`
	Status   string          `json:"status"`
	Replayed bool            `json:"replayed"`
	Rev      int64           `json:"rev"`
	Seq      int64           `json:"seq"`
	Code     string          `json:"code"`
	Doc      json.RawMessage `json:"doc"`
}

// ledger holds what all phones said and were told. It is the simulation's own
// memory: nothing in it was asked of the server afterwards.
type ledger struct {
	mu        sync.Mutex
	mutations map[string]map[int64]*mutation // by device and n
	statuses  map[string]int64
	answered  int64
	// taken are all photos of the phones, sent or not.
	taken map[string]bool
	// uploaded are the photos that were acknowledged to their last byte, with
	// their senders.
	uploaded map[string]*phone
	// settled are the conflicts that the office put an end to, or may have.
	settled map[string]bool
	// lost is when the loss of an area was acknowledged, by account and area.
	lost map[string]map[string]time.Time
}

func newLedger() *ledger {
	return &ledger{
		mutations: map[string]map[int64]*mutation{}, statuses: map[string]int64{}, uploaded: map[string]*phone{}, taken: map[string]bool{},
		settled: map[string]bool{}, lost: map[string]map[string]time.Time{},
	}
}

// noteMutation notes an edit.
func (l *ledger) noteMutation(m *mutation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	device := m.phone.device
	if l.mutations[device] == nil {
		l.mutations[device] = map[int64]*mutation{}
	}
	l.mutations[device][m.n] = m
}

// find returns a device's mutation, nil if it never made it.
func (l *ledger) find(device string, n int64) *mutation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mutations[device][n]
}

// noteAnswers notes the answer to a batch and checks that it says the same as all
// earlier ones did.
func (l *ledger) noteAnswers(t *tally, batch []*mutation, results []result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range batch {
		r := results[i]
		t.checked(checkReceipts)
		if r.N != m.n || r.ID != m.id {
			t.violated(checkReceipts, "%s: result %d is that of n %d, id %s", m, i, r.N, r.ID)
			continue
		}
		if !r.Replayed {
			m.fresh++
		}
		if m.fresh > 1 {
			t.violated(checkOnce, "%s was carried out again: %s, rev %d, seq %d", m, r.Status, r.Rev, r.Seq)
		}
		now := verdict{r.Status, r.Rev, r.Seq}
		if m.answer == nil {
			m.answer = &now
			l.answered++
			l.statuses[r.Status]++
		} else if *m.answer != now {
			t.violated(checkReceipts, "%s was answered %v at first, %v later", m, *m.answer, now)
		}
	}
}

// all returns all mutations, in order of device and n.
func (l *ledger) all() []*mutation {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*mutation
	for _, byN := range l.mutations {
		for _, m := range byN {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *mutation) int {
		if a.phone != b.phone {
			return a.phone.number - b.phone.number
		}
		return int(a.n - b.n)
	})
	return list
}

func (l *ledger) count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

func (m *mutation) String() string {
	return fmt.Sprintf("mutation %d of phone %d (%s %s/%s)", m.n, m.phone.number, m.op, m.collection, m.id)
}

// rightsLag is how long a right that was taken away may still be seen: the
// docs/contract.md lets a server remember rights for 5 s.
const rightsLag = 6 * time.Second

// acknowledged is how much the server has acknowledged: mutations and photos.
func (l *ledger) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered + int64(len(l.uploaded))
}

// noteLoss notes that the server acknowledged the loss of an area.
func (l *ledger) noteLoss(user, area string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost[user] == nil {
		l.lost[user] = map[string]time.Time{}
	}
	l.lost[user][area] = at
}

// noteGrant notes that an area is about to be granted.
func (l *ledger) noteGrant(user, area string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lost[user], area)
}

// mayRead reports whether an answer to a request that began at a time may tell
// the user of the area.
func (l *ledger) mayRead(user, area string, began time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, lost := l.lost[user][area]
	return !lost || began.Before(at.Add(rightsLag))
}

// lastLoss is when an area was taken away last; the zero time if none was.
func (l *ledger) lastLoss() (last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, areas := range l.lost {
		for _, at := range areas {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}

// notePhoto notes a photo that was taken.
func (l *ledger) notePhoto(sha string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[sha] = true
}

// noteUpload notes that a photo was acknowledged to its last byte.
func (l *ledger) noteUpload(sha string, sender *phone) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uploaded[sha] = sender
}

// noteSettlement notes that the office ends a conflict.
func (l *ledger) noteSettlement(id string, c object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range conflictKeys(id, c) {
		l.settled[k] = true
	}
}

// conflictKeys are what a conflict is found by: the field that it names
// and, where a whole list is one, its items.
func conflictKeys(id string, c object) []string {
	pointer, device := text(c["pointer"]), text(c["device"])
	keys := []string{conflictKey(id, pointer, device, c["offered"])}
	items := flat{}
	items.field(pointer, c["offered"], pointer == "/photos")
	for p, v := range items {
		keys = append(keys, conflictKey(id, p, device, v))
	}
	return keys
}

func conflictKey(id, pointer, device string, offered any) string {
	return id + " " + pointer + " " + device + " " + canonical(offered)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func members(v any) object {
	o, _ := v.(object)
	return o
}
