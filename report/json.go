package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// marshal encodes v without escaping what HTML would need: the texts here are
// Chinese and read by people.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// unmarshal decodes exactly one value and refuses members that it doesn't
// know.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("report: more than one value")
	}
	return nil
}

// mustMarshal encodes a value made here.
func mustMarshal(v any) []byte {
	b, err := marshal(v)
	if err != nil {
		panic(err) // plain structs, maps and texts always encode
	}
	return b
}
