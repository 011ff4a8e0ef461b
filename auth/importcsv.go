package auth

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gridpatrol/inspection"
)

// Outcome is what became of one line of an import.
type Outcome string

// The outcomes.
const (
	OutcomeAdded     Outcome = "added"
	OutcomeUpdated   Outcome = "updated"
	OutcomeUnchanged Outcome = "unchanged"
	OutcomeFailed    Outcome = "failed"
)

// ImportResult tells of one line of an import. Password is set if one was
// generated; it is stored nowhere else in clear. Err says why a line failed.
type ImportResult struct {
	Line     int
	Username string
	Outcome  Outcome
	Password string
	Err      error
}

// ImportCSV makes accounts from lines of username,name,role,areas,password:
// areas are separated by semicolons; without a password one is generated. The
// first line may be a heading that begins with "username". An account that
// exists gets the name, role and areas and keeps its password, so importing a
// file twice changes nothing. A line that fails doesn't hold up the others;
// the error is about the whole import (unreadable, or the store is gone), and
// comes with the results so far.
func (s *Service) ImportCSV(ctx context.Context, actor inspection.UserID, r io.Reader) ([]ImportResult, error) {
	lines := csv.NewReader(withoutBOM(r))
	lines.FieldsPerRecord = -1
	lines.TrimLeadingSpace = true
	results := []ImportResult{}
	for first := true; ; first = false {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			results = append(results, failed(bad.StartLine, "The line is not CSV: check its quotes."))
			continue
		}
		if err != nil {
			return results, fmt.Errorf("reading the list of users: %w", err)
		}
		if first && strings.EqualFold(strings.TrimSpace(fields[0]), "username") {
			continue
		}
		line, _ := lines.FieldPos(0)
		result := s.importLine(ctx, actor, line, fields)
		results = append(results, result)
		if inspection.CodeOf(result.Err) == inspection.CodeInternal {
			return results, result.Err
		}
	}
}

// withoutBOM drops the byte order mark that spreadsheets put first.
func withoutBOM(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\uFEFF" {
		if _, err := b.Discard(3); err != nil {
			return b
		}
	}
	return b
}

func failed(line int, detail string) ImportResult {
	return ImportResult{Line: line, Outcome: OutcomeFailed, Err: inspection.Errorf(inspection.CodeBadRequest, "%s", detail)}
}

func (s *Service) importLine(ctx context.Context, actor inspection.UserID, line int, fields []string) ImportResult {
	if !utf8.ValidString(strings.Join(fields, "")) {
		return failed(line, "The text is not UTF-8. Save the list as \"CSV UTF-8\".")
	}
	if len(fields) < 4 || len(fields) > 5 {
		return failed(line, "A line must have username, name, role, areas and, if wanted, a password.")
	}
	for i := range 4 {
		fields[i] = strings.TrimSpace(fields[i])
	}
	in := NewUser{Username: fields[0], Name: fields[1], Role: inspection.Role(strings.ToLower(fields[2])), Areas: splitAreas(fields[3])}
	if len(fields) == 5 {
		in.Password = fields[4]
	}
	result := ImportResult{Line: line, Username: in.Username}
	result.Outcome, result.Password, result.Err = s.importUser(ctx, actor, in)
	if result.Err != nil {
		result.Outcome, result.Password = OutcomeFailed, ""
	}
	return result
}

func (s *Service) importUser(ctx context.Context, actor inspection.UserID, in NewUser) (Outcome, string, error) {
	old, err := s.UserByName(ctx, in.Username)
	switch {
	case err == nil:
		now, err := s.UpdateUser(ctx, actor, old.ID, UserPatch{Name: &in.Name, Role: &in.Role, Areas: &in.Areas})
		if err == nil && sameUser(now, old) {
			return OutcomeUnchanged, "", nil
		}
		return OutcomeUpdated, "", err
	case inspection.CodeOf(err) != inspection.CodeNotFound:
		return OutcomeFailed, "", err
	}
	generated := ""
	if in.Password == "" {
		if generated, err = GeneratePassword(s.cfg.Random); err != nil {
			return OutcomeFailed, "", err
		}
		in.Password = generated
	}
	_, err = s.AddUser(ctx, actor, in)
	return OutcomeAdded, generated, err
}

func splitAreas(s string) []inspection.Area {
	codes := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '；' || r == ' ' })
	areas := make([]inspection.Area, len(codes))
	for i, code := range codes {
		areas[i] = inspection.Area(code)
	}
	return areas
}

// passwordAlphabet has 32 characters that can't be mistaken for one another on
// paper (Crockford's base 32); 16 of them are 80 bits.
const passwordAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const generatedLength = 16

// GeneratePassword makes a password that can be read off paper and typed.
func GeneratePassword(random io.Reader) (string, error) {
	b := make([]byte, generatedLength)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("generating a password: %w", err)
	}
	for i := range b {
		b[i] = passwordAlphabet[int(b[i])%len(passwordAlphabet)]
	}
	return string(b), nil
}
