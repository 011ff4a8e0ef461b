package api

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// answerOf is what the outside sees of a code.
type answerOf struct {
	status int
	title  string
}

// answers is the one table from codes of whole requests to HTTP.
var answers = map[inspection.Code]answerOf{
	inspection.CodeInternal:         {fiber.StatusInternalServerError, "Internal error"},
	inspection.CodeUnavailable:      {fiber.StatusServiceUnavailable, "Unavailable"},
	inspection.CodeNotFound:         {fiber.StatusNotFound, "Not found"},
	inspection.CodeMethodNotAllowed: {fiber.StatusMethodNotAllowed, "Method not allowed"},
	inspection.CodeTooLarge:         {fiber.StatusRequestEntityTooLarge, "Too large"},
	inspection.CodeMediaType:        {fiber.StatusUnsupportedMediaType, "Unsupported media type"},
	inspection.CodeBadRequest:       {fiber.StatusBadRequest, "Bad request"},
	inspection.CodeBadBatch:         {fiber.StatusBadRequest, "Bad batch"},
	inspection.CodeBadCheckpoint:    {fiber.StatusBadRequest, "Bad checkpoint"},
	inspection.CodeBadParameter:     {fiber.StatusBadRequest, "Bad parameter"},
	inspection.CodeCheckpointReset:  {fiber.StatusConflict, "Checkpoint reset"},
	inspection.CodeStale:            {fiber.StatusConflict, "Stale"},
	inspection.CodeConflict:         {fiber.StatusConflict, "Conflict"},
	inspection.CodeBadAsOf:          {fiber.StatusBadRequest, "Bad as_of"},
	inspection.CodeAsOfReset:        {fiber.StatusConflict, "As_of reset"},
	inspection.CodeWindowOpen:       {fiber.StatusConflict, "Window not over"},
	inspection.CodeWindowClosed:     {fiber.StatusConflict, "Already closed"},
	inspection.CodeLocked:           {fiber.StatusConflict, "Locked"},
	inspection.CodeUnauthenticated:  {fiber.StatusUnauthorized, "Not signed in"},
	inspection.CodeBadCredentials:   {fiber.StatusUnauthorized, "Bad credentials"},
	inspection.CodeTokenExpired:     {fiber.StatusUnauthorized, "Token expired"},
	inspection.CodeTokenReused:      {fiber.StatusUnauthorized, "Token reused"},
	inspection.CodeAccountDisabled:  {fiber.StatusUnauthorized, "Account disabled"},
	inspection.CodeForbidden:        {fiber.StatusForbidden, "Forbidden"},
	inspection.CodeThrottled:        {fiber.StatusTooManyRequests, "Throttled"},
	inspection.CodeOutdatedSchema:   {fiber.StatusUpgradeRequired, "Outdated schema"},

	inspection.CodeNotAPicture:         {fiber.StatusUnsupportedMediaType, "Not a picture"},
	inspection.CodeTooManyPixels:       {fiber.StatusRequestEntityTooLarge, "Too many pixels"},
	inspection.CodeChecksumMismatch:    {statusChecksumMismatch, "Checksum mismatch"},
	inspection.CodeWrongOffset:         {fiber.StatusConflict, "Wrong offset"},
	inspection.CodeUploadLocked:        {fiber.StatusLocked, "Upload locked"},
	inspection.CodeTusVersion:          {fiber.StatusPreconditionFailed, "Unsupported tus version"},
	inspection.CodeQuotaExceeded:       {fiber.StatusInsufficientStorage, "Quota exceeded"},
	inspection.CodeInsufficientStorage: {fiber.StatusInsufficientStorage, "Insufficient storage"},
	inspection.CodeRange:               {fiber.StatusRequestedRangeNotSatisfiable, "Range not satisfiable"},
}

// statusChecksumMismatch is the tus protocol's own.
const statusChecksumMismatch = 460

// unavailableRetry is what a client is asked to wait when the store is out of
// reach, in seconds.
const unavailableRetry = 5

// problem is the body of every failure.
type problem struct {
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Code   inspection.Code   `json:"code"`
	Detail string            `json:"detail"`
	Errors []problemInMember `json:"errors"`
	// Error is the code once more. RxDB's client takes an answer without it for
	// a page of documents, and stops pulling for good.
	Error inspection.Code `json:"error,omitempty"`

	retryAfter int // seconds; 0 says nothing of it
}

// problemInMember is what is wrong with one member of a body, or with one
// parameter (its pointer is then "?name").
type problemInMember struct {
	Pointer string          `json:"pointer"`
	Code    inspection.Code `json:"code"`
	Detail  string          `json:"detail"`
}

