package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
)

// BenchmarkFullPull pulls 100,000 records in pages of 500, as a new tablet of
// the district does.
func BenchmarkFullPull(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	filled(b, data, 100_000)
	s := start(b, data)
	perSecond(b, fullPull, pullAll(b, s))
}

// pullAll pulls everything as a new tablet, and leaves the timer stopped. It
// returns how many documents came.
func pullAll(b *testing.B, s *server) (documents int) {
	b.Helper()
	b.ResetTimer()
	for range b.N {
		_, n := s.signIn("supervisor").pullAll()
		documents += n
	}
	b.StopTimer()
	return documents
}

// BenchmarkEmptyPull asks two districts in turn for news where there are none.
func BenchmarkEmptyPull(b *testing.B) {
	names := []string{emptySmall, emptyLarge}
	var phones []*phone
	var checkpoints []string
	for i, records := range []int{10_000, 1_000_000} {
		data := filepath.Join(b.TempDir(), "data")
		filled(b, data, records)
		s := start(b, data)
		p := s.signIn("supervisor")
		checkpoint, _ := p.pullAll()
		phones, checkpoints = append(phones, p), append(checkpoints, checkpoint)
		if names[i] == emptyLarge {
			results.record(startLarge, "s", s.took.Seconds())
			results.record(memoryLarge, "MB", s.residentMB())
		}
	}
	b.ResetTimer()
	took := map[string][]time.Duration{}
	for range 1000 {
		for i, p := range phones {
			began := time.Now()
			if _, n := p.pull(checkpoints[i]); n != 0 {
				b.Fatalf("%d changes", n)
			}
			took[names[i]] = append(took[names[i]], time.Since(began))
		}
	}
	b.StopTimer()
	for _, name := range names {
		results.record(name, "ms", float64(median(took[name]).Microseconds())/1000)
	}
}

// filled makes a district with so many inspections, all of them judged by the
// server itself and then copied under ids and plates of their own.
func filled(b *testing.B, data string, count int) {
	b.Helper()
	s := start(b, data)
	p := s.signIn("inspector1")
	p.call(http.MethodPost, "/v1/sync/push", bodies(b, area(0), 1, 0)[0])
	s.stop()
	fill(b, data, count-batchSize)
}

// perCommit is how many records each commit of the filling holds.
const perCommit = 500

func fill(b *testing.B, data string, count int) {
	b.Helper()
	st, err := sqlite.Open(b.Context(), data, sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	page, err := st.Changes(b.Context(), store.ChangesQuery{
		Area: area(0), Collections: []inspection.Collection{inspection.Inspections}, Limit: batchSize,
	})
	if err != nil || len(page.Records) == 0 {
		b.Fatalf("nothing to copy: %v", err)
	}
	var originals []inspection.Object
	for _, r := range page.Records {
		doc, err := inspection.ParseObject(r.Doc)
		if err != nil {
			b.Fatal(err)
		}
		originals = append(originals, doc)
	}
	for done := 0; done < count; done += perCommit {
		appendCopies(b, st, area(done/perCommit%9), originals, done, min(perCommit, count-done))
	}
	noteSwept(b, st)
}

// noteSwept says that the photos of what was filled in were looked for, as they
// were in a server that has run for long.
func noteSwept(b *testing.B, st store.Store) {
	b.Helper()
	database, err := st.ID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	heads, err := st.Heads(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for street, head := range heads {
		err := st.Delete(b.Context(), store.TableSwept, string(street))
		if err == nil {
			_, err = st.Put(b.Context(), store.TableSwept, store.Row{
				Key: string(street), Value: fmt.Appendf(nil, `{"database":%q,"seq":%d}`, database, head.Seq),
			})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func appendCopies(b *testing.B, st store.Store, street inspection.Area, originals []inspection.Object, done, count int) {
	b.Helper()
	head, err := st.Head(b.Context(), street)
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now().UTC()
	if at.Before(head.At) {
		at = head.At
	}
	device := inspection.DeviceID("0192f3b0-0000-7000-8000-" + string(street)[:3] + string(street))
	entries := make([]store.Entry, count)
	for i := range entries {
		seq, n := head.Seq+1+int64(i), int64(done+i+1)
		id := inspection.DocID(uuid.Must(uuid.NewV7()).String())
		doc := copyOf(originals[(done+i)%len(originals)], id, street, seq, done+i)
		index := store.IndexOf(inspection.Inspections, doc)
		entries[i] = store.Entry{
			Seq: seq, Collection: inspection.Inspections, ID: id, Rev: 1, Kind: store.KindPut,
			Actor: "bench", Device: device, N: n, At: at, Status: store.Applied, Content: "bench",
			Doc: inspection.AppendJSON(nil, doc), Index: &index,
		}
	}
	commit, err := store.Seal(street, head, entries)
	if err == nil {
		err = st.Append(b.Context(), commit)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// copyOf is the document under another id, with another plate.
func copyOf(original inspection.Object, id inspection.DocID, street inspection.Area, seq int64, n int) inspection.Object {
	doc := replaced(original, inspection.Object{"id": string(id), "area": string(street)})
	server, _ := doc["server"].(inspection.Object)
	doc["server"] = replaced(server, inspection.Object{"seq": json.Number(fmt.Sprint(seq))})
	if answers, _ := doc["answers"].(inspection.Object); answers["plate"] != nil {
		doc["answers"] = replaced(answers, inspection.Object{"plate": fmt.Sprintf("陕A%05d", n%100_000)})
	}
	return doc
}

func replaced(o, with inspection.Object) inspection.Object {
	out := make(inspection.Object, len(o)+len(with))
	for _, from := range []inspection.Object{o, with} {
		for name, v := range from {
			out[name] = v
		}
	}
	return out
}
