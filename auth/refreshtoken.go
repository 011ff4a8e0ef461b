package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"gridpatrol/inspection"
)

// refreshToken is what a refresh token says, once its MAC is right. Its text
// is base64url(key.user.device.family.generation) + "." + base64url(MAC): the
// text of any generation can be made again, so only hashes are stored.
type refreshToken struct {
	key        string
	device     inspection.Device
	family     string
	generation int64
}

var tokenEncoding = base64.RawURLEncoding.Strict()

func (t refreshToken) payload() string {
	return strings.Join([]string{
		t.key, string(t.device.User), string(t.device.ID), t.family, strconv.FormatInt(t.generation, 10),
	}, ".")
}

// text returns the token as sealed with the secret of its key.
func (t refreshToken) text(secret []byte) string {
	payload := t.payload()
	return tokenEncoding.EncodeToString([]byte(payload)) + "." + tokenEncoding.EncodeToString(tokenMAC(secret, payload))
}

func tokenMAC(secret []byte, payload string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("gridpatrol refresh\n" + payload))
	return m.Sum(nil)
}

// parseRefreshToken reads a token's text, without knowing whether its MAC is
// right. There is exactly one text for each token and MAC.
func parseRefreshToken(text string) (t refreshToken, mac []byte, ok bool) {
	if len(text) > maxTokenLength {
		return t, nil, false
	}
	encoded, sealed, _ := strings.Cut(text, ".")
	payload, err := tokenEncoding.DecodeString(encoded)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return t, nil, false
	}
	mac, err = tokenEncoding.DecodeString(sealed)
	if err != nil || len(mac) != sha256.Size {
		return t, nil, false
	}
	t, ok = parsePayload(string(payload))
	return t, mac, ok
}

func parsePayload(payload string) (refreshToken, bool) {
	parts := strings.Split(payload, ".")
	if len(parts) != 5 {
		return refreshToken{}, false
	}
	generation, err := strconv.ParseInt(parts[4], 10, 64)
	t := refreshToken{
		key:        parts[0],
		device:     inspection.Device{User: inspection.UserID(parts[1]), ID: inspection.DeviceID(parts[2])},
		family:     parts[3],
		generation: generation,
	}
	ok := err == nil && generation >= 1 && t.payload() == payload && t.key != "" &&
		canonicalUUID(parts[1]) && canonicalUUID(parts[2]) && len(t.family) == hex.EncodedLen(familyIDBytes)
	return t, ok
}

func canonicalUUID(s string) bool {
	id, err := inspection.ParseDocID(s)
	return err == nil && string(id) == s
}

// sealRefresh returns the token's text.
func (s *Service) sealRefresh(ctx context.Context, t refreshToken) (string, error) {
	k, ok, err := s.keys.find(ctx, refreshKeys, t.key)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", unauthenticated() // the key was taken away: what it sealed is void
	}
	return t.text(k.Secret), nil
}

func tokenHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
