package csvdoc

import (
	"bytes"
	"io"
)

// Files of old Macs, and of Excel's "CSV (Macintosh)", end their lines with a
// carriage return alone. Such a file is read as if they were line feeds.

// returnsOnly reports a text whose lines end with a carriage return alone:
// there is no line feed in it, and a carriage return stands outside of
// quotation marks. end says that nothing comes behind the text.
func (f Format) returnsOnly(text []byte, end bool) bool {
	if bytes.IndexByte(text, '\n') >= 0 {
		return false
	}
	within := false
	for i, c := range text {
		switch {
		case c == '"' && !f.o.Unquoted:
			within = !within
		case c == '\r' && !within && (end || i+1 < len(text)): // else a line feed may come
			return true
		}
	}
	return false
}

// lineFeeds is a text with line feeds for carriage returns.
func lineFeeds(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r"), []byte("\n")) }

// feedReader reads a file with line feeds for carriage returns.
type feedReader struct{ r io.Reader }

func (f feedReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
