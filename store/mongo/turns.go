package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
)

// Where the change of a document on a condition isn't atomic, writers of a
// row take turns. A turn is a document that one of them gets to insert and
// deletes afterwards.
const (
	turnPause = 5 * time.Millisecond
	// turnLease is how long one holder may keep others waiting. One that
	// takes longer has died.
	turnLease = 10 * time.Second
)

type turn struct {
	Holder string `bson:"holder"`
}

// inTurn runs the write of a row, in turn if the server needs that.
func (s *Store) inTurn(ctx context.Context, id string, write func() error) error {
	if !s.quirks.turns {
		return write()
	}
	turns := s.plain.Database().Collection("turns")
	holder := s.newID()
	if err := takeTurn(ctx, turns, id, holder, turnLease); err != nil {
		return err
	}
	err := write()
	_, ended := turns.DeleteOne(context.WithoutCancel(ctx), heldBy(id, holder))
	return errors.Join(err, ended)
}

func heldBy(id, holder string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "holder", Value: holder}}
}

// takeTurn waits for the turn. From a holder who keeps it for longer than a
// lease it is taken.
func takeTurn(ctx context.Context, turns *driver.Collection, id, holder string, lease time.Duration) error {
	var other turn
	waited := time.Duration(0)
	for {
		_, err := turns.InsertOne(ctx, heldBy(id, holder))
		if !driver.IsDuplicateKeyError(err) {
			return err
		}
		var now turn
		err = turns.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&now)
		if err != nil && !errors.Is(err, driver.ErrNoDocuments) {
			return err
		}
		if now != other {
			other, waited = now, 0
		}
		if waited >= lease {
			if _, err := turns.DeleteOne(ctx, heldBy(id, other.Holder)); err != nil {
				return err
			}
		}
		if err := pause(ctx, turnPause); err != nil {
			return err
		}
		waited += turnPause
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
