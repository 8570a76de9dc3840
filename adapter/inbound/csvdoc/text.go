package csvdoc

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/inbound"
)

// certainty is how the encoding of a cell was known.
type certainty uint8

const (
	known certainty = iota
	guess           // not UTF-8, so taken for Windows-1252
)

var (
	errNotUTF8 = errors.New("the text is not UTF-8; say encoding: windows-1252 in the mapping if that is what it is")
	errZero    = errors.New("a zero byte stands in the text; is the file UTF-16? save it as UTF-8")
)

// text reads the characters of a cell.
func (f Format) text(b []byte) (string, certainty, error) {
	for _, c := range b {
		if c == 0 {
			return "", known, errZero
		}
	}
	switch {
	case f.o.Encoding == Windows1252:
		return inbound.FromWindows1252(b), known, nil
	case utf8.Valid(b):
		return string(b), known, nil
	case f.o.Encoding == UTF8:
		return "", known, errNotUTF8
	}
	return inbound.FromWindows1252(b), guess, nil
}

// isUTF8 reports a text that has characters beyond ASCII, all of them in UTF-8.
// What somebody writes in Windows-1252 is hardly ever that: it would need an
// accented capital before a symbol, throughout.
func isUTF8(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) && utf8.Valid(b)
}
