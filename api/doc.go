// Package api is the HTTP transport: one table of routes, thin handlers, and
// every failure as a problem of RFC 9457. Fiber and HTTP statuses are spoken
// here and nowhere else.
//
// A request passes, in this order: recovery from panics, its id, the access
// log, metrics, the route, the proof that the route wants, and role. A handler
// then decodes, calls one service method and encodes.
//
// Bodies are read from the request's stream with the route's own cap, since
// there is no cap for all; whoever sends more is answered and cut off.
package api

import (
	"context"
	"net/netip"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/report"
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
	PushEdits(ctx context.Context, principal *inspection.Principal, edits []sync.Edit) ([]sync.EditResult, error)
	Follow(ctx context.Context, principal *inspection.Principal, c inspection.Collection) (*sync.Feed, error)
	// Confirmed returns which areas that were taken away the phone has purged.
	Confirmed(ctx context.Context, device inspection.Device) ([]inspection.Confirmation, error)
	Report(ctx context.Context, device inspection.Device) (sync.Report, error)
	PublishTemplate(ctx context.Context, by inspection.UserID, name string, definition []byte) (sync.Published, error)
	PublishLimit(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (sync.Published, error)
	PublishTarget(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (sync.Published, error)
	Release(ctx context.Context, principal *inspection.Principal, id inspection.DocID) (sync.Result, []byte, error)
	Discard(ctx context.Context, principal *inspection.Principal, id inspection.DocID, comment string) ([]byte, error)
	// Ready returns a CodeUnavailable error if a commit takes too long.
	Ready() error
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
