package letter

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"github.com/go-pdf/fpdf"

	"github.com/linkloop/linkloop/adapter/outcome"
)

// face is the name of the embedded font. It has the letters of the languages
// of Europe, Vietnamese, Greek, Cyrillic and more; what it does not have is
// shown as a box, and the HTML has it. Scripts that join their letters or run
// from right to left are not shaped.
const face = "dejavu"

// PDF is the letter on A4 pages, with a structure tree for screen readers
// (ISO 32000-1, 14.8): title, headings, lists, a table with header cells, the
// language, and decoration marked as such. The same letter gives the same bytes.
func PDF(l outcome.Letter) ([]byte, error) {
	l = basic(l)
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(0, 0, 0)
	pdf.SetCatalogSort(true)
	// The day of the letter stands in it; a clock would make every copy differ.
	pdf.SetCreationDate(time.Unix(0, 0).UTC())
	pdf.SetModificationDate(time.Unix(0, 0).UTC())
	pdf.SetTitle(l.Title, true)
	pdf.SetCreator("linkloop", true)
	pdf.AddUTF8FontFromBytes(face, "", dejavusans.TTF)
	pdf.AddUTF8FontFromBytes(face, "B", dejavusansbold.TTF)
	if err := pdf.Error(); err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	s := &sheet{pdf: pdf}
	root := &node{tag: "Document"}
	s.letter(root, l)
	s.draw(s.foot(l))
	var b bytes.Buffer
	if err := pdf.Output(&b); err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	return tagged(b.Bytes(), root)
}

// basic is the letter without the characters beyond Unicode's basic plane, such
// as emoji: fonts are embedded for that plane alone, and one of another ends in a
// panic of the library.
func basic(l outcome.Letter) outcome.Letter {
	texts := func(in []string) []string {
		out := make([]string, len(in))
		for i, t := range in {
			out[i] = strings.Map(func(r rune) rune {
				if r > 0xffff {
					return unicode.ReplacementChar
				}
				return r
			}, t)
		}
		return out
	}
	head := texts([]string{l.Title, l.To, l.From, l.Date})
	l.Title, l.To, l.From, l.Date = head[0], head[1], head[2], head[3]
	l.Person = slices.Clone(l.Person)
	for i, f := range l.Person {
		l.Person[i].Text = texts([]string{f.Text})[0]
	}
	l.Sections = slices.Clone(l.Sections)
	for i := range l.Sections {
		sec := &l.Sections[i]
		sec.Lines, sec.Rows = texts(sec.Lines), slices.Clone(sec.Rows)
		for j, row := range sec.Rows {
			sec.Rows[j] = texts(row)
		}
	}
	return l
}

// foot says whose the letter is, in one line: everything about the person when
// it fits, else the last of it, which is the NHS number when that is known.
func (s *sheet) foot(l outcome.Letter) string {
	var facts []string
	for _, f := range l.Person {
		facts = append(facts, strings.ReplaceAll(f.Text, "\n", " "))
	}
	s.font(false, small)
	all := strings.Join(facts, ", ")
	switch {
	case len(facts) == 0:
		return l.Title
	case s.pdf.GetStringWidth(all) > pageWidth-left-right-30:
		return facts[len(facts)-1]
	}
	return all
}

// letter lays everything out.
func (s *sheet) letter(root *node, l outcome.Letter) {
	s.room(height(main))
	s.paragraph(root.add("H1"), l.Title, true, main, navy, left)
	s.gap(2)
	for _, f := range []outcome.Fact{{Label: "To", Text: l.To}, {Label: "From", Text: l.From}, {Label: "Date", Text: l.Date}} {
		if f.Text != "" {
			s.fact(root, f, left)
		}
	}
	s.gap(3)
	s.person(root, l.Person)
	for _, sec := range l.Sections {
		s.section(root, sec)
	}
}

// fact is a label and what it says, in one paragraph.
func (s *sheet) fact(root *node, f outcome.Fact, x float64) {
	const column = 32
	p := root.add("P")
	s.room(height(body))
	y := s.y
	lines := s.wrap(f.Text, false, body, pageWidth-right-x-column-4)
	s.at(p, f.Label+": ", true, body, ink, x, y)
	for i, t := range lines {
		if i > 0 {
			s.room(height(body))
		}
		s.at(p, t, false, body, ink, x+column, s.y)
		s.y += height(body)
	}
}

// person stands in a frame, so that whom it is about is seen first.
func (s *sheet) person(root *node, facts []outcome.Fact) {
	if len(facts) == 0 {
		return
	}
	s.room(float64(len(facts)+2) * height(body))
	began, on := s.y, len(s.pages)
	s.gap(2.5)
	for _, f := range facts {
		s.fact(root, f, left+4)
	}
	s.gap(2.5)
	if on != len(s.pages) {
		return // a name of several pages has no frame
	}
	const thick = 0.6
	w, h := pageWidth-left-right, s.y-began
	for _, b := range [][4]float64{{left, began, w, thick}, {left, s.y - thick, w, thick}, {left, began, thick, h}, {left + w - thick, began, thick, h}} {
		s.box(blue, b[0], b[1], b[2], b[3])
	}
}

