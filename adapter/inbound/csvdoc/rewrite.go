package csvdoc

import "strings"

// Rewrite is a header and rows in which value says what stands for each cell
// below the header; the header stays. The values come and go as they are read.
// The text is UTF-8, whatever the encoding of the format. A row that cannot be
// taken apart is one value. Of a line that is passed over the first cell stays.
func (f Format) Rewrite(text string, value func(string) string) string {
	rest := []byte(text)
	if f.returnsOnly(rest, true) {
		rest, text = lineFeeds(rest), strings.ReplaceAll(text, "\r", "\n")
	}
	var out strings.Builder
	if mark := []byte(byteOrderMark); strings.HasPrefix(text, byteOrderMark) {
		out.Write(mark)
		rest = rest[len(mark):]
	}
	l := f.lexer(rest)
	head := f.o.Header == Named
	for len(rest) > 0 {
		n, _ := l.next(rest, true)
		record := chomp(rest[:n])
		end := rest[len(record):n]
		rest = rest[n:]
		switch cells, err := f.cells(record, l.separator); {
		case len(record) == 0:
		case head && !f.marked(record):
			out.Write(record)
			head = false
		case err != nil:
			out.WriteString(f.cellText(value(string(record)), l.separator, false))
		default:
			for i, c := range cells {
				if i > 0 {
					out.WriteByte(l.separator)
				}
				if text := string(c.bytes()); strings.TrimSpace(text) == "" || i == 0 && f.marked(record) {
					out.WriteString(f.cellText(text, l.separator, c.quoted))
				} else {
					out.WriteString(f.cellText(value(text), l.separator, c.quoted))
				}
			}
		}
		out.Write(end)
	}
	return out.String()
}

// cellText writes a cell so that it is read as it was.
func (f Format) cellText(text string, separator byte, quoted bool) string {
	special := strings.ContainsAny(text, "\"\r\n"+string(rune(separator)))
	switch {
	case f.o.Unquoted && special:
		return strings.Map(func(r rune) rune {
			if r == '\r' || r == '\n' || r == rune(separator) {
				return ' '
			}
			return r
		}, text)
	case f.o.Unquoted || !quoted && !special:
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}
