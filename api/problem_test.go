package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/store"
)

// ofParts are the codes that never answer a whole request.
var ofParts = []inspection.Code{
	inspection.CodeBadID, inspection.CodeBadDocument, inspection.CodeUnknownCollection, inspection.CodeUnknownOp,
	inspection.CodeReadOnly, inspection.CodeAreaForbidden, inspection.CodeTooDeep, inspection.CodeDocumentTooLarge,
	inspection.CodeNReused, inspection.CodeRequired, inspection.CodeWrongType, inspection.CodeOutOfRange,
	inspection.CodeUnknownChoice, inspection.CodeUnknownField, inspection.CodeConstraint, inspection.CodeBigNumber,
	inspection.CodeUnknownRef, inspection.CodeClock, inspection.CodeOverrun,
}

func TestEveryCodeHasAnAnswer(t *testing.T) {
	parts := map[inspection.Code]bool{}
	for _, code := range ofParts {
		parts[code] = true
	}
	for code := range inspection.Codes {
		a, ok := answers[code]
		if ok == parts[code] {
			t.Errorf("%s: has an answer: %t, is of parts: %t", code, ok, parts[code])
		}
		if ok && (a.title == "" || a.status < 400 || a.status > 599) {
			t.Errorf("%s: %+v", code, a)
		}
	}
}

func TestProblemOf(t *testing.T) {
	secret := errors.New("SELECT * FROM users at /data")
	for _, tc := range []struct {
		err    error
		status int
		code   inspection.Code
		hidden bool
		retry  int
	}{
		{inspection.Errorf(inspection.CodeConflict, "x"), 409, inspection.CodeConflict, false, 0},
		{fmt.Errorf("deep: %w", inspection.Errorf(inspection.CodeForbidden, "x")), 403, inspection.CodeForbidden, false, 0},
		{&inspection.Error{Code: inspection.CodeUnavailable, Detail: "x", Err: secret}, 503, inspection.CodeUnavailable, true, unavailableRetry},
		{&inspection.Error{Code: inspection.CodeInternal, Detail: secret.Error()}, 500, inspection.CodeInternal, true, 0},
		{inspection.Errorf(inspection.CodeTooDeep, "not of requests"), 500, inspection.CodeInternal, true, 0},
		{secret, 503, inspection.CodeUnavailable, true, unavailableRetry},
		{fmt.Errorf("x: %w", store.ErrReadOnly), 503, inspection.CodeUnavailable, false, unavailableRetry},
		{context.DeadlineExceeded, 503, inspection.CodeUnavailable, true, unavailableRetry},
		{&auth.ThrottledError{RetryAfter: 1500 * time.Millisecond}, 429, inspection.CodeThrottled, false, 2},
		{&panicked{value: "SELECT"}, 500, inspection.CodeInternal, true, 0},
	} {
		p, hidden := problemOf(tc.err)
		if p.Status != tc.status || p.Code != tc.code || hidden != tc.hidden || p.retryAfter != tc.retry || p.Detail == "" {
			t.Errorf("%v: %+v, hidden %t", tc.err, p, hidden)
		}
		if strings.Contains(p.Detail, "SELECT") {
			t.Errorf("told the outside: %s", p.Detail)
		}
	}
}
