package fhirxml

import (
	"html"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/markup"
)

// narrative reads the div of a narrative as the text that JSON has: as written
// where it stands for itself, that is, declares its namespaces itself.
// Otherwise it is written anew, without prefixes. A div that forgot the
// namespace of XHTML and so is in that of FHIR is read as XHTML.
func (r *reader) narrative() (*element.Value, error) {
	name, depth := r.s.Name(), r.s.Depth()
	var text string
	var err error
	if name.Space == xhtml && name.Prefix == "" && r.s.Own("", depth) {
		text, err = r.verbatim(depth)
	} else {
		text, err = r.rewritten(depth)
	}
	if err != nil {
		return nil, err
	}
	return r.alloc(element.String, text)
}

// verbatim is the source of the element that is open at the depth.
func (r *reader) verbatim(depth int) (string, error) {
	from := r.s.At()
	for kind := markup.Start; ; {
		switch {
		case kind == markup.Start:
			if name := r.s.Name(); !r.declared(name, depth) {
				return "", r.fail(r.s.At(), "the narrative uses a prefix that it does not declare")
			}
			for _, a := range r.s.Attributes() {
				if !r.declared(a.Name, depth) {
					return "", r.fail(a.At, "the narrative uses a prefix that it does not declare")
				}
			}
		case kind == markup.Stop && r.s.Depth() < depth:
			return markup.LineEnds(r.s.Source(from, r.s.Offset())), nil
		}
		var err error
		if kind, err = r.s.Next(); err != nil {
			return "", err
		}
	}
}

// declared reports whether a name needs no declaration from around the depth.
func (r *reader) declared(name markup.Name, depth int) bool {
	return name.Prefix == "" || name.Prefix == "xml" || r.s.Own(name.Prefix, depth)
}

// rewritten writes the element that is open at the depth anew.
func (r *reader) rewritten(depth int) (string, error) {
	var out []byte
	fresh := false // the last start tag is not closed yet
	closeTag := func() {
		if fresh {
			out = append(out, '>')
		}
		fresh = false
	}
	for kind := markup.Start; ; {
		name := r.s.Name()
		switch kind {
		case markup.Start:
			if name.Space != xhtml && name.Space != Namespace {
				return "", r.fail(r.s.At(), "a narrative is in the namespace %s", xhtml)
			}
			closeTag()
			out = append(append(out, '<'), name.Local...)
			if r.s.Depth() == depth {
				out = append(out, ` xmlns="`+xhtml+`"`...)
			}
			for _, a := range r.s.Attributes() {
				if a.Prefix != "" && a.Prefix != "xml" {
					return "", r.fail(a.At, "there is an attribute that a narrative does not have")
				}
				out = append(out, ' ')
				if a.Prefix != "" {
					out = append(out, "xml:"...)
				}
				out = append(append(out, a.Local...), `="`...)
				out = append(markup.AppendAttribute(out, a.Value), '"')
			}
			fresh = true
		case markup.Stop:
			if fresh {
				out = append(out, "/>"...)
			} else {
				out = append(append(append(out, "</"...), name.Local...), '>')
			}
			fresh = false
			if r.s.Depth() < depth {
				return string(out), nil
			}
		case markup.Text:
			closeTag()
			out = markup.AppendText(out, r.s.Value())
		}
		var err error
		if kind, err = r.s.Next(); err != nil {
			return "", err
		}
	}
}

// appendNarrative writes a div as it is, once it was found to be one element
// that XML can hold; of the named entities of HTML, which XML does not have,
// it writes the characters. It reports false for anything else.
func appendNarrative(dst []byte, text string) ([]byte, bool) {
	text = entities(strings.TrimSpace(text))
	s, err := markup.NewScanner(text, markup.Limits{Bytes: len(text) + 1})
	if err != nil {
		return dst, false
	}
	if kind, err := s.Next(); err != nil || kind != markup.Start || s.At() != 0 || s.Name().Local != "div" {
		return dst, false
	}
	name := s.Name()
	if name.Space != xhtml && (name.Space != "" || s.Own("", 1)) {
		return dst, false
	}
	if s.Skip() != nil || s.Offset() != len(text) {
		return dst, false
	}
	if name.Space == "" {
		dst = append(dst, `<div xmlns="`+xhtml+`"`...)
		text = text[len("<div"):]
	}
	return append(dst, text...), true
}

// entities replaces the named entities of HTML that XML does not have.
func entities(text string) string {
	i := strings.IndexByte(text, '&')
	if i < 0 {
		return text
	}
	var out strings.Builder
	for ; i >= 0; i = strings.IndexByte(text, '&') {
		out.WriteString(text[:i])
		text = text[i:]
		end := strings.IndexByte(text[:min(len(text), 40)], ';')
		if end < 0 {
			out.WriteByte('&')
			text = text[1:]
			continue
		}
		switch name := text[:end+1]; name {
		case "&amp;", "&lt;", "&gt;", "&quot;", "&apos;":
			out.WriteString(name)
		default:
			if name[1] == '#' {
				out.WriteString(name)
			} else {
				out.WriteString(html.UnescapeString(name))
			}
		}
		text = text[end+1:]
	}
	out.WriteString(text)
	return out.String()
}
