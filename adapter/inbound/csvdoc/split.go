package csvdoc

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// firstRead is the first size of the window through which a file is read; it
// grows only for a row that is longer.
const firstRead = 64 << 10

// Split reads a file row by row. Blank rows are passed over; they count all the
// same, so that Part.Number is the row that a spreadsheet shows. A header that
// cannot be used ends the file, because no row could be understood without it,
// and so does what is not text, or not divided as the header is.
func (f Format) Split(r io.Reader) iter.Seq2[inbound.Part, error] {
	return func(yield func(inbound.Part, error) bool) {
		s := splitter{f: f, r: r, line: 1}
		err := s.open()
		for i := 0; err == nil && i < len(s.before); i++ {
			if !yield(s.before[i], nil) {
				return
			}
		}
		var held []inbound.Part
		if err == nil {
			held, err = s.probe()
		}
		for _, p := range held {
			if !yield(p, nil) {
				return
			}
		}
		for err == nil {
			var p inbound.Part
			var ok bool
			if p, ok, err = s.part(); ok && !yield(p, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(inbound.Part{}, err)
		}
	}
}

// PartName is what a part of a file is called.
func (Format) PartName() string { return "row" }

// splitter is one file being read.
type splitter struct {
	f      Format
	r      io.Reader
	lexer  lexer
	header *header
	first  []byte // the record of the header with a line feed, in front of every row

	window    []byte // what was read and not yet taken
	end       bool
	failed    error // of the reader, behind the window
	row, line int
	rowLine   int
	order     []int          // positions of the columns that keep rows in order
	before    []inbound.Part // what was passed over up to the header
}

// open finds the separator and reads the header.
func (s *splitter) open() error {
	for !s.end && s.failed == nil && len(s.window) < sniffed {
		s.failed = s.fill()
	}
	if err := foreign(s.window[:min(len(s.window), sniffed)]); err != nil {
		return err
	}
	for !s.end && len(s.window) < firstRead && bytes.IndexByte(s.window, '\n') < 0 {
		if err := s.fill(); err != nil {
			return err
		}
	}
	if first := s.window[:min(len(s.window), firstRead)]; s.f.returnsOnly(first, s.end && len(first) == len(s.window)) {
		s.window, s.r = lineFeeds(s.window), feedReader{s.r}
	}
	for !s.end && len(s.window) <= s.f.o.Limits.Row {
		if _, known := s.f.separatorOf(s.window); known && len(s.window) >= len(byteOrderMark) {
			break
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
	s.window = bytes.TrimPrefix(s.window, []byte(byteOrderMark))
	s.lexer = s.f.lexer(s.window)
	if s.f.o.Header == None {
		s.header = s.f.positions(s.f.o.Columns)
		s.order = s.ordering()
		return nil
	}
	record, state, err := s.record()
	passes, number, line := 0, 0, 0
	for ; err == nil && state != more; record, state, err = s.record() {
		if s.f.marked(record) {
			if passes++; passes == 1 {
				number, line = s.row, s.rowLine
			}
		} else if state == broken || !blank(record, s.lexer.separator) {
			break
		}
	}
	if passes > 0 {
		s.before = append(s.before, passed(number, line, passes))
	}
	switch {
	case errors.Is(err, io.EOF) && passes > 0:
		return fault.New(fault.Malformed, "header", "the header is missing: there are no lines but those that csv.passes passes over")
	case errors.Is(err, io.EOF):
		return fault.New(fault.Malformed, "", "the file is empty")
	case err != nil:
		return err
	case state == broken:
		if err := s.f.dividedOtherwise(record); err != nil {
			return err
		}
		return fault.New(fault.Malformed, "header", "%s", brokenQuotes)
	case state == more:
		return fault.New(fault.TooLarge, "header", "the first row has more than %d bytes", s.f.o.Limits.Row)
	}
	if s.f.o.Header == Ignored {
		s.header = s.f.positions(s.f.o.Columns)
		s.before = append(s.before, inbound.Part{Number: s.row, Line: s.rowLine, Note: "passed over as the header (csv.header: ignored)"})
	} else {
		if s.header, err = s.f.header(record, s.lexer.separator); err != nil {
			return err
		}
		s.first = append(slices.Clone(record), '\n')
	}
	s.order = s.ordering()
	return nil
}

// ordering are the positions of the columns of Order.
func (s *splitter) ordering() (out []int) {
	for _, name := range s.f.o.Order {
		for i := range max(len(s.header.names), s.f.o.Limits.Columns) {
			if s.header.name(i) == name {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// lane is the first value of a row in the columns of Order.
func (s *splitter) lane(record []byte) string {
	if len(s.order) == 0 {
		return ""
	}
	cells, err := s.f.cells(record, s.lexer.separator)
	if err != nil {
		return ""
	}
	for _, i := range s.order {
		if i >= len(cells) {
			continue
		}
		value, _, err := s.f.text(cells[i].bytes())
		if err == nil && !s.f.absent(value, cells[i].quoted) {
			return string(bytes.TrimSpace(cells[i].bytes()))
		}
	}
	return ""
}

// part is the next row, or a line that is passed over; false when it was blank.
func (s *splitter) part() (inbound.Part, bool, error) {
	record, state, err := s.record()
	if err != nil || state != more && blank(record, s.lexer.separator) {
		return inbound.Part{}, false, err
	}
	if state != more && s.f.marked(record) {
		return passed(s.row, s.rowLine, 1), true, nil
	}
	p := inbound.Part{Number: s.row, Line: s.rowLine}
	if state != more && control(record) {
		last, err := s.last()
		if err != nil {
			return inbound.Part{}, false, err
		}
		if last {
			p.Note = "the last line holds nothing but an end-of-file character and was passed over"
			return p, true, nil
		}
	}
	if state == more {
		p.Err = fault.New(fault.TooLarge, "row", "the row has more than %d bytes", s.f.o.Limits.Row)
		return p, true, nil
	}
	p.Body = make([]byte, 0, len(s.first)+len(record)+1)
	p.Body = append(append(append(p.Body, s.first...), record...), '\n')
	if state == whole {
		p.Lane = s.lane(record)
	}
	return p, true, nil
}

// record is the next record without its line feed; state more: it was too long
// and was passed over.
func (s *splitter) record() ([]byte, state, error) {
	limit := s.f.o.Limits.Row + len("\r\n")
	for {
		// What is too long must not depend on how much has arrived.
		text := s.window[:min(len(s.window), limit)]
		n, state := s.lexer.next(text, s.end && len(text) == len(s.window))
		if state == more && len(text) == limit {
			if n, state = s.lexer.giveUp(); state == more {
				return nil, more, s.skipLine()
			}
		}
		if state == more {
			if err := s.fill(); err != nil {
				return nil, more, err
			}
			continue
		}
		if n == 0 { // the end of the file, with nothing before it
			return nil, state, io.EOF
		}
		record := s.window[:n]
		s.window = s.window[n:]
		s.count(record)
		return chomp(record), state, nil
	}
}

// count moves on by one row.
func (s *splitter) count(record []byte) {
	s.row++
	s.rowLine = s.line
	s.line += bytes.Count(record, []byte("\n"))
}

// skipLine passes over a line that is longer than a row may be.
func (s *splitter) skipLine() error {
	s.count(nil)
	for {
		if i := bytes.IndexByte(s.window, '\n'); i >= 0 {
			s.window = s.window[i+1:]
			break
		}
		s.window = s.window[:0]
		if s.end {
			break
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
	s.line++
	s.lexer.reset()
	return nil
}

// fill reads on.
func (s *splitter) fill() error {
	if s.failed != nil {
		return s.failed
	}
	if cap(s.window)-len(s.window) < firstRead/4 {
		// Records point into the old window until the next one is asked for.
		next := make([]byte, len(s.window), 2*len(s.window)+firstRead)
		copy(next, s.window)
		s.window = next
	}
	for range maxEmptyReads {
		n, err := s.r.Read(s.window[len(s.window):cap(s.window)])
		s.window = s.window[:len(s.window)+n]
		switch {
		case errors.Is(err, io.EOF):
			s.end = true
			return nil
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
	return io.ErrNoProgress
}

// maxEmptyReads bounds how often a reader may return nothing without an error.
const maxEmptyReads = 100

// blank reports whether a record has no cell with anything in it: a blank line,
// or the row of separators that a spreadsheet leaves at the end.
func blank(record []byte, separator byte) bool {
	for _, c := range record {
		if c != separator && c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// control reports whether a record is nothing but the end-of-file character of
// DOS, or what fills up the last block of a file.
func control(record []byte) bool {
	return len(record) > 0 && len(bytes.Trim(record, "\x1a\x00")) == 0
}

// last reports whether nothing but line ends comes behind the record at hand.
func (s *splitter) last() (bool, error) {
	for {
		if len(bytes.Trim(s.window, "\r\n")) > 0 || len(s.window) > firstRead {
			return false, nil
		}
		if s.end {
			return true, nil
		}
		if err := s.fill(); err != nil {
			return false, err
		}
	}
}
