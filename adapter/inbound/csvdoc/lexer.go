package csvdoc

import (
	"bytes"

	"github.com/linkloop/linkloop/adapter/fault"
)

// lexer finds the ends of records in a text that may come in pieces. It keeps
// what it knows of the record at hand, so that nothing is looked at twice
// however small the pieces are.
type lexer struct {
	separator byte
	unquoted  bool
	at        int // bytes of the record looked at
	mode      mode
	firstLine int // bytes of the first line of the record, its line feed included
}

// mode is where the lexer stands within a record.
type mode uint8

const (
	cellStart mode = iota
	bare           // in a cell without quotation marks; one within it is a character
	quoted         // between quotation marks
	closing        // behind a quotation mark that ends the cell or is the first of two
	returned       // behind the carriage return behind that
	wrong          // behind something that cannot follow a closing quotation mark
)

// state is what became of a record.
type state uint8

const (
	more   state = iota // it goes on behind the text
	whole               // it is here, its line feed included
	broken              // its quotation marks do not pair up; it is taken to end with its first line
)

const brokenQuotes = "the quotation marks do not pair up: a cell that holds one stands in quotation marks and writes it twice"

// next finds the end of the record that the text begins with. Called again
// after more, the text must begin with the same record. end says that nothing
// comes behind the text.
func (l *lexer) next(text []byte, end bool) (n int, s state) {
	for l.at < len(text) {
		c := text[l.at]
		if c == '\n' && l.firstLine == 0 {
			l.firstLine = l.at + 1
		}
		if c == '\n' && l.mode != quoted {
			return l.done(l.at + 1)
		}
		switch l.mode {
		case cellStart, bare:
			switch {
			case c == l.separator:
				l.mode = cellStart
			case c == '"' && l.mode == cellStart && !l.unquoted:
				l.mode = quoted
			default:
				l.mode = bare
			}
		case quoted:
			i := bytes.IndexAny(text[l.at:], "\"\n")
			if i < 0 {
				l.at = len(text)
				continue
			}
			if i > 0 {
				l.at += i
				continue
			}
			if c == '"' {
				l.mode = closing
			}
		case closing:
			switch c {
			case '"':
				l.mode = quoted
			case l.separator:
				l.mode = cellStart
			case '\r':
				l.mode = returned
			default:
				l.mode = wrong
			}
		case returned:
			l.mode = wrong // no line feed came
		case wrong:
		}
		l.at++
	}
	if !end {
		return 0, more
	}
	if l.firstLine == 0 {
		l.firstLine = len(text)
	}
	return l.done(len(text))
}

// done ends the record. Where its quotation marks are broken nobody knows where
// it ends, and the lines behind the first one get their chance.
func (l *lexer) done(n int) (int, state) {
	s := whole
	if l.mode == quoted || l.mode == wrong {
		n, s = l.firstLine, broken
	}
	l.reset()
	return n, s
}

// reset makes the lexer stand at the start of a record.
func (l *lexer) reset() { l.at, l.mode, l.firstLine = 0, cellStart, 0 }

// giveUp ends a record that is too long: if it is so because of a quotation
// mark that nobody closed, its first line is the broken record.
func (l *lexer) giveUp() (n int, s state) {
	if l.firstLine > 0 {
		l.mode = quoted
		return l.done(l.firstLine)
	}
	return 0, more
}

// cell is one cell as it stands in the record, without the quotation marks
// around it.
type cell struct {
	raw     []byte
	quoted  bool
	doubled bool // holds "" for "
	returns bool // holds a carriage return and a line feed
}

// bytes is the content: doubled quotation marks are one, and a line break
// within a cell is a line feed.
func (c cell) bytes() []byte {
	b := c.raw
	if c.doubled {
		b = bytes.ReplaceAll(b, []byte(`""`), []byte(`"`))
	}
	if c.returns {
		b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	}
	return b
}

// cells takes a record apart. The record has passed the lexer.
func (f Format) cells(record []byte, separator byte) ([]cell, error) {
	var out []cell
	for rest := record; ; {
		if len(out) == f.o.Limits.Columns {
			return nil, fault.New(fault.TooLarge, "row", "more than %d columns", f.o.Limits.Columns)
		}
		if len(rest) > 0 && rest[0] == '"' && !f.o.Unquoted {
			c := cell{quoted: true}
			end := 1
			for {
				i := bytes.IndexByte(rest[end:], '"')
				if i < 0 {
					return nil, fault.New(fault.Malformed, "row", "%s", brokenQuotes)
				}
				end += i
				if end+1 < len(rest) && rest[end+1] == '"' {
					c.doubled = true
					end += 2
					continue
				}
				break
			}
			c.raw = rest[1:end]
			c.returns = bytes.Contains(c.raw, []byte("\r\n"))
			out = append(out, c)
			rest = rest[end+1:]
			switch {
			case len(rest) == 0:
				return out, nil
			case rest[0] != separator:
				return nil, fault.New(fault.Malformed, "row", "%s", brokenQuotes)
			}
			rest = rest[1:]
			continue
		}
		i := bytes.IndexByte(rest, separator)
		if i < 0 {
			return append(out, cell{raw: rest}), nil
		}
		out = append(out, cell{raw: rest[:i]})
		rest = rest[i+1:]
	}
}

// chomp takes off the line break at the end of a record.
func chomp(record []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(record, []byte("\n")), []byte("\r"))
}
