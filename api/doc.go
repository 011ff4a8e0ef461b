// Package api is the HTTP transport: one table of routes, thin handlers, and
// every failure as a problem of RFC 9457. Fiber and HTTP statuses are spoken
// here and nowhere else.
//
// A request passes, in this order: recovery from panics, its id, the access
// log, metrics, the route, the proof that the route wants, and role. A handler then decodes, calls one
// service method and encodes.
//
// Bodies are read from the request's stream with the route's own cap, since
// there is no cap for all; whoever sends more is answered and cut off.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/review"
	"gridpatrol/sync"
)

// Auth is what the API needs to know of accounts.
type Auth interface {
	Login(ctx context.Context, req auth.LoginRequest) (auth.Tokens, error)
	Refresh(ctx context.Context, refreshToken string, address netip.Addr) (auth.Tokens, error)
	Logout(ctx context.Context, session auth.Session) error
	Authorize(ctx context.Context, accessToken string) (auth.Session, error)
	// Recheck is Authorize past every cache, for streams that stay open.
	Recheck(ctx context.Context, session auth.Session) (auth.Session, error)
	Users(ctx context.Context) ([]auth.User, error)
	// DevicesIn lists the devices of users who share an area with the principal.
	DevicesIn(ctx context.Context, principal *inspection.Principal) ([]auth.DeviceRow, error)
	Managed(ctx context.Context, principal *inspection.Principal) ([]auth.User, error)
	AddManaged(ctx context.Context, principal *inspection.Principal, in auth.NewUser) (auth.User, error)
	UpdateManaged(ctx context.Context, principal *inspection.Principal, id inspection.UserID, patch auth.UserPatch) (auth.User, error)
	LoadDevice(ctx context.Context, device inspection.Device) (auth.DeviceRow, error)
}

// Sync is what the API needs of the sync engine.
type Sync interface {
	Push(ctx context.Context, principal *inspection.Principal, b *sync.Batch) (*sync.PushAnswer, error)
	Pull(ctx context.Context, principal *inspection.Principal, req sync.PullRequest) (*sync.PullAnswer, error)
	Listen(ctx context.Context, principal *inspection.Principal) (*sync.Stream, error)
	PushRows(ctx context.Context, principal *inspection.Principal, c inspection.Collection, rows []sync.Mutation) (*sync.PushedRows, error)
	PullRx(ctx context.Context, principal *inspection.Principal, c inspection.Collection, checkpoint string, limit int) (*sync.RxPage, error)
	Follow(ctx context.Context, principal *inspection.Principal, c inspection.Collection) (*sync.Feed, error)
	// Confirmed returns which areas that were taken away the phone has purged.
	Confirmed(ctx context.Context, device inspection.Device) ([]inspection.Confirmation, error)
	Report(ctx context.Context, device inspection.Device) (sync.Report, error)
	PublishTemplate(ctx context.Context, by inspection.UserID, name string, definition []byte) (sync.Published, error)
	PublishLimit(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (sync.Published, error)
	PublishTarget(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (sync.Published, error)
	Release(ctx context.Context, principal *inspection.Principal, id inspection.DocID) (sync.Result, []byte, error)
	Discard(ctx context.Context, principal *inspection.Principal, id inspection.DocID, comment string) ([]byte, error)
}

// Reports is what the API needs of reports.
type Reports interface {
	// Formats lists what reports can be had in; the first is what whoever names
	// none gets.
	Formats() []report.Format
	Export(ctx context.Context, q report.JointQuery, format string) (*report.File, error)
	ExportDispatch(ctx context.Context, q report.JointQuery, format string) (*report.File, error)
	Close(ctx context.Context, by inspection.UserID, w report.Window, area inspection.Area) (*report.Closing, error)
	Day(ctx context.Context, date string, areas []inspection.Area) (*report.Day, error)
}

// Health tells whether the store can be reached and written.
type Health interface {
	Ping(ctx context.Context) error
}

// Config holds what a Server is made with. Zero durations take the values in
// brackets.
type Config struct {
	Auth    Auth
	Sync    Sync
	Media   Media
	Reports Reports
	Review  *review.Service
	Health  Health
	Log     *slog.Logger
	// Now is the clock by which tokens expire and requests are timed. Sockets
	// keep to the machine's own clock.
	Now func() time.Time
	// NewID makes the id of a request that brings none.
	NewID func() string
	// TrustedProxies are the peers whose X-Forwarded-For counts.
	TrustedProxies []netip.Prefix
	// Metrics takes the server's metrics; nil means a registry of its own.
	Metrics *prometheus.Registry

	// Heartbeat is the pause between comment lines on a stream (25 s).
	Heartbeat time.Duration
	// Recheck is how often an open stream's rights are read again (5 s, which
	// is also the most by docs/contract.md, section 1).
	Recheck time.Duration
	// ReadTimeout bounds a request's headers and each silence within its body
	// (30 s). A body may take longer as a whole, as long as it keeps coming.
	ReadTimeout time.Duration
	// WriteTimeout bounds the writing of an answer (30 s, and more for large
	// ones) and of each event of a stream.
	WriteTimeout time.Duration
	// Demo: the accounts are public, so the server listens on loopback only.
	Demo bool
}

const (
	defaultHeartbeat = 25 * time.Second
	maxRecheck       = 5 * time.Second
	defaultTimeout   = 30 * time.Second
	// requestTimeout bounds what a request may ask of the services.
	requestTimeout = 60 * time.Second
	readyTimeout   = 3 * time.Second
)

func (c Config) complete() (Config, error) {
	if c.Auth == nil || c.Sync == nil || c.Media == nil || c.Reports == nil || c.Review == nil || c.Health == nil || c.Log == nil || c.Now == nil || c.NewID == nil {
		return c, errors.New("api: the config lacks a service, a log, a clock or a maker of ids")
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	orDefault := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	orDefault(&c.Heartbeat, defaultHeartbeat)
	orDefault(&c.Recheck, maxRecheck)
	orDefault(&c.ReadTimeout, defaultTimeout)
	orDefault(&c.WriteTimeout, defaultTimeout)
	c.Recheck = min(c.Recheck, maxRecheck)
	return c, nil
}
