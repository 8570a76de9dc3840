package outcome

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// div is the section as the XHTML of a narrative: a list, or a table whose
// first column heads its rows. https://hl7.org/fhir/R4/narrative.html#xhtml
func (s Section) div() string {
	var b strings.Builder
	b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">`)
	if s.Rows == nil {
		b.WriteString("<ul>")
		for _, line := range s.Lines {
			b.WriteString("<li>" + breakable(line) + "</li>")
		}
		b.WriteString("</ul></div>")
		return b.String()
	}
	b.WriteString("<table><thead><tr>")
	for _, c := range ScoreColumns {
		b.WriteString("<th>" + breakable(c) + "</th>")
	}
	b.WriteString("</tr></thead><tbody>")
	for _, row := range s.Rows {
		b.WriteString("<tr>")
		for _, cell := range row {
			b.WriteString("<td>" + breakable(cell) + "</td>")
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table></div>")
	return b.String()
}

func breakable(text string) string {
	return strings.ReplaceAll(html.EscapeString(plain(text)), "\n", "<br/>")
}

// ReadLetter is the letter that a document Bundle holds, as Document returns
// it. Errors: fault.Malformed when it is none of ours.
func ReadLetter(document *element.Value) (Letter, error) {
	c := resource(document, "Composition")
	if c == nil {
		return Letter{}, fault.New(fault.Malformed, "Bundle.entry", "a document begins with a Composition")
	}
	patient, org := resource(document, "Patient"), resource(document, "Organization")
	l := Letter{Title: c.Str("title"), Person: person(patient, patient.Identifier(nhs.SystemNHSNumber)), To: practiceName(org)}
	_, l.Date = moment(c.Str("date"))
	if from := c.TextAt("author.display"); from != "linkloop" {
		l.From = from
	}
	for _, v := range c.List("section") {
		s := Section{Title: v.Str("title")}
		for _, code := range v.Get("code").List("coding") {
			if code.Str("system") == SystemSection {
				s.ID = code.Str("code")
			}
		}
		if err := s.readDiv(v.TextAt("text.div")); err != nil {
			return Letter{}, fault.New(fault.Malformed, "Composition.section.text.div", "the narrative is no list and no table of ours")
		}
		l.Sections = append(l.Sections, s)
	}
	return l, nil
}

// resource is the first resource of a type in a Bundle, or nil.
func resource(bundle *element.Value, typ string) *element.Value {
	for _, e := range bundle.List("entry") {
		if r := e.Get("resource"); r.ResourceType() == typ {
			return r
		}
	}
	return nil
}

// readDiv takes lines or rows from what div wrote.
func (s *Section) readDiv(div string) error {
	d := xml.NewDecoder(strings.NewReader(div))
	var text strings.Builder
	var row []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "li", "td", "th":
				text.Reset()
			case "br":
				text.WriteByte('\n')
			case "tr":
				row = nil
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "li":
				s.Lines = append(s.Lines, text.String())
			case "td", "th":
				row = append(row, text.String())
			case "tr":
				if len(row) != len(ScoreColumns) {
					return errors.New("a row of another table")
				}
				if !slices.Equal(row, ScoreColumns) {
					s.Rows = append(s.Rows, row)
				}
			}
		case xml.CharData:
			text.Write(t)
		}
	}
	if s.Rows != nil {
		s.Lines = sentences(s.Rows)
	}
	if len(s.Lines) == 0 {
		return errors.New("nothing is said")
	}
	return nil
}

// drop takes resources out of a document, and every reference to them.
func drop(doc *element.Value, unwanted func(*element.Value) bool) {
	gone := map[string]bool{}
	doc.Set("entry", element.NewArray(slices.DeleteFunc(doc.List("entry"), func(e *element.Value) bool {
		if unwanted(e.Get("resource")) {
			gone[e.Str("fullUrl")] = true
			return true
		}
		return false
	})...))
	prune := func(holder *element.Value, name string) {
		if rest := slices.DeleteFunc(holder.List(name), func(r *element.Value) bool { return gone[r.Str("reference")] }); len(rest) > 0 {
			holder.Set(name, element.NewArray(rest...))
		} else {
			holder.Remove(name)
		}
	}
	for _, s := range resource(doc, "Composition").List("section") {
		prune(s, "entry")
	}
	prune(resource(doc, "Provenance"), "target")
}