// memberErrors is a fault with the members that caused it.
type memberErrors struct {
	cause   *inspection.Error
	members []problemInMember
}

func (e *memberErrors) Error() string { return e.cause.Error() }

func (e *memberErrors) Unwrap() error { return e.cause }

// badParameter names a query parameter whose value isn't taken.
func badParameter(name, detail string) error {
	return &memberErrors{
		cause:   inspection.Errorf(inspection.CodeBadParameter, "The parameter %s has a value that is not taken here: %s", name, detail),
		members: []problemInMember{{"?" + name, inspection.CodeBadParameter, detail}},
	}
}

// problemOf turns any error of a handler into what the client is told.
// Whatever isn't an *inspection.Error comes from the store: the request may
// succeed later, unchanged. hidden tells that the log should have the rest.
func problemOf(err error) (p problem, hidden bool) {
	var routing *fiber.Error
	if errors.As(err, &routing) {
		return problemOfRouter(routing), false
	}
	var cause *inspection.Error
	if !errors.As(err, &cause) {
		cause, hidden = inspection.Errorf(inspection.CodeUnavailable, "%s", inspection.Codes[inspection.CodeUnavailable]), true
	}
	p, known := problemWith(cause.Code, cause.Detail)
	if !known || cause.Code == inspection.CodeInternal {
		p, _ = problemWith(inspection.CodeInternal, "")
		hidden = true
	}
	var members *memberErrors
	if errors.As(err, &members) {
		p.Errors = members.members
	}
	var fault *inspection.Fault
	if errors.As(err, &fault) {
		p.Errors = []problemInMember{{fault.Pointer, fault.Code, fault.Detail}}
	}
	var throttled *auth.ThrottledError
	if errors.As(err, &throttled) {
		p.retryAfter = max(1, int(math.Ceil(throttled.RetryAfter.Seconds())))
	}
	return p, hidden || cause.Err != nil
}

func problemWith(code inspection.Code, detail string) (problem, bool) {
	answer, known := answers[code]
	if detail == "" {
		detail = inspection.Codes[code]
	}
	p := problem{Title: answer.title, Status: answer.status, Code: code, Detail: detail, Errors: []problemInMember{}}
	if code == inspection.CodeUnavailable {
		p.retryAfter = unavailableRetry
	}
	return p, known
}

// problemOfRouter words what fiber and fasthttp find wrong by themselves.
func problemOfRouter(err *fiber.Error) problem {
	code, detail := inspection.CodeBadRequest, "The request is not readable as HTTP. Check what sends it."
	switch err.Code {
	case fiber.StatusNotFound:
		code, detail = inspection.CodeNotFound, ""
	case fiber.StatusMethodNotAllowed:
		code, detail = inspection.CodeMethodNotAllowed, ""
	case fiber.StatusRequestEntityTooLarge:
		code, detail = inspection.CodeTooLarge, ""
	case fiber.StatusRequestHeaderFieldsTooLarge:
		detail = "The request's headers are larger than " + strconv.Itoa(maxHeaderBytes>>10) + " KiB. Send fewer or shorter ones."
	case fiber.StatusRequestTimeout:
		detail = "The request took too long to arrive. Send it again."
	}
	p, _ := problemWith(code, detail)
	switch err.Code {
	case fiber.StatusRequestHeaderFieldsTooLarge, fiber.StatusRequestTimeout:
		p.Status = err.Code
	}
	return p
}

// send writes the problem as the whole answer, in place of whatever a handler
// had begun.
func (p problem) send(fc *fiber.Ctx) {
	if strings.HasPrefix(fc.Path(), rxPrefix) {
		p.Error = p.Code
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	fc.Response().ResetBody()
	fc.Response().Header.Del(fiber.HeaderContentEncoding)
	fc.Status(p.Status)
	fc.Set(fiber.HeaderContentType, "application/problem+json")
	fc.Set(fiber.HeaderCacheControl, "no-store")
	fc.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if p.Status == fiber.StatusUnauthorized {
		fc.Set(fiber.HeaderWWWAuthenticate, challengeOf(fc))
	}
	if p.retryAfter > 0 {
		fc.Set(fiber.HeaderRetryAfter, strconv.Itoa(p.retryAfter))
	}
	if p.Status == fiber.StatusRequestTimeout {
		fc.Response().SetConnectionClose()
	}
	fc.Response().SetBodyRaw(body)
}

// bodyTimeout is the answer to a body that stopped coming.
func bodyTimeout(after time.Duration) error {
	return &fiber.Error{Code: fiber.StatusRequestTimeout, Message: "nothing came for " + after.String()}
}
