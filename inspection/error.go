package inspection

import (
	"errors"
	"fmt"
)

// Code is a stable word for a kind of failure. Codes are part of the wire
// contract (docs/contract.md): Codes lists each one with what it means.
type Code string

// The codes of whole requests.
const (
	CodeInternal         Code = "internal"
	CodeUnavailable      Code = "unavailable"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeTooLarge         Code = "too_large"
	CodeMediaType        Code = "unsupported_media_type"
	CodeBadRequest       Code = "bad_request"
	CodeBadBatch         Code = "bad_batch"
	CodeBadCheckpoint    Code = "bad_checkpoint"
	CodeCheckpointReset  Code = "checkpoint_reset"
	CodeBadParameter     Code = "bad_parameter"
	CodeStale            Code = "stale"
	CodeConflict         Code = "conflict"
	CodeLocked           Code = "locked"
	CodeBadAsOf          Code = "bad_as_of"
	CodeAsOfReset        Code = "as_of_reset"
	CodeWindowOpen       Code = "window_not_over"
	CodeWindowClosed     Code = "already_closed"
	CodeOutdatedSchema   Code = "outdated_schema"

	CodeUnauthenticated Code = "unauthenticated"
	CodeBadCredentials  Code = "bad_credentials"
	CodeTokenExpired    Code = "token_expired"
	CodeTokenReused     Code = "token_reused"
	CodeAccountDisabled Code = "account_disabled"
	CodeThrottled       Code = "throttled"
	CodeForbidden       Code = "forbidden"

	CodeNotAPicture         Code = "not_a_picture"
	CodeTooManyPixels       Code = "too_many_pixels"
	CodeChecksumMismatch    Code = "checksum_mismatch"
	CodeWrongOffset         Code = "wrong_offset"
	CodeUploadLocked        Code = "upload_locked"
	CodeTusVersion          Code = "unsupported_tus_version"
	CodeQuotaExceeded       Code = "quota_exceeded"
	CodeInsufficientStorage Code = "insufficient_storage"
	CodeRange               Code = "range_not_satisfiable"
)

// The codes of single mutations and of problems inside a document.
const (
	CodeBadID             Code = "bad_id"
	CodeBadDocument       Code = "bad_document"
	CodeUnknownCollection Code = "unknown_collection"
	CodeUnknownOp         Code = "unknown_op"
	CodeReadOnly          Code = "read_only_collection"
	CodeAreaForbidden     Code = "area_forbidden"
	CodeTooDeep           Code = "too_deep"
	CodeDocumentTooLarge  Code = "document_too_large"
	CodeNReused           Code = "n_reused"

	CodeRequired      Code = "required"
	CodeWrongType     Code = "wrong_type"
	CodeOutOfRange    Code = "out_of_range"
	CodeUnknownChoice Code = "unknown_choice"
	CodeUnknownField  Code = "unknown_field"
	CodeConstraint    Code = "constraint"
	CodeBigNumber     Code = "big_number"
	CodeUnknownRef    Code = "unknown_reference"
	CodeClock         Code = "clock"
	CodeOverrun       Code = "overrun"
)

