package mongo

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/test/localhost"
)

func openError(t *testing.T, uri string) error {
	t.Helper()
	st, err := Open(t.Context(), uri, testOptions())
	if err == nil {
		t.Fatalf("%s was opened: %v", uri, st.Close())
	}
	return err
}

// quick makes a URI's client give up soon.
const quick = "?serverSelectionTimeoutMS=300"

func TestBadAddresses(t *testing.T) {
	for _, uri := range []string{
		"", "data", "http://127.0.0.1/", "mongodb://", "mongodb://u:se/cret@127.0.0.1:x/db", "mongodb://127.0.0.1:99999/db",
		"mongodb://u:p@ss@127.0.0.1/db", "mongodb://127.0.0.1/db?connectTimeoutMS=soon", "mongodb://127.0.0.1/a.b$",
	} {
		err := openError(t, uri)
		var told *inspection.Error
		if !errors.As(err, &told) || told.Code != inspection.CodeUnavailable || !strings.Contains(told.Detail, "not a Mongo URI") {
			t.Errorf("%q: %v", uri, err)
		}
		for _, secret := range []string{"se/cret", "p@ss"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the password: %v", err)
			}
		}
	}
}

func TestAway(t *testing.T) {
	wantAdvice(t, openError(t, "mongodb://"+localhost.FreeAddress(t)+"/"+quick), adviceAway)
	wantAdvice(t, openError(t, "mongodb://nosuchhost.invalid/"+quick), adviceHost)
}

// TestTLS: a server that doesn't speak it, and one whose certificate nobody
// knows.
func TestTLS(t *testing.T) {
	plain := localhost.Listen(t)
	go localhost.Serve(plain, func(c net.Conn) { _, _ = c.Write([]byte("this is no handshake")) })
	wantAdvice(t, openError(t, "mongodb://"+plain.Addr().String()+"/"+quick+"&tls=true"), adviceTLS)
	cert, _ := localhost.Certificate(t)
	secure := tls.NewListener(localhost.Listen(t), &tls.Config{Certificates: []tls.Certificate{cert}})
	go localhost.Serve(secure, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	wantAdvice(t, openError(t, "mongodb://"+secure.Addr().String()+"/"+quick+"&tls=true"), adviceTLS)
}

// TestNoPrimary: a replica set that the server is no part of.
func TestNoPrimary(t *testing.T) {
	if mongotest.Real() {
		t.Skip("the server may be part of a replica set of any name")
	}
	wantAdvice(t, openError(t, mongotest.Database(t)+quick+"&replicaSet=rs0"), advicePrimary)
}

// TestTurnedAway: what a server says to strangers and to users without
// rights, at the start and later. FerretDB has no users, so the proxy says it.
func TestTurnedAway(t *testing.T) {
	p, uri := newProxy(t, mongotest.Database(t))
	p.add(&rule{command: "saslStart", answer: refusal(codeAuthenticationFailed, "AuthenticationFailed", "Authentication failed.")})
	stranger := strings.Replace(uri, "mongodb://", "mongodb://someone:wr0ng@", 1) + "&authMechanism=SCRAM-SHA-256"
	err := openError(t, stranger)
	wantAdvice(t, err, advicePassword)
	if strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("the error tells the password: %v", err)
	}
	st := openIn(t, uri)
	denied := refusal(codeUnauthorized, "Unauthorized", "not authorized on db to execute command")
	p.add(&rule{command: "update", answer: denied})
	p.add(&rule{command: "insert", answer: denied})
	wantAdvice(t, openError(t, uri), adviceRights)
	_, err = send(t.Context(), st, batch())
	wantAdvice(t, err, adviceRights)
	_, err = st.Put(t.Context(), store.TableMeta, store.Row{Key: "k"})
	wantAdvice(t, err, adviceRights)
	wantAdvice(t, st.Ping(t.Context()), adviceRights)
}

func TestFullDisk(t *testing.T) {
	p, uri := newProxy(t, mongotest.Database(t))
	st := openIn(t, uri)
	full := refusal(codeOutOfDiskSpace, "OutOfDiskSpace", "available disk space of 0 bytes is less than required")
	p.add(&rule{command: "insert", collection: "log", times: 1, answer: full})
	_, err := send(t.Context(), st, batch())
	wantAdvice(t, err, adviceFull)
	if n, err := send(t.Context(), st, batch()); err != nil || n != 3 {
		t.Errorf("with space again %d entries were appended: %v", n, err)
	}
}

// TestNewerSchema: a database of a newer program is refused and left alone.
func TestNewerSchema(t *testing.T) {
	uri := mongotest.Database(t)
	st := openIn(t, uri)
	if err := st.setMeta(t.Context(), "schema", "99"); err != nil {
		t.Fatal(err)
	}
	err := openError(t, uri)
	var told *inspection.Error
	if !errors.As(err, &told) || !strings.Contains(told.Detail, "newer version") {
		t.Errorf("told %v", err)
	}
}

// TestDamagedDocuments: what can't be decoded is an error, not a panic.
func TestDamagedDocuments(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	if _, err := send(t.Context(), st, batch()); err != nil {
		t.Fatal(err)
	}
	set := func(field string, value any) bson.D {
		return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
	}
	_, logErr := st.log.UpdateMany(t.Context(), bson.D{}, set("bytes", []byte("[]")))
	_, viewErr := st.views.UpdateMany(t.Context(), bson.D{{Key: "_id", Value: recordKey(document(1))}}, set("latest.revisions", []byte{0xff}))
	if err := errors.Join(logErr, viewErr); err != nil {
		t.Fatal(err)
	}
	_, commitsErr := st.Commits(t.Context(), street, 0, 10)
	_, recordsErr := st.Records(t.Context(), []inspection.DocID{document(1)})
	for _, err := range []error{commitsErr, recordsErr} {
		if inspection.CodeOf(err) != inspection.CodeUnavailable || !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a damaged document gives %v", err)
		}
	}
}
