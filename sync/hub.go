package sync

import (
	"context"
	"log/slog"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// hub tells streams that areas have grown: at once for this process's own
// commits, after a poll of the heads for those of others.
type hub struct {
	store Store
	log   *slog.Logger

	mu      gosync.Mutex
	streams map[*Stream]bool
	seen    map[inspection.Area]int64
	closed  bool

	stop chan struct{}
	done chan struct{}
}

// Stream is one listener. Ready receives when TakeGrown has something to say; it
// is closed when the service ends.
type Stream struct {
	Ready   chan struct{}
	hub     *hub
	reads   func(inspection.Area) bool
	pending map[inspection.Area]int64
}

func newHub(st Store, poll time.Duration, log *slog.Logger) *hub {
	h := &hub{
		store: st, log: log, streams: map[*Stream]bool{}, seen: map[inspection.Area]int64{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go h.watch(poll)
	return h
}

// Listen opens a stream for the areas that the principal may read. Heads are
// read before it returns: no later commit goes unnoticed.
func (s *Service) Listen(ctx context.Context, principal *inspection.Principal) (*Stream, error) {
	st := &Stream{
		Ready: make(chan struct{}, 1), hub: s.hub, pending: map[inspection.Area]int64{},
		reads: func(area inspection.Area) bool { return principal.CanRead(area, s.now()) },
	}
	return st, s.hub.register(ctx, st)
}

func (h *hub) register(ctx context.Context, st *Stream) error {
	heads, err := h.store.Heads(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return inspection.Errorf(inspection.CodeUnavailable, "The server is stopping. Connect again.")
	}
	if len(h.streams) == 0 {
		for area, head := range heads {
			h.seen[area] = max(h.seen[area], head.Seq)
		}
	}
	h.streams[st] = true
	return nil
}

// Close ends the stream.
func (st *Stream) Close() {
	st.hub.mu.Lock()
	defer st.hub.mu.Unlock()
	delete(st.hub.streams, st)
}

// TakeGrown returns the newest seq of each area that grew since the last call.
func (st *Stream) TakeGrown() map[inspection.Area]int64 {
	st.hub.mu.Lock()
	defer st.hub.mu.Unlock()
	out := st.pending
	st.pending = map[inspection.Area]int64{}
	return out
}

// committed is called after a commit of this process is durable.
func (h *hub) committed(area inspection.Area, seq int64) {
	if area == inspection.ReferenceArea {
		return // the poll finds out whether it concerns phones
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.poke(area, seq)
}

// poke wakes the streams that may read the area. The caller holds h.mu.
func (h *hub) poke(area inspection.Area, seq int64) {
	if seq <= h.seen[area] {
		return
	}
	h.seen[area] = seq
	for st := range h.streams {
		if area != inspection.ReferenceArea && !st.reads(area) {
			continue
		}
		st.pending[area] = seq
		select {
		case st.Ready <- struct{}{}:
		default:
		}
	}
}

func (h *hub) watch(poll time.Duration) {
	defer close(h.done)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-tick.C:
			if h.listening() {
				h.compare()
			}
		}
	}
}

func (h *hub) listening() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams) > 0
}

// compare pokes for every head that moved.
func (h *hub) compare() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	heads, err := h.store.Heads(ctx)
	if err != nil {
		h.log.Warn("heads not read", "error", err)
		return
	}
	reference := h.referenceGrew(ctx, heads[inspection.ReferenceArea].Seq)
	h.mu.Lock()
	defer h.mu.Unlock()
	for area, head := range heads {
		if area != inspection.ReferenceArea || reference {
			h.poke(area, head.Seq)
		}
	}
}

// referenceGrew tells whether the reference log has news for phones: grants
// and quarantine, which it holds too, are none.
func (h *hub) referenceGrew(ctx context.Context, seq int64) bool {
	h.mu.Lock()
	seen := h.seen[inspection.ReferenceArea]
	h.mu.Unlock()
	if seq <= seen {
		return false
	}
	page, err := h.store.Changes(ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: inspection.ReferenceCollections, After: seen, Limit: 1,
	})
	if err != nil {
		return false
	}
	if len(page.Records) > 0 {
		return true
	}
	h.mu.Lock()
	h.seen[inspection.ReferenceArea] = max(h.seen[inspection.ReferenceArea], page.Seq)
	h.mu.Unlock()
	return false
}

func (h *hub) close() {
	close(h.stop)
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for st := range h.streams {
		close(st.Ready)
	}
	h.streams = map[*Stream]bool{}
}
