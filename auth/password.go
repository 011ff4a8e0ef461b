package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/alexedwards/argon2id"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of a password: at least so many characters, at most so many bytes.
// Source for the minimum: NIST SP 800-63B asks for 8 and more; crews share
// carrier addresses here, which keeps throttling mild, hence 10.
const (
	MinPasswordLength = 10
	MaxPasswordBytes  = 256
)

// hashesAtOnce bounds the memory that sign-ins take: a hash needs 19 MiB.
const hashesAtOnce = 4

// credential is a row of the credentials table, under the user's id. Serial
// grows with each new password: a family begun under another one is over. It
// is not the row's version, which a migration doesn't keep.
type credential struct {
	Hash   string `json:"hash"`
	Serial int64  `json:"serial"`
}

// hasher makes and checks password hashes, a few at a time.
type hasher struct {
	params  argon2id.Params
	slots   chan struct{}
	compare func(password, hash string) (bool, error)
	// dummy is what passwords of unknown users are compared with, so that
	// they cost the same.
	dummy string
}

func newHasher(ctx context.Context, params argon2id.Params, random io.Reader) (*hasher, error) {
	h := &hasher{
		params: params, slots: make(chan struct{}, hashesAtOnce),
		compare: argon2id.ComparePasswordAndHash,
	}
	secret := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, fmt.Errorf("making a dummy password: %w", err)
	}
	var err error
	h.dummy, err = h.hash(ctx, hex.EncodeToString(secret))
	return h, err
}

func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

func (h *hasher) leave() { <-h.slots }

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hash, nil
}

// verify compares the password with the hash; "" stands for an unknown user,
// for whom the answer is no after the same work.
func (h *hasher) verify(ctx context.Context, password, hash string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	if len(password) > MaxPasswordBytes {
		known, password = false, ""
	}
	same, err := h.compare(password, hash)
	if err != nil {
		return false, fmt.Errorf("comparing a password: %w", err)
	}
	return same && known, nil
}

// setPassword stores the hash of a new password. From then on the families
// that began under the old one are over.
func (s *Service) setPassword(ctx context.Context, user inspection.UserID, hash string) error {
	return changeRow(ctx, s.store, store.TableCredentials, string(user), func(c *credential, _ bool) error {
		*c = credential{Hash: hash, Serial: c.Serial + 1}
		return nil
	})
}
