package batch

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/intake"
)

// Bounds of a receipt. When more is wrong than that, one thing is wrong with
// the whole file; the rest is in the list of failed messages.
const (
	maxEntries  = 10_000
	maxWarnings = 2_000
	maxReasons  = 10
)

// Status is how a file ended.
type Status string

// Every file ends as one of these.
const (
	Complete Status = "complete" // every message of it came to its end, accepted or refused
	Partial  Status = "partial"  // not all of it could be taken: send it again
	Refused  Status = "refused"  // it cannot be read, and nothing of it was taken
)

// Receipt says what became of a file. It holds numbers, places and reasons, and
// nothing of what the messages say.
type Receipt struct {
	ID       string    `json:"id,omitempty"` // by which it is read later; empty: it was not kept
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"` // why it is not complete
	Sender   string    `json:"sender"`
	Received time.Time `json:"received"`
	Ended    time.Time `json:"ended"`
	Part     string    `json:"part"`             // what a message of the file is called: row, message
	Messages int       `json:"messages"`         // accepted, repeated and refused together
	Accepted int       `json:"accepted"`         // made something
	Repeated int       `json:"repeated"`         // were accepted before, and made nothing
	Refused  int       `json:"refused"`          // kept with their reasons, see Entries
	Untaken  int       `json:"untaken"`          // could not be taken now, though they were read
	Passed   int       `json:"passed,omitempty"` // lines that are no messages, as the mapping says (csv.passes)
	Last     int       `json:"last"`             // number of the last one that came to its end
	Unlisted int       `json:"unlisted,omitempty"`
	Entries  []Entry   `json:"entries"` // refused and untaken ones, in the order of the file

	// Warned counts the accepted ones, now or before, of which something was
	// found that is no reason to refuse them; the first are in Warnings.
	Warned   int     `json:"warned,omitempty"`
	Warnings []Entry `json:"warnings,omitempty"`

	// Notes are about the file as a whole: that it was empty, that something was
	// passed over.
	Notes []string `json:"notes,omitempty"`

	kind fault.Kind // of what ended the file
}

// Entry is one message that was not accepted, or of which something was found.
type Entry struct {
	Number  int      `json:"number"`            // 14 for row 14, as a spreadsheet counts, the header included
	Line    int      `json:"line"`              // of the file
	Message int64    `json:"message,omitempty"` // number in the inbox, for messages show and replay; 0: not kept
	Kind    string   `json:"kind"`              // fault kind; of an accepted one: warning, information
	Again   bool     `json:"again,omitempty"`   // was refused before for the same reasons, or was accepted before
	Reasons []Reason `json:"reasons"`
}

// Reason is one thing that is wrong with a message.
type Reason struct {
	Place   string `json:"place"` // row 14, column NHS_No
	Element string `json:"element,omitempty"`
	Code    string `json:"code,omitempty"` // of a finding: consent-refused, unknown-code
	Reason  string `json:"reason"`
}

func entryOf(name string, p inbound.Part, res intake.Result, issues []fault.Issue) Entry {
	e := Entry{Number: p.Number, Line: p.Line, Message: res.MessageID, Kind: res.Refused, Again: res.Kind == fault.Duplicate.String()}
	e.Reasons = reasons(name, p, issues)
	if len(e.Reasons) == 0 {
		e.Reasons = []Reason{{Place: place(name, p.Number, ""), Reason: "the message was refused"}}
	}
	return e
}

func reasons(name string, p inbound.Part, issues []fault.Issue) (out []Reason) {
	for _, is := range issues[:min(len(issues), maxReasons)] {
		out = append(out, Reason{Place: place(name, p.Number, is.Place), Element: is.Expression, Code: is.Code, Reason: is.Text})
	}
	return out
}

// warn notes what was found of a message that was accepted.
func (c *Receipt) warn(p inbound.Part, res intake.Result) {
	issues := slices.DeleteFunc(res.Issues(), func(is fault.Issue) bool { return is.Code == "informational" })
	if len(issues) == 0 {
		return
	}
	if c.Warned++; len(c.Warnings) >= maxWarnings {
		return
	}
	kind := "information"
	if slices.ContainsFunc(issues, func(is fault.Issue) bool { return is.Severity != "information" }) {
		kind = "warning"
	}
	c.Warnings = append(c.Warnings, Entry{
		Number: p.Number, Line: p.Line, Message: res.MessageID, Kind: kind, Again: res.Kind == fault.Duplicate.String(),
		Reasons: reasons(c.Part, p, issues),
	})
}

// place puts the number of a part before a place within it.
func place(name string, number int, within string) string {
	at := name + " " + strconv.Itoa(number)
	if within == "" || within == name {
		return at
	}
	return at + ", " + within
}

func (c *Receipt) add(e Entry) {
	// The first ones of the file are listed. They come nearly in order, so
	// that only what is far behind is dropped.
	if len(c.Entries) < maxEntries {
		c.Entries = append(c.Entries, e)
		return
	}
	c.Unlisted++
}

