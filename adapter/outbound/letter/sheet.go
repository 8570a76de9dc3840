package letter

import (
	"strings"

	"github.com/go-pdf/fpdf"
)

// Sizes of an A4 page in millimetres, and of text in points.
const (
	pageWidth, pageHeight   = 210.0, 297.0
	left, right             = 20.0, 20.0
	top, bottom             = 16.0, 20.0
	body, small, head, main = 10.5, 8.5, 12.0, 17.0
	leading                 = 1.34
	point                   = 25.4 / 72
)

// colour is red, green and blue.
type colour struct{ r, g, b int }

var (
	ink    = colour{33, 43, 50}
	navy   = colour{0, 48, 135}
	blue   = colour{0, 94, 184}
	grey   = colour{76, 98, 114}
	pale   = colour{232, 237, 238}
	hairly = colour{118, 134, 146}
)

// op is one mark on a page: text when text is set, else a filled box. Marks
// without a node are decoration.
type op struct {
	node       *node
	text       string
	bold       bool
	size       float64
	colour     colour
	x, y, w, h float64 // of text: the start of its base line
}

// sheet lays text out on pages before anything is drawn, so that the number of
// pages is known on the first one.
type sheet struct {
	pdf   *fpdf.Fpdf // for the widths of texts
	pages [][]op
	y     float64 // below what stands on the page
	band  bool    // whether what comes stands on a tinted band
}

// height is that of a line of text.
func height(size float64) float64 { return size * point * leading }

// room begins a new page unless there are h millimetres left.
func (s *sheet) room(h float64) {
	if len(s.pages) == 0 || s.y+h > pageHeight-bottom {
		s.pages = append(s.pages, nil)
		s.y = top
	}
}

func (s *sheet) put(o op) { s.pages[len(s.pages)-1] = append(s.pages[len(s.pages)-1], o) }

// box is decoration.
func (s *sheet) box(c colour, x, y, w, h float64) { s.put(op{colour: c, x: x, y: y, w: w, h: h}) }

// line sets one line below what stands there.
func (s *sheet) line(n *node, text string, bold bool, size float64, c colour, x float64) {
	h := height(size)
	s.room(h)
	if s.band {
		s.box(pale, left, s.y, pageWidth-left-right, h)
		s.box(blue, left, s.y, 2, h)
	}
	s.at(n, text, bold, size, c, x, s.y)
	s.y += h
}

// at sets one line at a place of the page.
func (s *sheet) at(n *node, text string, bold bool, size float64, c colour, x, y float64) {
	s.put(op{node: n, text: text, bold: bold, size: size, colour: c, x: x, y: y + height(size)*0.72})
}

// gap leaves a space, on the band where there is one.
func (s *sheet) gap(h float64) {
	if s.band && s.y+h <= pageHeight-bottom {
		s.box(pale, left, s.y, pageWidth-left-right, h)
		s.box(blue, left, s.y, 2, h)
	}
	s.y += h
}

// paragraph sets a text in as many lines as it needs.
func (s *sheet) paragraph(n *node, text string, bold bool, size float64, c colour, x float64) {
	for _, l := range s.wrap(text, bold, size, pageWidth-right-x) {
		s.line(n, l, bold, size, c, x)
	}
}

// wrap breaks a text at its line ends, between words, and within a word only
// where it is wider than the line.
func (s *sheet) wrap(text string, bold bool, size, width float64) []string {
	s.font(bold, size)
	var out []string
	for _, line := range strings.Split(text, "\n") {
		current := ""
		for _, w := range strings.Fields(line) {
			joined := strings.TrimSpace(current + " " + w)
			if s.pdf.GetStringWidth(joined) <= width {
				current = joined
				continue
			}
			if current != "" {
				out = append(out, current)
			}
			for current = w; s.pdf.GetStringWidth(current) > width; {
				fits := s.fitting(current, width)
				out, current = append(out, current[:fits]), current[fits:]
			}
		}
		out = append(out, current)
	}
	return out
}

// fitting is how many bytes of a word fit the width, at least one character.
func (s *sheet) fitting(word string, width float64) int {
	last := 0
	for i := range word {
		if i > 0 && s.pdf.GetStringWidth(word[:i]) > width {
			break
		}
		if i > 0 {
			last = i
		}
	}
	if last == 0 {
		for i := range word {
			if i > 0 {
				return i
			}
		}
		return len(word)
	}
	return last
}

func (s *sheet) font(bold bool, size float64) {
	style := ""
	if bold {
		style = "B"
	}
	s.pdf.SetFont(face, style, size)
}
