// Package server wires the services of one process on one database. The
// program serves what is made here, and so do the tests: what they try differs
// in clock, randomness, cost of passwords and store, not in wiring.
package server

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"time"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/media"
	"gridpatrol/report"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// Config is what a server is made of. All of it is needed but Scratch and the
// services' own settings: what is set in these stays, the rest is filled in.
type Config struct {
	Store store.Store
	Blobs store.Blobs
	Log   *slog.Logger
	Now   func() time.Time
	// NewID makes UUIDs.
	NewID func() string
	// Random makes what nobody may guess; it must be safe for concurrent use.
	Random io.Reader
	// Scratch is a folder for files that are being written; "" is the system's.
	Scratch string

	Sync  sync.Config
	Auth  auth.Config
	Media media.Config
	API   api.Config
}

// Base is what accounts need: the reference data, and who may work where.
type Base struct {
	Sync *sync.Service
	Auth *auth.Service

	photos photoWatch
}

// Server is all services of one process. Close it to end what works in the
// background.
type Server struct {
	*Base
	Media   *media.Service
	Review  *review.Service
	Reports *report.Service
	HTTP    *api.Server
}

// NewBase makes the services that accounts need. Reference data that the
// database has never had is added.
func NewBase(ctx context.Context, cfg Config) (_ *Base, err error) {
	b := &Base{}
	cfg.Sync.Store, cfg.Sync.Now, cfg.Sync.Log = cfg.Store, cfg.Now, cfg.Log
	cfg.Sync.OnPhotos = b.photos.put
	if b.Sync, err = sync.New(ctx, cfg.Sync); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if err := addReference(ctx, b.Sync, cfg.Log); err != nil {
		return nil, err
	}
	cfg.Auth.Now, cfg.Auth.Random, cfg.Auth.Areas = cfg.Now, cfg.Random, b.Sync
	b.Auth, err = auth.New(ctx, cfg.Store, cfg.Auth)
	return b, err
}

// Close ends what works in the background.
func (b *Base) Close() { b.Sync.Close() }

// New makes all services. They work in the background from here on; the HTTP
// server listens when it is told to.
func New(ctx context.Context, cfg Config) (_ *Server, err error) {
	base, err := NewBase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{Base: base}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.Reports, err = NewReports(cfg.Store, s.Sync, cfg.Scratch, cfg.Now); err != nil {
		return nil, err
	}
	if s.Media, err = media.New(s.mediaConfig(cfg)); err != nil {
		return nil, err
	}
	s.photos.service.Store(s.Media)
	s.Review = review.New(review.Config{Store: cfg.Store, Acts: s.Sync, People: s.Auth, Now: cfg.Now, NewID: cfg.NewID})
	s.HTTP, err = api.New(s.apiConfig(cfg))
	return s, err
}

func (s *Server) mediaConfig(cfg Config) media.Config {
	m := cfg.Media
	if m.Store == nil {
		m.Store = cfg.Store
	}
	if m.Blobs == nil {
		m.Blobs = cfg.Blobs
	}
	if m.Amender == nil {
		m.Amender = Amender{s.Sync}
	}
	m.Now, m.Log = cfg.Now, cfg.Log
	m.NewID = func() string {
		id := make([]byte, 16)
		_, _ = io.ReadFull(cfg.Random, id) // the system's never fails
		return hex.EncodeToString(id)
	}
	return m
}

func (s *Server) apiConfig(cfg Config) api.Config {
	a := cfg.API
	a.Auth, a.Sync, a.Media, a.Review, a.Reports = s.Auth, s.Sync, s.Media, s.Review, s.Reports
	a.Health, a.Now, a.NewID = cfg.Store, cfg.Now, cfg.NewID
	if a.Log == nil {
		a.Log = cfg.Log
	}
	return a
}

// Close ends what works in the background: first what appends through sync.
func (s *Server) Close() {
	if s.Media != nil {
		s.Media.Close()
	}
	s.Base.Close()
}
