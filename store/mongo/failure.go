package mongo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/description"
	"go.mongodb.org/mongo-driver/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// failure tells callers of err: the store's own errors pass, everything else
// means that the store is unavailable.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("mongo: %s: %w", op, err)
	for _, known := range []error{store.ErrStale, store.ErrNotFound, store.ErrReadOnly, errMisuse} {
		if errors.Is(err, known) {
			return wrapped
		}
	}
	var told *inspection.Error
	if errors.As(err, &told) {
		return err
	}
	return &inspection.Error{Code: inspection.CodeUnavailable, Detail: advice(err), Err: wrapped}
}

// errMisuse marks what a caller should never ask for.
var errMisuse = errors.New("misuse")

func misuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMisuse, fmt.Sprintf(format, args...))
}

// What the server says by number.
const (
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeOutOfDiskSpace       = 14031
)

const (
	adviceRights   = "The database's user may not do this. Give it the role readWrite on the database; read alone is not enough."
	advicePassword = "The database turned the user away. Check the user name, the password and authSource in the database's address."
	adviceFull     = "The disk of the database is full, so nothing can be stored. Free some space there; then send the same request again."
	adviceHost     = "The host name in the database's address is not known. Check the address and the name service."
	adviceTLS      = "No secure connection to the database could be made: only one side speaks TLS, or the certificate is not one for this host that is trusted here. Check tls, tlsCAFile and the host name in the database's address."
	advicePrimary  = "The database can be reached, but no server of it takes writes just now. Wait for the election to end, or check the replica set's name and members."
	adviceAway     = "The database cannot be reached. Start it, or check the host and port in its address and the firewall; the server goes on by itself when it answers."
	adviceSlow     = "The database did not answer in time. Send the same request again later."
	adviceOther    = "The database cannot be read or written just now. Send the same request again later."
)

// advice says what to do about a failure of the server or the way to it.
func advice(err error) string {
	var server driver.ServerError
	switch {
	case errors.As(err, &server) && server.HasErrorCode(codeUnauthorized):
		return adviceRights
	case errors.As(err, &server) && server.HasErrorCode(codeAuthenticationFailed):
		return advicePassword
	case errors.As(err, &server) && server.HasErrorCode(codeOutOfDiskSpace):
		return adviceFull
	}
	if a := connectionAdvice(err); a != "" {
		return a
	}
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		return topologyAdvice(selection.Desc)
	}
	switch {
	case driver.IsNetworkError(err):
		return adviceAway
	case driver.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return adviceSlow
	}
	return adviceOther
}

// topologyAdvice says why no server could be chosen: what the servers were
// last heard saying tells.
func topologyAdvice(t description.Topology) string {
	reached := len(t.Servers) == 0 // those of the address belong to no such replica set
	for _, s := range t.Servers {
		if s.LastError == nil {
			reached = reached || s.Kind != description.Unknown
			continue
		}
		if a := connectionAdvice(s.LastError); a != "" {
			return a
		}
	}
	if reached {
		return advicePrimary
	}
	return adviceAway
}

// connectionAdvice returns "" if the connection failed for no reason that is
// known here.
func connectionAdvice(err error) string {
	var denied *auth.Error
	var name *net.DNSError
	if errors.As(err, &denied) {
		return advicePassword
	}
	if errors.As(err, &name) {
		return adviceHost
	}
	var header tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	for _, target := range []any{&header, &alert, &verify, &authority, &host} {
		if errors.As(err, target) {
			return adviceTLS
		}
	}
	return ""
}
