package inspection

// Verdict is what a checklist's rules say of a record. It is a screening
// result: a grid inspector has no power to penalise, so Fail is shown to
// people as 疑似超标/疑似违规.
type Verdict string

// The verdicts. A rule whose answers are missing is Indeterminate, never Pass.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	PendingLab    Verdict = "pending_lab"
	Indeterminate Verdict = "indeterminate"
	NotApplicable Verdict = "not_applicable"
)

// The levels of findings.
const (
	LevelFail = "fail"
	LevelWarn = "warn"
)

// Finding is the outcome of one rule. Observed and Limit are JSON values in
// the unit of the limit row, or nil. Basis names the standard or statute;
// Flag is the trust flag of the limit used (P, S or M), if any.
type Finding struct {
	Rule     string  `json:"rule"`
	Result   Verdict `json:"result"`
	Observed any     `json:"observed"`
	Limit    any     `json:"limit"`
	Unit     string  `json:"unit,omitempty"`
	Basis    string  `json:"basis"`
	Flag     string  `json:"flag,omitempty"`
	// Level is LevelFail for a rule that decides the verdict, LevelWarn for
	// advice.
	Level string `json:"level,omitempty"`
	// Message says the outcome in words, in Chinese and in English.
	Message   string `json:"message,omitempty"`
	MessageEN string `json:"message_en,omitempty"`
}

// appendJSON writes the finding as its tags say.
func (f *Finding) appendJSON(dst []byte) []byte {
	dst = AppendString(append(dst, `{"rule":`...), f.Rule)
	dst = AppendString(append(dst, `,"result":`...), string(f.Result))
	dst = AppendJSON(append(dst, `,"observed":`...), f.Observed)
	dst = AppendJSON(append(dst, `,"limit":`...), f.Limit)
	dst = appendText(dst, `,"unit":`, f.Unit)
	dst = AppendString(append(dst, `,"basis":`...), f.Basis)
	dst = appendText(dst, `,"flag":`, f.Flag)
	dst = appendText(dst, `,"level":`, f.Level)
	dst = appendText(dst, `,"message":`, f.Message)
	dst = appendText(dst, `,"message_en":`, f.MessageEN)
	return append(dst, '}')
}

// appendText writes a member unless it is empty.
func appendText(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendString(append(dst, name...), value)
}

// Problem is something wrong inside a stored document. Content is never
// refused: it is kept as sent, and what is wrong with it is listed.
type Problem struct {
	Pointer   string `json:"pointer"`
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	MessageEN string `json:"message_en,omitempty"`
}

// appendJSON writes the problem as its tags say.
func (p *Problem) appendJSON(dst []byte) []byte {
	dst = AppendString(append(dst, `{"pointer":`...), p.Pointer)
	dst = AppendString(append(dst, `,"code":`...), string(p.Code))
	dst = AppendString(append(dst, `,"message":`...), p.Message)
	return append(appendText(dst, `,"message_en":`, p.MessageEN), '}')
}
