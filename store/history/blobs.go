package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gridpatrol/store"
)

// Pictures makes a part of the files that a database's records name. What is
// made of them, and uploads that are not whole, are not carried.
func Pictures(b store.Blobs) Part { return pictures{b} }

// namesAtOnce bounds pages of names.
const namesAtOnce = 500

type pictures struct{ blobs store.Blobs }

// Name implements Part.
func (p pictures) Name() string { return "pictures" }

// Read implements Part.
func (p pictures) Read(ctx context.Context, each func(Item) error) error {
	for _, kind := range store.KeptBlobKinds {
		after := ""
		for more := true; more; {
			list, err := p.blobs.List(ctx, kind, after, namesAtOnce)
			if err != nil {
				return err
			}
			for _, info := range list {
				after = info.Name.Key
				if err := p.read(ctx, info, each); err != nil {
					return err
				}
			}
			more = len(list) == namesAtOnce
		}
	}
	return nil
}

func (p pictures) read(ctx context.Context, info store.BlobInfo, each func(Item) error) error {
	r, err := p.blobs.Open(ctx, info.Name, 0, info.Size)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was put out since the list was made
	}
	if err != nil {
		return err
	}
	err = each(Item{Part: p.Name(), Key: string(info.Name.Kind) + "/" + info.Name.Key, Size: info.Size, Content: r})
	return errors.Join(err, r.Close())
}

// Write implements Part.
func (p pictures) Write(ctx context.Context, item Item) error {
	kind, key, _ := strings.Cut(item.Key, "/")
	name := store.BlobName{Kind: store.BlobKind(kind), Key: key}
	if !name.Valid() {
		return fmt.Errorf("%q is no name of a picture", item.Key)
	}
	if info, err := p.blobs.Stat(ctx, name); err == nil && info.Size == item.Size {
		_, err := io.Copy(io.Discard, item.Content)
		return err // from a run that was cut short
	}
	return p.blobs.Put(ctx, name, item.Content)
}
