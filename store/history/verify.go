package history

import (
	"cmp"
	"context"
	"errors"
	"math"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// VerifyOptions is what Verify takes.
type VerifyOptions struct {
	Options
	// Noted are heads from outside of the database: the logs must still lead
	// through them.
	Noted *Note
	// Documents bounds how many documents and receipts are held in memory at
	// a time; 0 means 200,000. A larger database is walked several times.
	Documents int
}

const defaultDocuments = 200_000

// Verify checks that the stored history is whole and unchanged, and that the
// views show what it says: the chain of every log, from the stored bytes; what
// is stored beside them; heads, those noted before too; every record and
// receipt, whether one is missing, differs or has no origin. Others may write
// meanwhile: what comes later than the heads at the beginning is checked as far
// as the views show it already.
//
// Its memory is bounded by Documents, not by the database: with the usual
// 200,000 it stays below 300 MiB, pages included. An error means that it
// could not look.
func Verify(ctx context.Context, st store.Store, o VerifyOptions) (*Report, error) {
	if err := checkSource(ctx, st); err != nil {
		return nil, err
	}
	id, err := st.ID(ctx)
	if err != nil {
		return nil, err
	}
	v := newVerifier(st, o)
	v.report.Database = id
	if err := v.readHeads(ctx); err != nil {
		return nil, err
	}
	if err := v.passes(ctx); err != nil {
		return nil, err
	}
	if err := v.finish(ctx); err != nil {
		return nil, err
	}
	return v.report, nil
}

// verifier joins two orders: the logs', by area and seq, and the views', by
// key. It folds the logs into what the records and receipts of a range of keys
// must be, walks the views over that range, and begins again with the next
// range until there is none.
type verifier struct {
	st       store.Store
	o        Options
	noted    Heads
	heads    Heads
	total    int64
	records  *batch[inspection.DocID, folded]
	receipts *batch[store.ReceiptKey, []origin]
	names    map[string]string
	report   *Report
}

func newVerifier(st store.Store, o VerifyOptions) *verifier {
	limit := cmp.Or(o.Documents, defaultDocuments)
	v := &verifier{
		st: st, o: o.Options, heads: Heads{}, names: map[string]string{},
		records:  newBatch[inspection.DocID, folded](limit, cmp.Compare[inspection.DocID]),
		receipts: newBatch[store.ReceiptKey, []origin](limit, compareKeys),
	}
	v.report = &Report{Heads: Heads{}, Damage: []Damage{}}
	if o.Noted != nil {
		v.noted = o.Noted.Heads
	}
	return v
}

// readHeads returns the heads of all areas that are stored or were noted, once
// the views show that much.
func (v *verifier) readHeads(ctx context.Context) error {
	areas, err := v.st.StoredAreas(ctx)
	if err != nil {
		return err
	}
	for area := range v.noted {
		areas = append(areas, area)
	}
	for _, area := range areas {
		head, err := v.st.Head(ctx, area)
		if errors.Is(err, store.ErrDamaged) {
			v.report.addFinding(InHead, area, "", "it can't be read: %v", err)
			v.heads[area] = store.Head{Seq: unknownHead}
			continue
		}
		if err != nil {
			return err
		}
		v.heads[area] = head
		v.total += head.Seq
		if head.Seq > 0 {
			v.report.Heads[area] = head
		}
	}
	return nil
}

// unknownHead is the seq of a head that can't be read.
const unknownHead = math.MaxInt64

func compareKeys(a, b store.ReceiptKey) int {
	return cmp.Or(cmp.Compare(a.Device.User, b.Device.User), cmp.Compare(a.Device.ID, b.Device.ID), cmp.Compare(a.N, b.N))
}

// passes walks all logs once for each range of keys; the first time it checks
// the chains, too.
func (v *verifier) passes(ctx context.Context) error {
	for first := true; ; first = false {
		done := int64(0)
		for _, area := range inOrder(v.heads) {
			if err := v.readLog(ctx, area, first, &done); err != nil {
				return err
			}
		}
		if err := v.lookAt(InRecord, "", "", v.compareRecords(ctx)); err != nil {
			return err
		}
		if err := v.lookAt(InReceipt, "", "", v.compareReceipts(ctx)); err != nil {
			return err
		}
		moreRecords, moreReceipts := v.records.next(), v.receipts.next()
		if !moreRecords && !moreReceipts {
			return nil
		}
	}
}

// lookAt makes damage that a read came upon part of the report. Other errors
// mean that the read wasn't possible.
func (v *verifier) lookAt(kind Kind, area inspection.Area, id string, err error) error {
	if errors.Is(err, store.ErrDamaged) {
		v.report.addFinding(kind, area, id, "reading it isn't possible: %v", err)
		return nil
	}
	return err
}

// finish looks at what the passes can't show.
func (v *verifier) finish(ctx context.Context) error {
	for _, area := range inOrder(v.heads) {
		if v.heads[area].Seq == unknownHead {
			continue
		}
		if err := v.lookAt(InHead, area, "", v.checkTail(ctx, area)); err != nil {
			return err
		}
	}
	v.o.tell("engine", 0, 0)
	faults, err := v.st.SelfCheck(ctx)
	for _, fault := range faults {
		v.report.addFinding(InEngine, "", "", "%s", fault)
	}
	return v.lookAt(InEngine, "", "", err)
}

// checkTail looks for commits beyond the head. More may come while it looks,
// but never before the head shows them.
func (v *verifier) checkTail(ctx context.Context, area inspection.Area) error {
	for {
		head, err := v.st.Head(ctx, area)
		if err != nil {
			return err
		}
		beyond, err := v.st.StoredCommits(ctx, area, head.Seq, 0)
		if err != nil || len(beyond) == 0 {
			return err
		}
		if head, err = v.st.Head(ctx, area); err != nil {
			return err
		}
		if head.Seq < beyond[0].First {
			v.report.addFinding(InHead, area, "", "the head is %d, but a commit is stored at %d", head.Seq, beyond[0].First)
			return nil
		}
	}
}