// Codes is the one table of error and problem codes: what each means.
var Codes = map[Code]string{
	CodeInternal:         "Something went wrong on the server. Try again; nothing that was acknowledged is lost.",
	CodeUnavailable:      "The store cannot be reached or written just now. Send the same request again later.",
	CodeNotFound:         "There is nothing at this address, or nothing that you may see.",
	CodeMethodNotAllowed: "This address exists, but not with this method.",
	CodeTooLarge:         "The body is over the limit of this route. Send less at once.",
	CodeMediaType:        "The body's media type or encoding is not taken here.",
	CodeBadRequest:       "The request is not of the form that this route takes.",
	CodeBadBatch:         "The batch is not JSON of the shape that a push has. Nothing of it was stored.",
	CodeBadCheckpoint:    "The checkpoint was not made by this server. Pull without one to start over.",
	CodeCheckpointReset:  "The checkpoint is of another database or user, or newer than a restored backup. Push, start over, and push again what the server lacks.",
	CodeBadParameter:     "A query parameter has a value that is not taken here.",
	CodeStale:            "The document changed after the revision that you decided on. Read it again.",
	CodeConflict:         "The request does not fit the present state. Read it again.",
	CodeLocked:           "The document is approved or closed, and locked. Reopen it first.",
	CodeBadAsOf:          "The as_of is neither a time nor a token that fits here. Report without it, or as of a time.",
	CodeAsOfReset:        "The as_of token is of another database, or newer than a restored backup. Report as of a time.",
	CodeWindowOpen:       "The window is not over yet, so it can't be closed.",
	CodeWindowClosed:     "The window was closed before. It is closed once; what changed since is told in its report.",
	CodeOutdatedSchema:   "This version of the collection's RxDB schema is served no longer. Migrate to the present one.",
	CodeUnauthenticated:  "Sign in, and send the access token as a bearer token.",
	CodeBadCredentials:   "User name or password is wrong.",
	CodeTokenExpired:     "The token has expired. Refresh it or sign in again.",
	CodeTokenReused:      "An old refresh token was used again, so this device was signed out. Sign in again.",
	CodeAccountDisabled:  "This account is disabled. Ask an administrator.",
	CodeThrottled:        "Too many failed attempts. Wait as long as Retry-After says.",
	CodeForbidden:        "Your role does not allow this.",

	CodeNotAPicture:         "The file is no JPEG, PNG or WebP picture that can be read to its end. Nothing of it was kept.",
	CodeTooManyPixels:       "The picture has more pixels than are taken here. Nothing of it was kept.",
	CodeChecksumMismatch:    "What arrived is not what its checksum says, and was thrown away. Send it again.",
	CodeWrongOffset:         "The upload has another size than the request assumes. Ask for its offset and go on from there.",
	CodeUploadLocked:        "Another request of this upload is still being put away. Try again in a moment.",
	CodeTusVersion:          "This server speaks tus 1.0.0. Send Tus-Resumable: 1.0.0.",
	CodeQuotaExceeded:       "You have sent as much as is taken from one account. Try again later.",
	CodeInsufficientStorage: "The server has no room for more photos just now. Keep the file and try again later.",
	CodeRange:               "The file has no such range of bytes.",

	CodeBadID:             "The id is not a UUID.",
	CodeBadDocument:       "The mutation or its document is not of that collection.",
	CodeUnknownCollection: "There is no such collection.",
	CodeUnknownOp:         "The operation is neither put nor delete.",
	CodeReadOnly:          "Phones only read this collection.",
	CodeAreaForbidden:     "No right to write this document, or it lies elsewhere.",
	CodeTooDeep:           "The document is nested deeper than 32 levels.",
	CodeDocumentTooLarge:  "The document is larger than 1 MiB.",
	CodeNReused:           "This device used the number n before, with other content.",

	CodeRequired:      "A required answer is missing.",
	CodeWrongType:     "The answer has another type than its field.",
	CodeOutOfRange:    "The number is outside its field's range.",
	CodeUnknownChoice: "The answer is not among its field's choices.",
	CodeUnknownField:  "The template has no such field.",
	CodeConstraint:    "The answer breaks its field's constraint.",
	CodeBigNumber:     "The number is too large to be kept as one; it is kept as text.",
	CodeUnknownRef:    "The document names something that is not known here.",
	CodeClock:         "The time is far from when the server received it.",
	CodeOverrun:       "To judge this by the checklist takes too much; what it would tell is undecided.",
}

// Error is a failure that may be told to a person. Detail says what to do; it
// never holds a query, a path or a stack. Err, if any, is for the log.
type Error struct {
	Code   Code
	Detail string
	Err    error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s (%v)", e.Code, e.Detail, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Fault is something wrong with one member of a request.
type Fault struct {
	Pointer string
	Code    Code
	Detail  string
}

// FaultIn makes a Fault of the member at the pointer.
func FaultIn(pointer string, code Code, detail string) *Fault {
	return &Fault{Pointer: pointer, Code: code, Detail: detail}
}

func (f *Fault) Error() string { return string(f.Code) + " at " + f.Pointer + ": " + f.Detail }

// Unwrap returns what is told of the request as a whole: CodeBadRequest.
func (f *Fault) Unwrap() error { return Errorf(CodeBadRequest, "%s", f.Detail) }

// CodeOf returns the code of the first Error in err's chain, CodeInternal if
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
