package mongo

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
	"gridpatrol/test/localhost"
)

// proxy stands between a store and its server, and looks at each command.
type proxy struct {
	t *testing.T

	mu    sync.Mutex
	rules []*rule
}

// rule is what happens to a command on a collection, "" for any.
type rule struct {
	command, collection string
	// cut: the command reaches the server, its answer never comes back.
	cut bool
	// answer is given instead of the server's.
	answer bson.D
	// times is how often the rule holds; 0 means always.
	times int
	used  int
}

func newProxy(t *testing.T, uri string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t}
	u.Host = localhost.Relay(t, u.Host, p.relay)
	u.RawQuery = "serverSelectionTimeoutMS=2000"
	return p, u.String()
}

func (p *proxy) add(r *rule) *rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
	return r
}

func (p *proxy) relay(client, server net.Conn) {
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		r := p.match(request)
		if r != nil && r.answer != nil {
			if _, err := client.Write(reply(request, r.answer)); err != nil {
				return
			}
			continue
		}
		if _, err := server.Write(request); err != nil {
			return
		}
		answer, err := readMessage(server)
		if err != nil || r != nil && r.cut {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

const opMsg = 2013

func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head)
	if size < 16 || size > 64<<20 {
		return nil, errors.New("not a message")
	}
	message := append(head, make([]byte, size-16)...)
	_, err := io.ReadFull(r, message[16:])
	return message, err
}

// match returns the rule for a command, if there is one.
func (p *proxy) match(message []byte) *rule {
	command, collection := "hello", ""
	if binary.LittleEndian.Uint32(message[12:]) == opMsg {
		first := bson.Raw(message[21:]).Index(0)
		command = first.Key()
		collection, _ = first.Value().StringValueOK()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.command == command && (r.collection == "" || r.collection == collection) && (r.times == 0 && (r.cut || r.answer != nil) || r.used < r.times) {
			r.used++
			return r
		}
	}
	return nil
}

func reply(request []byte, answer bson.D) []byte {
	body, err := bson.Marshal(answer)
	if err != nil {
		panic(err)
	}
	out := make([]byte, 21, 21+len(body))
	binary.LittleEndian.PutUint32(out, uint32(21+len(body)))
	copy(out[8:12], request[4:8])
	binary.LittleEndian.PutUint32(out[12:], opMsg)
	return append(out, body...)
}

// refusal is what a server answers to what it doesn't do.
func refusal(code int32, name, text string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: text}, {Key: "code", Value: code}, {Key: "codeName", Value: name}}
}

// TestLostReply: an append whose answer was lost is told as stale, and the
// phone's mutations are found to be in. The same for a lost answer to what
// comes before and after it.
func TestLostReply(t *testing.T) {
	for name, lost := range map[string]rule{
		"claims": {command: "insert", collection: "views"}, "log": {command: "insert", collection: "log"}, "views": {command: "update", collection: "views"},
	} {
		t.Run(name, func(t *testing.T) {
			p, uri := newProxy(t, mongotest.Database(t))
			st := openIn(t, uri)
			if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 1)}); err != nil {
				t.Fatal(err)
			}
			lost.cut, lost.times = true, 1
			r := p.add(&lost)
			// Without a retry by the driver, the claims' fate is the caller's
			// to find out.
			n, err := send(t.Context(), st, batch())
			if err != nil {
				n, err = send(t.Context(), st, batch())
			}
			if err != nil || r.used != 1 {
				t.Fatalf("%d answers were lost, %d entries appended: %v", r.used, n, err)
			}
			if head, err := st.Head(t.Context(), street); err != nil || head.Seq != 4 {
				t.Errorf("the log ends at %d, want 4: %v", head.Seq, err)
			}
			storetest.Verify(t, st)
		})
	}
}

// TestMarkOfShards: on shards the mark is a command of its own, after the rest.
// Whichever answer is lost, the views follow the log.
func TestMarkOfShards(t *testing.T) {
	for lost := range 3 {
		p, uri := newProxy(t, mongotest.Database(t))
		st := openIn(t, uri, func(o *Options, _ *tweaks) { o.Patience = 10 * time.Millisecond })
		st.quirks.sharded = true
		if lost > 0 {
			p.add(&rule{command: "update", collection: "views", times: lost - 1})
			p.add(&rule{command: "update", collection: "views", times: 1, cut: true})
		}
		if n, err := send(t.Context(), st, batch()); err != nil || lost == 0 && n != 3 {
			t.Errorf("answer %d lost: %d entries appended: %v", lost, n, err)
		}
		if head, err := st.Head(t.Context(), street); err != nil || head.Seq != 3 {
			t.Errorf("answer %d lost: the log ends at %d: %v", lost, head.Seq, err)
		}
		storetest.Verify(t, st)
	}
}
