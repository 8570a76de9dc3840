// Package csvdoc reads referrals that come as rows of CSV or TSV files (RFC
// 4180 and what spreadsheets and extracts make of it). One row, with the header
// above it, is one message.
//
// The tree has a child for each cell that holds something, under the name of
// its column; a column name that stands twice in the header is a List. Without
// names, columns are called column1, column2 and so on. Addresses are
// "column NHS_No"; the receipt of a file adds the row. Names with other
// characters than letters, digits, - _ @ $ stand in backquotes.
//
// A file is split into rows by Split; what Decode takes, and what is kept, is
// the header and one row, byte for byte as they stood in the file, ended by a
// line feed each. So a row that comes again in the file of the next day is the
// same message.
package csvdoc

import (
	"bytes"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// Header says what the first row of a file is.
type Header uint8

// The uses of the first row.
const (
	Named   Header = iota // it names the columns
	None                  // there is none: the first row is a message
	Ignored               // it is passed over, and columns count by position
)

// Encoding is how characters are written.
type Encoding uint8

// The encodings.
const (
	Detected    Encoding = iota // UTF-8, or Windows-1252 where the bytes are no UTF-8, which is flagged
	UTF8                        // anything else is refused
	Windows1252                 // as older Windows systems write; what is UTF-8 all the same is read as that, and flagged
)

// Options are what differs between senders. The zero value reads a file with a
// header, commas, semicolons, tabs or bars between the cells, and either
// encoding.
type Options struct {
	Separator byte // 0: the one of , ; tab | that the header holds most of; a comma without names
	Header    Header
	Encoding  Encoding
	Unquoted  bool // quotation marks mean nothing, as in the TSV of IANA

	// Columns are names that the header must hold, in any order, as it must
	// hold those of ID, Type and Order. When the file
	// does not name its columns, they name them in order and say how many
	// there are.
	Columns []string

	// Absent are texts that mean that there is no value. Nil: NULL and \N,
	// and only where they stand without quotation marks, because a person can
	// be called Null.
	Absent []string

	// ID is the column of the sender's message id, Type that of the kind of
	// message; both may be empty. DefaultType is the kind where there is none;
	// default: referral.
	ID, Type, DefaultType string

	// Order are columns of which the first that a row has a value in keeps rows
	// of equal values in the order of the file, such as the number of the
	// referral. Empty: rows are taken in any order.
	Order []string

	// Passes are first cells of lines that are passed over: what a sender
	// writes in front of the header and behind the last row.
	Passes []string

	// Pad takes rows that end before their last columns, as a spreadsheet
	// writes them that leaves empty cells at the end out. Otherwise they are
	// refused: a row may also be short because a separator was lost.
	Pad bool

	Limits Limits
}

// Limits bound what a row may be. A field that is zero takes its value from
// DefaultLimits.
type Limits struct {
	Columns int // cells of a row
	Cell    int // bytes of a cell
	Row     int // bytes of a row, and of the header
}

// DefaultLimits fit the widest extract of a GP system with a letter in a cell.
var DefaultLimits = Limits{Columns: 1000, Cell: 256 << 10, Row: 1 << 20}

const (
	maxName = 200 // bytes of a column name
	maxID   = 200 // bytes of a message id or type, which are kept and sent back
)

// Flags of rows.
const (
	FlagEncoding         = "encoding-guessed"  // the encoding had to be guessed
	FlagEncodingDoubtful = "encoding-doubtful" // it is not the one that is declared
)

// Format is the wire format; see New.
type Format struct{ o Options }

var _ inbound.Splitter = Format{}

// New returns the format; without options every default holds.
func New(options ...Options) Format {
	o := Options{}
	if len(options) > 0 {
		o = options[0]
	}
	if o.DefaultType == "" {
		o.DefaultType = "referral"
	}
	for _, f := range []struct{ v, d *int }{
		{&o.Limits.Columns, &DefaultLimits.Columns}, {&o.Limits.Cell, &DefaultLimits.Cell}, {&o.Limits.Row, &DefaultLimits.Row},
	} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	return Format{o}
}

// Decode reads one row, below its header when the file has names. Its faults
// are Malformed, located by column or by row, and TooLarge.
func (f Format) Decode(body []byte) (*inbound.Message, error) {
	text := bytes.TrimPrefix(body, []byte(byteOrderMark))
	if f.returnsOnly(text, true) {
		text = lineFeeds(text)
	}
	doubtful := f.o.Encoding == Windows1252 && isUTF8(text)
	if doubtful {
		f.o.Encoding = UTF8
	}
	l := f.lexer(text)
	var h *header
	if f.o.Header == Named {
		first, err := f.take(&l, &text, "header")
		if err != nil {
			return nil, err
		}
		if h, err = f.header(first, l.separator); err != nil {
			return nil, err
		}
	} else {
		h = f.positions(f.o.Columns)
	}
	row, err := f.take(&l, &text, "row")
	if err != nil {
		return nil, err
	}
	if f.goesOn(&l, text) {
		return nil, fault.New(fault.Malformed, "row", "there are more rows than one, and a message is one row; rows are taken apart when a file is sent to /intake")
	}
	m, err := f.row(h, row)
	if err == nil && doubtful {
		m.Flags = append(m.Flags, fault.Issue{Severity: "warning", Code: FlagEncodingDoubtful, Place: "row",
			Text: "the mapping says encoding: windows-1252, but the row is UTF-8 and was read as that; take encoding out of the mapping if the sender writes UTF-8"})
	}
	return m, err
}

// take is the next record of the text that is neither empty nor passed over.
func (f Format) take(l *lexer, text *[]byte, place string) ([]byte, error) {
	for {
		if len(*text) == 0 {
			return nil, fault.New(fault.Malformed, place, "the %s is missing", place)
		}
		n, state := l.next(*text, true)
		record := chomp((*text)[:n])
		*text = (*text)[n:]
		if len(record) > f.o.Limits.Row {
			return nil, fault.New(fault.TooLarge, place, "%d bytes, at most %d are taken", len(record), f.o.Limits.Row)
		}
		if state == broken {
			return nil, fault.New(fault.Malformed, place, "%s", brokenQuotes)
		}
		if len(record) > 0 && !f.marked(record) {
			return record, nil
		}
	}
}

// goesOn reports whether a text has another record.
func (f Format) goesOn(l *lexer, text []byte) bool {
	for len(text) > 0 {
		n, _ := l.next(text, true)
		record := bytes.Trim(text[:n], "\r\n")
		if len(record) > 0 && !f.marked(record) {
			return true
		}
		text = text[n:]
	}
	return false
}

// row makes the message of a row.
func (f Format) row(h *header, record []byte) (*inbound.Message, error) {
	cells, err := f.cells(record, h.separator)
	if err != nil {
		return nil, err
	}
	if want := len(h.names); want > 0 && len(cells) != want && !(f.o.Pad && len(cells) < want) {
		// Not even empty cells at the end are passed over: they are what a
		// separator in a text that nobody quoted leaves, with every value
		// behind it in the wrong column.
		advice := "a line that is no row, such as a trailer, is passed over when csv.passes lists its first cell"
		if len(cells) > want {
			advice = "probably a text with a separator in it does not stand in quotation marks"
		}
		return nil, fault.New(fault.Malformed, "row", "the row has %d columns, and %d are expected; %s", len(cells), want, advice)
	}
	tree := message.NewTree(2*len(cells)+1, address)
	m := &inbound.Message{Tree: tree, Type: f.o.DefaultType}
	guessed := h.guessed
	var lists map[string]message.Node
	for i, c := range cells {
		name := h.name(i)
		if len(c.raw) > f.o.Limits.Cell {
			return nil, fault.New(fault.TooLarge, place(name), "the cell has %d bytes, at most %d are taken", len(c.raw), f.o.Limits.Cell)
		}
		value, how, err := f.text(c.bytes())
		if err != nil {
			return nil, fault.New(fault.Malformed, place(name), "%s", err)
		}
		guessed = guessed || how == guess
		switch {
		case h.repeated[name]:
			list, known := lists[name]
			if !known {
				if lists == nil {
					lists = map[string]message.Node{}
				}
				list = tree.Add(tree.Root(), name, message.List, "")
				lists[name] = list
			}
			kind := message.Text
			if f.absent(value, c.quoted) {
				kind, value = message.Null, "" // keeps the place of those behind it
			}
			tree.Add(list, "", kind, value)
		case !f.absent(value, c.quoted):
			tree.Add(tree.Root(), name, message.Text, value)
		}
	}
	if guessed {
		m.Flags = append(m.Flags, fault.Issue{Severity: "information", Code: FlagEncoding, Place: "row",
			Text: "the row is not UTF-8 and was read as Windows-1252; say encoding: windows-1252 in the mapping if that is what it is"})
	}
	return m, f.envelope(m)
}

// envelope takes id and kind out of the tree.
func (f Format) envelope(m *inbound.Message) error {
	for _, e := range []struct {
		column string
		to     *string
	}{{f.o.ID, &m.ID}, {f.o.Type, &m.Type}} {
		if e.column == "" {
			continue
		}
		v := strings.TrimSpace(m.Tree.Root().Child(e.column).Value())
		if len(v) > maxID {
			return fault.New(fault.Malformed, place(e.column), "longer than %d characters", maxID)
		}
		if v != "" {
			*e.to = v
		}
	}
	return nil
}

// absent reports whether a cell holds no value.
func (f Format) absent(value string, quoted bool) bool {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return true
	case f.o.Absent != nil:
		return slices.Contains(f.o.Absent, value)
	}
	return !quoted && (value == "NULL" || value == `\N`)
}

// Reply words the answer as a receipt, see inbound.Receipt.
func (Format) Reply(m *inbound.Message, a inbound.Answer) inbound.Reply { return inbound.Receipt(m, a) }
