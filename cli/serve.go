package cli

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/media"
	"gridpatrol/review"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// serveFlags are the flags of all that serves.
type serveFlags struct {
	Listen       string    `default:"127.0.0.1:8080" help:"Address to listen on." env:"GRIDPATROL_LISTEN"`
	TLSCert      string    `type:"existingfile" help:"Certificate chain in PEM." env:"GRIDPATROL_TLS_CERT"`
	TLSKey       string    `type:"existingfile" help:"The certificate's key in PEM." env:"GRIDPATROL_TLS_KEY"`
	TrustedProxy []network `help:"Address or network of a proxy whose X-Forwarded-For counts, like 10.0.0.7 or 10.0.0.0/8. May be repeated." env:"GRIDPATROL_TRUSTED_PROXY"`
	mediaFlags   `embed:"" prefix:"media-"`
	DemoMonth    bool          `default:"true" negatable:"" help:"The demo district holds last month, made on first start; without it, people and sites only." env:"GRIDPATROL_DEMO_MONTH"`
	StopTimeout  time.Duration `default:"30s" help:"How long a stop waits for requests under way." env:"GRIDPATROL_STOP_TIMEOUT"`
}

type serveCommand struct {
	dataFlags  `embed:""`
	serveFlags `embed:""`
	Demo       bool `help:"Add the demo district: accounts whose password everyone knows. Loopback only." env:"GRIDPATROL_DEMO"`
}

type demoCommand struct {
	Data       string `default:"./data/demo" type:"path" help:"Folder of the demo's store; made on first start." env:"GRIDPATROL_DATA"`
	Store      string `help:"A Mongo database in place of the folder, like mongodb://127.0.0.1:27017/gridpatrol." env:"GRIDPATROL_STORE"`
	serveFlags `embed:""`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(r *run) error {
	return serve(r, c.dataFlags, c.serveFlags, c.Demo)
}

// Run serves the demo district.
func (c *demoCommand) Run(r *run) error {
	return serve(r, dataFlags{Data: c.Data, Store: c.Store}, c.serveFlags, true)
}

func (f serveFlags) check() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return errors.New("set both --tls-cert and --tls-key, or neither")
	}
	return nil
}

// relaxGC lets garbage grow to twice what lives, unless GOGC says otherwise:
// pages of a megabyte come and go while little stays.
func relaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func serve(r *run, data dataFlags, f serveFlags, demo bool) error {
	if err := f.check(); err != nil {
		return err
	}
	relaxGC()
	st, err := openStore(r.ctx, data.location(), orNew)
	if err != nil {
		return err
	}
	defer closing(r, "store", st.Close)
	// Phones would pull what is old from it for ever.
	if err := st.Ping(r.ctx); errors.Is(err, store.ErrReadOnly) {
		return err
	}
	if err := guardDemo(r.ctx, st, f.Listen, demo); err != nil {
		return err
	}
	var photos *album
	if demo {
		if photos, err = makeDemo(r, st, data.Data, f.DemoMonth); err != nil {
			return fmt.Errorf("making the demo district: %w", err)
		}
	}
	blobs, err := openBlobs(st, data.location())
	if err != nil {
		return err
	}
	s, err := wire(r, st, blobs, data.Data, f, demo)
	if err != nil {
		return err
	}
	defer s.close()
	defer photos.sendLater(r.ctx, s.media)()
	return s.serve(r, f)
}

func closing(r *run, what string, end func() error) {
	if err := end(); err != nil {
		r.log.Error("closing failed", "what", what, "error", err)
	}
}

// services is everything that serves, wired.
type services struct {
	auth  *auth.Service
	sync  *sync.Service
	media *media.Service
	http  *api.Server
}

// close ends what works in the background: first what appends through sync.
func (s *services) close() {
	if s.media != nil {
		s.media.Close()
	}
	s.sync.Close()
}

