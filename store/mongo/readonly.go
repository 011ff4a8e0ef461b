package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
)

// SetReadOnly implements store.Migratable. It makes the database refuse all further writes with
// store.ErrReadOnly, in every process, or lets it take them again. A migration
// leaves its source like that. When it returns nil nothing that was begun
// before can still be written: the mark stops what begins from now on, waiting
// as long as a call may take lets end what had begun, and in each log the
// place of the next commit is held.
func (s *Store) SetReadOnly(ctx context.Context, on bool) error {
	if !on {
		return s.within(ctx, "set read-only", s.unseal)
	}
	err := s.within(ctx, "set read-only", func(ctx context.Context) error {
		return s.setMeta(ctx, readOnlyName, "1")
	})
	if err != nil {
		return err
	}
	if err := pause(ctx, s.tweaks.settle); err != nil {
		return err
	}
	return s.sealAll(ctx)
}

// sealAll holds the place after each head. Where a commit gets there first,
// the place is further on.
func (s *Store) sealAll(ctx context.Context) error {
	for {
		heads, err := s.Heads(ctx)
		if err != nil {
			return err
		}
		again := false
		err = s.within(ctx, "set read-only", func(ctx context.Context) error {
			for name, head := range heads {
				_, err := s.log.InsertOne(ctx, bson.D{
					{Key: "_id", Value: commitKey(name, head.Seq+1)}, {Key: "area", Value: name}, {Key: "sealed", Value: true},
				})
				if driver.IsDuplicateKeyError(err) {
					end, missing := s.endOf(ctx, name, head.Seq+1)
					again, err = again || end > 0, missing
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || !again {
			return err
		}
	}
}

func (s *Store) unseal(ctx context.Context) error {
	if _, err := s.log.DeleteMany(ctx, bson.D{{Key: "sealed", Value: true}}); err != nil {
		return err
	}
	_, err := s.meta.DeleteOne(ctx, bson.D{{Key: "_id", Value: readOnlyName}})
	return err
}
