//go:build unix

package files

import (
	"context"

	"golang.org/x/sys/unix"
)

// Free implements store.Blobs: what the file system leaves to users other
// than root.
func (b *Blobs) Free(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(b.root, &st); err != nil {
		return 0, failure("free space", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ between systems
}
