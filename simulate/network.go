package simulate

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// request is one call of the contract, whole in memory, so that it can be sent
// again bit for bit.
type request struct {
	method, path string
	token        string
	header       map[string]string
	body         []byte
	// stray: the request may be held up on its way until long after the phone
	// gave up on it.
	stray bool
}

// reply is a whole answer; status 0 means that none came.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// fault is what happens to a request.
type fault int

const (
	none       fault = iota
	cutRequest       // the connection breaks while the request is sent
	cutReply         // it breaks while the answer comes
	slow             // the request stops in the middle for a while
	twice            // it arrives twice, at the same time
	strayed          // the phone gives up; the request arrives much later
	faultKinds
)

var faultNames = [faultKinds]string{"", "requests cut", "replies cut", "requests delayed", "requests doubled", "requests out of order"}

// network is what lies between the phones and the servers.
type network struct {
	bases  []*url.URL
	turn   atomic.Uint64 // of the servers, which take requests one after the other
	steady *http.Client
	now    func() time.Time
	loss   float64
	counts [faultKinds]atomic.Int64
	sent   atomic.Int64
	// strays are requests under way that no phone waits for any more.
	strays sync.WaitGroup
}

// callTimeout bounds one call; the slowest are pages of a first sync.
const callTimeout = 60 * time.Second

func newNetwork(bases []*url.URL, loss float64, now func() time.Time) *network {
	transport := &http.Transport{
		MaxIdleConns: 512, MaxIdleConnsPerHost: 512, IdleConnTimeout: 10 * time.Second,
		DisableCompression: true, // bodies are compared and cut as they are
	}
	return &network{bases: bases, steady: &http.Client{Transport: transport, Timeout: callTimeout}, now: now, loss: loss}
}

// fate is what will happen to one request.
type fate struct {
	kind  fault
	at    float64 // where in the request or, as a power of two, in the reply
	pause time.Duration
	reset bool // the connection is reset, not closed
}

// decide throws the dice for one request. Without a source nothing happens.
func (n *network) decide(r *rand.Rand, q *request) fate {
	if r == nil {
		return fate{}
	}
	f := fate{at: r.Float64(), pause: time.Duration(20+r.IntN(400)) * time.Millisecond, reset: oneIn(r, 2)}
	hit, kind := r.Float64() < n.loss, fault(1+r.IntN(int(faultKinds)-1))
	if !hit {
		return f
	}
	f.kind = kind
	if kind == strayed && !q.stray {
		f.kind = cutReply
	}
	return f
}

// send carries a request through the network. It returns every whole answer
// that comes; heard is told those that come when the phone no longer waits.
func (n *network) send(ctx context.Context, r *rand.Rand, q *request, heard func(reply)) []reply {
	f := n.decide(r, q)
	n.sent.Add(1)
	n.counts[f.kind].Add(1)
	switch f.kind {
	case none:
		return []reply{n.call(ctx, q)}
	case twice:
		n.sent.Add(1)
		var second reply
		var wait sync.WaitGroup
		wait.Go(func() { second = n.call(ctx, q) })
		first := n.call(ctx, q)
		wait.Wait()
		return []reply{first, second}
	case strayed:
		n.strays.Go(func() {
			if sleep(ctx, 4*f.pause) {
				heard(n.call(ctx, q))
			}
		})
		return []reply{{}}
	}
	return []reply{n.broken(ctx, q, f)}
}

// call sends the request over a good connection.
func (n *network) call(ctx context.Context, q *request) reply {
	req, err := n.build(ctx, q)
	if err != nil {
		return reply{}
	}
	res, err := n.steady.Do(req)
	if err != nil {
		return reply{}
	}
	defer res.Body.Close()
	return whole(res)
}

func whole(res *http.Response) reply {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}
	}
	return reply{status: res.StatusCode, header: res.Header, body: body}
}

func (n *network) build(ctx context.Context, q *request) (*http.Request, error) {
	base := n.bases[n.turn.Add(1)%uint64(len(n.bases))]
	req, err := http.NewRequestWithContext(ctx, q.method, base.String()+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	if len(q.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// broken sends the request byte by byte over a connection of its own that is
// cut, or stops for a while.
func (n *network) broken(ctx context.Context, q *request, f fate) reply {
	req, err := n.build(ctx, q)
	if err != nil {
		return reply{}
	}
	req.Close = true
	var raw bytes.Buffer
	if err := req.Write(&raw); err != nil {
		return reply{}
	}
	conn, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", req.URL.Host)
	if err != nil {
		return reply{}
	}
	defer func() { _ = conn.Close() }() // cut or not, it is over
	if tcp, ok := conn.(*net.TCPConn); ok && f.reset && f.kind != slow {
		_ = tcp.SetLinger(0) // a connection that takes no option is cut the other way
	}
	if conn.SetDeadline(n.now().Add(callTimeout)) != nil {
		return reply{}
	}
	return exchange(ctx, conn, req, raw.Bytes(), f)
}

// exchange writes as much of the request as fate allows, and reads as much of
// the answer.
func exchange(ctx context.Context, conn net.Conn, req *http.Request, raw []byte, f fate) reply {
	middle := int(f.at * float64(len(raw)))
	if _, err := conn.Write(raw[:middle]); err != nil || f.kind == cutRequest {
		return reply{}
	}
	if f.kind == slow && !sleep(ctx, f.pause) {
		return reply{}
	}
	if _, err := conn.Write(raw[middle:]); err != nil {
		return reply{}
	}
	var answer io.Reader = conn
	if f.kind == cutReply {
		answer = io.LimitReader(conn, int64(1)<<int(f.at*14)-1)
	}
	res, err := http.ReadResponse(bufio.NewReader(answer), req)
	if err != nil {
		return reply{}
	}
	defer res.Body.Close()
	return whole(res)
}

// sleep waits and reports whether the context goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
