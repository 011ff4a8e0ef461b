package auth

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"gridpatrol/inspection"
)

// newUserID makes a UUID of version 7 (RFC 9562): 48 bits of milliseconds,
// the rest random but for version and variant.
func newUserID(now time.Time, random io.Reader) (inspection.UserID, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return inspection.UserID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
}

// familyIDBytes makes families unguessable and unique without a counter.
const familyIDBytes = 16

func newFamilyID(random io.Reader) (string, error) {
	var b [familyIDBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