// untaken notes a message that was read and could not be taken.
func (c *Receipt) untaken(p inbound.Part, err error) {
	c.Untaken++
	kind := fault.Transient
	var flt *fault.Fault
	if errors.As(err, &flt) {
		kind = flt.Kind
	}
	if c.kind == fault.Internal {
		c.kind = kind
	}
	c.add(Entry{Number: p.Number, Line: p.Line, Kind: kind.String(), Reasons: []Reason{{
		Place: place(c.Part, p.Number, ""), Reason: "not taken: " + causeText(err)}}})
}

// refuse ends a file of which nothing can be read.
func (c *Receipt) refuse(f *fault.Fault) { c.Status, c.Reason, c.kind = Refused, f.Error(), f.Kind }

// close ends a file of which all was read that could be.
func (c *Receipt) close(ctx context.Context, cut error) {
	var flt *fault.Fault
	switch {
	case cut == nil && ctx.Err() == nil && c.Untaken == 0:
		c.Status = Complete
		if c.Messages == 0 {
			c.Notes = append(c.Notes, "there is no "+c.Part+" in the file, and nothing was taken; if one was expected, ask the sender")
		}
		return
	case errors.As(cut, &flt) && c.Messages+c.Untaken == 0:
		c.refuse(flt)
		return
	case cut == nil:
		cut = ctx.Err()
	}
	c.Status = Partial
	switch {
	case errors.As(cut, &flt):
		c.kind = flt.Kind
	case cut != nil && ctx.Err() == nil:
		c.kind = fault.Timeout
	case cut != nil:
		c.kind = fault.Transient
	}
	why := "some of its messages could not be taken"
	if cut != nil {
		why = causeText(cut)
	}
	c.Reason = why + "; send the whole file again: what was taken is recognised and makes nothing new"
}

// HTTP is the status code of the receipt (RFC 9110; 207: RFC 4918): 200 only
// when all of the file was accepted, now or before; 207 when some of it was
// refused and 422 when all was.
func (c *Receipt) HTTP() int {
	switch {
	case c.Status != Complete:
		return c.kind.Row().HTTP
	case c.Refused == 0:
		return 200
	case c.Accepted+c.Repeated > 0:
		return 207
	}
	return 422
}

// Taken reports whether the file needs nobody's attention as a whole: it was
// taken to its end, and not every message of it was refused.
func (c *Receipt) Taken() bool {
	return c.Status == Complete && (c.Refused == 0 || c.Accepted+c.Repeated > 0)
}

// WriteJSON writes the receipt as one JSON object.
func (c *Receipt) WriteJSON(w io.Writer) error {
	out := *c
	if out.Entries == nil {
		out.Entries = []Entry{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

// csvHead names the columns of WriteCSV.
var csvHead = []string{"number", "line", "message", "kind", "place", "element", "reason", "code"}

// WriteCSV writes a line for each reason of each entry, and a last one about
// the file as a whole, without a number.
func (c *Receipt) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	rows := [][]string{slices.Clone(csvHead)}
	for _, e := range slices.Concat(c.Entries, c.Warnings) {
		message := ""
		if e.Message != 0 {
			message = strconv.FormatInt(e.Message, 10)
		}
		for _, r := range e.Reasons {
			rows = append(rows, []string{strconv.Itoa(e.Number), strconv.Itoa(e.Line), message, e.Kind, r.Place, r.Element, r.Reason, r.Code})
		}
	}
	for _, note := range c.Notes {
		rows = append(rows, []string{"", "", "", "warning", "", "", note, ""})
	}
	rows = append(rows, []string{"", "", "", string(c.Status), "", "", c.summary(), ""})
	for _, row := range rows {
		for i, cell := range row {
			row[i] = harmless(cell)
		}
	}
	return out.WriteAll(rows)
}

// harmless keeps a spreadsheet from taking a text for a formula
// (https://owasp.org/www-community/attacks/CSV_Injection).
func harmless(cell string) string {
	if cell != "" && slices.Contains([]byte("=+-@\t\r"), cell[0]) {
		return "'" + cell
	}
	return cell
}

func (c *Receipt) summary() string {
	parts := []string{fmt.Sprintf("%d read: %d accepted, %d repeated, %d refused", c.Messages+c.Untaken, c.Accepted, c.Repeated, c.Refused)}
	if c.Passed > 0 {
		parts = append(parts, fmt.Sprintf("%d passed over", c.Passed))
	}
	if c.Untaken > 0 {
		parts = append(parts, fmt.Sprintf("%d not taken", c.Untaken))
	}
	if c.Warned > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted with warnings", c.Warned))
	}
	if n := c.Warned - len(c.Warnings); n > 0 {
		parts = append(parts, fmt.Sprintf("the warnings of %d more are not listed here", n))
	}
	if c.Unlisted > 0 {
		parts = append(parts, fmt.Sprintf("%d more are not listed here", c.Unlisted))
	}
	if c.Reason != "" {
		parts = append(parts, c.Reason)
	}
	return strings.Join(parts, "; ")
}

// Again reports whether the file could not be taken to its end for now, and
// the same file later may be.
func (c *Receipt) Again() bool {
	return c.Status == Partial && (c.kind == fault.Transient || c.kind == fault.Timeout)
}
