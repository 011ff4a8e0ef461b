package inspection

import "strings"

// DocID is a document's UUID in its canonical lower-case form. Clients make
// it (UUIDv7 by docs/contract.md, section 0; any UUID is taken, since only uniqueness matters).
type DocID string

// ParseDocID returns s as a DocID. Upper-case digits are lowered, as RFC 9562
// asks of readers. Returns a CodeBadID error if s is not a UUID.
func ParseDocID(s string) (DocID, error) {
	if !isUUID(s) {
		return "", Errorf(CodeBadID, "Make the document's id a UUID (version 7), like 0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60.")
	}
	return DocID(strings.ToLower(s)), nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// UserID names who acted.
type UserID string

// DeviceID names the phone. Its counter and receipts belong to the pair of
// user and phone: knowing someone's device id gives nothing.
type DeviceID string

// Device is a phone in the hands of one user: the scope of mutation numbers.
type Device struct {
	User UserID
	ID   DeviceID
}

// ValidDeviceID reports whether s is a UUID.
func ValidDeviceID(s string) bool { return isUUID(s) }
