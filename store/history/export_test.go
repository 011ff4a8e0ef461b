package history

import (
	"context"
	"io"
)

// CheckFrames is CheckBackup for frames that are not packed.
func CheckFrames(ctx context.Context, frames io.Reader) (*Contents, error) {
	b := newBackupReader(&source{}, frames, Database{})
	if err := b.readHeader(); err != nil {
		return nil, err
	}
	return b.readAll(ctx, func(Item) error { return nil }, Options{})
}
