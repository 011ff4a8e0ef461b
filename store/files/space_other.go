//go:build !unix

package files

import "context"

// Free implements store.Blobs: unknown on this system.
func (b *Blobs) Free(ctx context.Context) (int64, error) { return -1, ctx.Err() }
