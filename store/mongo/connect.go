package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/event"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	"gridpatrol/inspection"
)

// usualDatabase is opened when the URI names none.
const usualDatabase = "gridpatrol"

// selectionTimeout is how long a call waits for a server that can take it,
// unless the URI says otherwise: an election takes less.
const selectionTimeout = 8 * time.Second

// connect returns a client that has reached the server, and the database.
func connect(ctx context.Context, uri string, monitor *event.CommandMonitor) (*driver.Client, *driver.Database, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, nil, addressFailure(uri, err)
	}
	name := parsed.Database
	if name == "" {
		name = usualDatabase
	}
	if strings.ContainsAny(name, `/\. "$*<>:|?`) {
		return nil, nil, addressFailure(uri, errors.New("no database can have this name"))
	}
	client, err := driver.Connect(ctx, clientOptions(uri, parsed, monitor))
	if err != nil {
		return nil, nil, failure("open", err)
	}
	pinging, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := client.Ping(pinging, readpref.Primary()); err != nil {
		_ = client.Disconnect(context.WithoutCancel(ctx))
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("mongo: open: %w", ctx.Err())
		}
		return nil, nil, failure("open", err)
	}
	return client, client.Database(name), nil
}

// clientOptions sets what being right rests on, whatever the URI says: writes
// that a majority has on disk, reads of nothing that could be rolled back,
// from the primary.
func clientOptions(uri string, parsed *connstring.ConnString, monitor *event.CommandMonitor) *options.ClientOptions {
	durable, journaled := writeconcern.Majority(), true
	durable.Journal = &journaled
	o := options.Client().ApplyURI(uri).
		SetAppName("gridpatrol").
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(durable).
		SetMonitor(monitor)
	if !parsed.ServerSelectionTimeoutSet {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	if !parsed.ConnectTimeoutSet {
		o.SetConnectTimeout(selectionTimeout)
	}
	return o
}

func addressFailure(uri string, err error) error {
	detail := connectionAdvice(err) // mongodb+srv asks the name service first
	if detail == "" {
		detail = "The address of the database is not a Mongo URI. It looks like mongodb://user:password@host:27017/gridpatrol?authSource=admin, with all but letters and digits in the password written as %xx."
	}
	return &inspection.Error{
		Code: inspection.CodeUnavailable, Detail: detail,
		Err: fmt.Errorf("mongo: open: %s", withoutSecrets(uri, err)),
	}
}

// withoutSecrets is the text of a parser's error, which may repeat the URI.
func withoutSecrets(uri string, err error) string {
	text := err.Error()
	_, rest, _ := strings.Cut(uri, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		text = strings.ReplaceAll(text, rest[:at], "***")
		if _, password, ok := strings.Cut(rest[:at], ":"); ok && password != "" {
			text = strings.ReplaceAll(text, password, "***")
		}
	}
	return text
}
