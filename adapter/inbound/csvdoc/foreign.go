package csvdoc

import (
	"bytes"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
)

// kinds are files that are sent in place of CSV, by their first bytes.
var kinds = []struct{ first, found, instead string }{
	{"\xff\xfe", "UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "UTF-16", "save it as UTF-8"},
	{"\x1f\x8b\x08", "compressed with gzip", "unpack it"},                                          // RFC 1952 section 2.3.1
	{"PK\x03\x04", "a ZIP archive, as a workbook of Excel is", "unpack it, or save it as CSV"},     // APPNOTE.TXT section 4.3.7
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of older Microsoft Office", "save it as CSV"}, // [MS-CFB] section 2.2
	{"%PDF-", "a PDF", "save it as CSV"},
}

const (
	sniffed = 512 // bytes of a file that tell whether it is text
	few     = 4   // control characters that are no sign of anything
)

// foreign refuses a file that is not text in a character set of Encoding. No row
// of it could be taken, and one reason says more than one for each. first are
// its first bytes, sniffed of them or all.
func foreign(first []byte) error {
	for _, k := range kinds {
		if bytes.HasPrefix(first, []byte(k.first)) {
			return fault.New(fault.Unsupported, "", "the file is %s, and rows of text are expected; %s", k.found, k.instead)
		}
	}
	first = bytes.TrimRight(first, "\x1a\x00\r\n") // what fills up the last block of a file
	zeros, controls := 0, 0
	for _, c := range first {
		switch {
		case c == 0:
			zeros++
		case c < ' ' && (c < '\t' || c > '\r'):
			controls++
		}
	}
	switch {
	case zeros > few+len(first)/8:
		return fault.New(fault.Unsupported, "", "zero bytes stand throughout the file, and rows of text are expected; if it is UTF-16, save it as UTF-8")
	case zeros+controls > few+len(first)/20 && !utf8.Valid(first):
		return fault.New(fault.Unsupported, "", "the file is not text, and rows of text are expected; it may be compressed or encrypted")
	}
	return nil
}
