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

	"gridpatrol/api"
	"gridpatrol/server"
	"gridpatrol/store"
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
	defer s.Close()
	defer photos.sendLater(r.ctx, s.Media)()
	return listen(r, s.HTTP, f)
}

func closing(r *run, what string, end func() error) {
	if err := end(); err != nil {
		r.log.Error("closing failed", "what", what, "error", err)
	}
}

// wire makes what serves on a store.
func wire(r *run, st store.Store, blobs store.Blobs, data string, f serveFlags, demo bool) (*server.Server, error) {
	cfg := serverConfig(r, st)
	cfg.Blobs, cfg.Scratch = blobs, scratchIn(data)
	cfg.Media.DailyQuota, cfg.Media.Floor = f.Quota<<20, f.Floor<<20
	cfg.API.TrustedProxies, cfg.API.Demo = f.proxies(), demo
	return server.New(r.ctx, cfg)
}

// serverConfig is what all services of the program are made with.
func serverConfig(r *run, st store.Store) server.Config {
	return server.Config{Store: st, Log: r.log, Now: r.Now, NewID: newID, Random: rand.Reader}
}

// listen serves until the context ends, then finishes what is under way.
func listen(r *run, http *api.Server, f serveFlags) error {
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
			failed <- http.Listen(ln)
			return
		}
		failed <- http.ListenTLS(ln, secure)
	}()
	select {
	case err := <-failed:
		return err
	case <-r.ctx.Done():
	}
	r.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), f.StopTimeout)
	defer cancel()
	if err := http.Shutdown(ctx); err != nil {
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