// section is a heading with its list or its table. Actions stand on a band.
func (s *sheet) section(root *node, sec outcome.Section) {
	s.gap(3)
	s.room(height(head) + 2.5*height(body)) // a heading never stands alone at the foot of a page
	x := left
	if sec.ID == outcome.SectionActions {
		s.band, x = true, left+6
		s.gap(2)
	}
	s.paragraph(root.add("H2"), sec.Title, true, head, ink, x)
	s.gap(0.8)
	if sec.Rows != nil {
		s.table(root.add("Table"), sec.Rows)
	} else {
		s.list(root.add("L"), sec.Lines, x)
	}
	if s.band {
		s.gap(2)
		s.band = false
	}
}

func (s *sheet) list(n *node, lines []string, x float64) {
	for _, l := range lines {
		item := n.add("LI")
		label, text := item.add("Lbl"), item.add("LBody")
		for i, t := range s.wrap(l, false, body, pageWidth-right-x-8) {
			s.room(height(body))
			if i == 0 {
				s.at(label, "•", false, body, ink, x+1, s.y)
			}
			s.line(text, t, false, body, ink, x+5)
		}
		s.gap(0.6)
	}
}

// columns are the widths of the table of scores, in millimetres.
var columns = [...]float64{54, 42, 48, 26}

func (s *sheet) table(n *node, rows [][]string) {
	s.row(n.add("TR"), outcome.ScoreColumns, true, false)
	for _, r := range rows {
		s.row(n.add("TR"), r, false, true)
	}
}

// cell is what stands in a column where there is nothing to say.
func cell(column int, text string) string {
	switch {
	case text != "":
		return text
	case column == 1:
		return "only one score"
	}
	return "no comparison" // "none" would read as no change
}

// row sets cells side by side. first is whether the first cell heads the row.
func (s *sheet) row(n *node, cells []string, headed, first bool) {
	var wrapped [][]string
	lines := 0
	for i, c := range cells {
		w := s.wrap(cell(i, c), headed, body-1, columns[i]-3)
		wrapped, lines = append(wrapped, w), max(lines, len(w))
	}
	const pad = 1.2
	h := height(body - 1)
	// What is longer than a page is cut into pieces of one.
	for from := 0; from < lines; {
		fit := max(1, int((pageHeight-bottom-s.y-2*pad)/h))
		if lines-from > fit && lines-from <= int((pageHeight-bottom-top-2*pad)/h) || fit == 1 && lines-from > 1 {
			s.room(pageHeight)
			continue
		}
		fit = min(fit, lines-from)
		s.room(float64(fit)*h + 2*pad)
		x := left
		for i, w := range wrapped {
			tag, attrs := "TD", ""
			switch {
			case headed:
				tag, attrs = "TH", "/A <</O /Table /Scope /Column>>"
			case first && i == 0:
				tag, attrs = "TH", "/A <</O /Table /Scope /Row>>"
			}
			element := n.cell(i, tag, attrs)
			for j := from; j < min(from+fit, len(w)); j++ {
				s.at(element, w[j], headed, body-1, ink, x, s.y+pad+float64(j-from)*h)
			}
			x += columns[i]
		}
		s.y += float64(fit)*h + 2*pad
		s.box(hairly, left, s.y, pageWidth-left-right, 0.2)
		from += fit
	}
}

// draw puts every page on paper, with a foot that says whose it is: a page that
// gets lost must not land in another record.
func (s *sheet) draw(foot string) {
	for i, ops := range s.pages {
		s.pdf.AddPage()
		s.pdf.RawWriteStr("/Artifact BMC")
		for _, o := range ops { // below the text, in whatever order it was laid out
			if o.text == "" {
				s.pdf.SetFillColor(o.colour.r, o.colour.g, o.colour.b)
				s.pdf.Rect(o.x, o.y, o.w, o.h, "F")
			}
		}
		s.pdf.RawWriteStr("EMC")
		mcid := 0
		for _, o := range ops {
			if o.text == "" {
				continue
			}
			s.font(o.bold, o.size)
			s.pdf.SetTextColor(o.colour.r, o.colour.g, o.colour.b)
			s.pdf.RawWriteStr(fmt.Sprintf("/%s <</MCID %d>> BDC", o.node.tag, mcid))
			s.pdf.Text(o.x, o.y, o.text)
			s.pdf.RawWriteStr("EMC")
			o.node.marks = append(o.node.marks, mark{i, mcid})
			mcid++
		}
		s.pdf.RawWriteStr("/Artifact BMC")
		s.font(false, small)
		s.pdf.SetTextColor(grey.r, grey.g, grey.b)
		s.pdf.Text(left, pageHeight-12, foot)
		count := fmt.Sprintf("Page %d of %d", i+1, len(s.pages))
		s.pdf.Text(pageWidth-right-s.pdf.GetStringWidth(count), pageHeight-12, count)
		s.pdf.RawWriteStr("EMC")
	}
}
