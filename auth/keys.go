package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"gridpatrol/store"
)

// keyKind says what a key signs. Keys of one kind never sign the other.
type keyKind string

const (
	accessKeys  keyKind = "access"
	refreshKeys keyKind = "refresh"
)

// keyBytes is the length of a key: as long as the digest of HMAC-SHA-256.
const keyBytes = 32

// keyReload is how long a key id that isn't known is taken for unknown before
// the table is read again: made-up ids must not become reads.
const keyReload = 5 * time.Second

// keyRow is a row of the keys table, under its key id.
type keyRow struct {
	Kind   keyKind   `json:"kind"`
	Made   time.Time `json:"made"`
	Secret []byte    `json:"secret"`
}

type key struct {
	id string
	keyRow
}

// keyring holds the signing keys. All of them verify; the newest one signs.
type keyring struct {
	store store.Tables
	now   func() time.Time

	mu     sync.Mutex
	keys   []key // oldest first
	loaded time.Time
}

func openKeyring(ctx context.Context, st store.Tables, now func() time.Time, random io.Reader) (*keyring, error) {
	k := &keyring{store: st, now: now}
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	for _, kind := range []keyKind{accessKeys, refreshKeys} {
		if _, ok := k.newest(kind); ok {
			continue
		}
		if err := k.makeFirst(ctx, kind, random); err != nil {
			return nil, err
		}
	}
	return k, k.load(ctx)
}

// makeFirst inserts the first key of a kind. Its id is the same in every
// process, so of several that start at once only one insert goes in.
func (k *keyring) makeFirst(ctx context.Context, kind keyKind, random io.Reader) error {
	secret := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	value, err := json.Marshal(keyRow{Kind: kind, Made: k.now().UTC(), Secret: secret})
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	_, err = k.store.Put(ctx, store.TableKeys, store.Row{Key: string(kind) + "-1", Value: value})
	if err != nil && !errors.Is(err, store.ErrStale) {
		return fmt.Errorf("storing a key: %w", err)
	}
	return nil
}

func (k *keyring) load(ctx context.Context) error {
	at := k.now()
	var keys []key
	err := store.ScanRows(ctx, k.store, store.TableKeys, "", func(row store.Row) error {
		e := key{id: row.Key}
		if err := json.Unmarshal(row.Value, &e.keyRow); err != nil {
			return fmt.Errorf("reading the key %s: %w", row.Key, err)
		}
		if len(e.Secret) < keyBytes {
			return fmt.Errorf("the key %s is too short", row.Key)
		}
		keys = append(keys, e)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.id, b.id))
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.loaded = keys, at
	return nil
}

// newest returns the key that signs.
func (k *keyring) newest(kind keyKind) (key, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range slices.Backward(k.keys) {
		if e.Kind == kind {
			return e, true
		}
	}
	return key{}, false
}

func (k *keyring) lookup(kind keyKind, id string) (found key, ok, stale bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.keys {
		if e.Kind == kind && e.id == id {
			return e, true, false
		}
	}
	return key{}, false, k.now().Sub(k.loaded) >= keyReload
}

// find returns the key with the id; another process may just have made it.
func (k *keyring) find(ctx context.Context, kind keyKind, id string) (key, bool, error) {
	e, ok, stale := k.lookup(kind, id)
	if ok || !stale {
		return e, ok, nil
	}
	if err := k.load(ctx); err != nil {
		return key{}, false, err
	}
	e, ok, _ = k.lookup(kind, id)
	return e, ok, nil
}
