package hl7v2

import "strings"

// Rewrite is a message in which value says what stands for each value. The
// values come and go as they are read, without escapes; separators, names of
// segments, HL7 nulls and MSH-1 and MSH-2 stay. What is not a segment is one
// value. The text is UTF-8, whatever MSH-18 says.
func (Format) Rewrite(text string, value func(string) string) string {
	s := defaultSeparators
	if i := strings.Index(text, "MSH"); i >= 0 {
		if own, err := parseSeparators([]byte(text[i:])); err == nil {
			s = own
		}
	}
	class := s.byDivision()
	var out []byte
	for text != "" {
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			end = len(text)
		}
		line := text[:end]
		i, segment, field, kind := 0, "", 1, ""
		if named(line) && (len(line) == 3 || line[3] == s.field) {
			i, segment = min(4, len(line)), line[:3]
			if segment == "MSH" || segment == "FHS" || segment == "BHS" {
				if i = strings.IndexByte(line[i:], s.field); i < 0 {
					i = len(line)
				} else {
					i += 4
				}
			}
		}
		out = append(out, line[:i]...)
		for i < len(line) {
			within := &class[divisionOf(segment, field, kind)]
			j := i
			for j < len(line) && (within[line[j]] == plain || within[line[j]] == escaping) {
				j++
			}
			switch part := line[i:j]; {
			case part == `""` || blank(part):
				out = append(out, part...)
			default:
				plain, _ := s.unescape(part)
				out = s.appendEscaped(out, value(plain))
			}
			if j < len(line) {
				out = append(out, line[j])
				if line[j] == s.field {
					if field++; field == 3 {
						kind = line[i:j]
					}
				}
				j++
			}
			i = j
		}
		if end < len(text) {
			out = append(out, text[end])
			end++
		}
		text = text[end:]
	}
	return string(out)
}
