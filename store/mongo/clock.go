package mongo

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/bson/primitive"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// clock holds the newest moment of the cluster that this store has seen. A
// session that starts from it reads nothing older, not even from a primary
// that doesn't know yet that it was replaced.
type clock struct {
	mu     sync.Mutex
	newest *primitive.Timestamp
}

// session runs the function in a causal session of its own: sessions can't be
// shared by goroutines.
func (c *clock) session(ctx context.Context, client *driver.Client, run func(context.Context) error) error {
	session, err := client.StartSession(options.Session().SetCausalConsistency(true))
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	c.mu.Lock()
	newest := c.newest
	c.mu.Unlock()
	if newest != nil {
		if err := session.AdvanceOperationTime(newest); err != nil {
			return err
		}
	}
	err = run(driver.NewSessionContext(ctx, session))
	c.note(session.OperationTime())
	return err
}

func (c *clock) note(seen *primitive.Timestamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen != nil && (c.newest == nil || c.newest.Before(*seen)) {
		c.newest = seen
	}
}