func wire(r *run, st store.Store, blobs store.Blobs, data string, f serveFlags, demo bool) (_ *services, err error) {
	s := &services{}
	photos := &photoWatch{}
	if s.sync, err = sync.New(r.ctx, sync.Config{Store: st, Now: r.Now, Log: r.log, OnPhotos: photos.put}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := seedReference(r, s.sync); err != nil {
		return nil, err
	}
	if s.auth, err = newAccounts(r, st, s.sync); err != nil {
		return nil, err
	}
	reports, err := newReports(st, closings{s.sync}, data, r.Now)
	if err != nil {
		return nil, err
	}
	if s.media, err = media.New(f.mediaConfig(r, st, blobs, s.sync)); err != nil {
		return nil, err
	}
	photos.service.Store(s.media)
	supervisors := review.New(review.Config{Store: st, Acts: s.sync, People: s.auth, Now: r.Now, NewID: newID})
	s.http, err = api.New(api.Config{
		Auth: s.auth, Sync: s.sync, Media: s.media, Reports: reports, Review: supervisors,
		Health: st, Log: r.log, Now: r.Now, NewID: newID,
		TrustedProxies: f.proxies(), Metrics: prometheus.NewRegistry(), Demo: demo,
	})
	return s, err
}

// seedReference adds areas, units, templates, limits and targets that the
// database has never had.
func seedReference(r *run, phones *sync.Service) error {
	docs, err := seeds.Reference()
	if err != nil {
		return fmt.Errorf("reading the seed data: %w", err)
	}
	list := make([]sync.ReferenceDocument, len(docs))
	for i, d := range docs {
		list[i] = sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc}
	}
	added, err := phones.SeedReference(r.ctx, list)
	if err != nil {
		return fmt.Errorf("adding reference data: %w", err)
	}
	if added > 0 {
		r.log.Debug("reference data added", "documents", added)
	}
	return nil
}

// serve listens until the context ends, then finishes what is under way.
func (s *services) serve(r *run, f serveFlags) error {
	secure, err := f.secure(r)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(r.ctx, "tcp", f.Listen)
	if err != nil {
		return fmt.Errorf("can't listen on %s: choose another address with --listen or GRIDPATROL_LISTEN: %w", f.Listen, err)
	}
	r.log.Info("serving", "address", ln.Addr().String(), "tls", secure != nil)
	failed := make(chan error, 1)
	go func() {
		if secure == nil {
			failed <- s.http.Listen(ln)
			return
		}
		failed <- s.http.ListenTLS(ln, secure)
	}()
	select {
	case err := <-failed:
		return err
	case <-r.ctx.Done():
	}
	r.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), f.StopTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("stopping took longer than %s: %w", f.StopTimeout, err)
	}
	return <-failed
}

// secure returns how to speak TLS, nil for not at all.
func (f serveFlags) secure(r *run) (*tls.Config, error) {
	if f.TLSCert == "" {
		if !loopback(f.Listen) {
			r.log.Warn("listening beyond loopback without TLS: passwords and pictures can be read on the way; set --tls-cert and --tls-key or put a TLS proxy in front")
		}
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key don't make a certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// network is an address, or all that share its first bits.
type network struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.7 and 10.0.0.0/8.
func (n *network) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil {
		addr = addr.Unmap().WithZone("")
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither an address like 10.0.0.7 nor a network like 10.0.0.0/8", text)
	}
	n.Prefix = prefix.Masked()
	return nil
}

func (f serveFlags) proxies() []netip.Prefix {
	list := make([]netip.Prefix, len(f.TrustedProxy))
	for i, n := range f.TrustedProxy {
		list[i] = n.Prefix
	}
	return list
}

// loopback reports whether an address to listen on can be reached from this
// machine only. An address without a host is reached from everywhere.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// newAccounts makes the accounts of a store, as the server and the commands use
// them.
func newAccounts(r *run, st store.Store, phones *sync.Service) (*auth.Service, error) {
	return auth.New(r.ctx, st, auth.Config{Now: r.Now, Random: rand.Reader, Areas: phones})
}
