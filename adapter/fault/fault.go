// Package fault is the closed set of things that can go wrong, each with one
// row that says what the caller is told in every protocol and whether trying
// again can help.
//
// A Fault is safe to show: its issues name places (addresses in the source
// message, FHIR paths, mapping lines) and rules, never values. Nothing that
// came from a patient may be put into Place, Expression or Text.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind names one way to fail. The zero value is Internal, so that an error
// nobody classified is answered as ours, not as the sender's.
type Kind uint8

// The kinds, in the order of the table in rows.
const (
	Internal Kind = iota
	Malformed
	Unmappable
	Profile
	Duplicate
	NotFound
	Gone
	VersionConflict
	Conflict
	IllegalMove
	Unauthenticated
	Forbidden
	TooLarge
	Throttled
	Timeout
	Unsupported
	NotAcceptable
	MethodNotAllowed
	UnsupportedMedia
	Transient
	Refused
)

// Retry says what the relay does after a failure of a kind.
type Retry uint8

// What the relay may do.
const (
	Never   Retry = iota // dead letter, a human decides
	Again                // back off and try again
	Bounded              // try again a few times, then dead letter
	Done                 // nothing more is owed
)

// Row is what every protocol says about a kind.
type Row struct {
	Name   string // stable word for metrics and the failed list
	HTTP   int    // status code, RFC 9110
	Issue  string // OperationOutcome.issue.code, http://hl7.org/fhir/issue-type
	ACK    string // HL7 MSA-1 in original mode; empty: no reply at all
	ERR    string // HL7 ERR-3 from table 0357
	Retry  Retry
	Public string // what may be said when no issue says more
}

var rows = [...]Row{
	Internal:         {"internal", 500, "exception", "AE", "207", Bounded, "internal error; the operator has been told"},
	Malformed:        {"malformed", 400, "structure", "AR", "100", Never, "the content cannot be parsed"},
	Unmappable:       {"unmappable", 422, "code-invalid", "AE", "103", Never, "the content cannot be mapped"},
	Profile:          {"profile", 422, "invariant", "AE", "101", Never, "the content breaks a profile rule"},
	Duplicate:        {"duplicate", 200, "duplicate", "AA", "0", Done, "already received"},
	NotFound:         {"not-found", 404, "not-found", "AE", "204", Never, "not found"},
	Gone:             {"gone", 410, "deleted", "AE", "204", Never, "deleted"},
	VersionConflict:  {"version-conflict", 412, "conflict", "AE", "206", Never, "the version is not the current one"},
	Conflict:         {"conflict", 409, "conflict", "AE", "205", Never, "the state does not allow this"},
	IllegalMove:      {"illegal-move", 422, "business-rule", "AE", "207", Never, "the move is not allowed"},
	Unauthenticated:  {"unauthenticated", 401, "login", "AR", "207", Never, "authentication is required"},
	Forbidden:        {"forbidden", 403, "forbidden", "AR", "207", Never, "not allowed"},
	TooLarge:         {"too-large", 413, "too-long", "AR", "207", Never, "the content is too large"},
	Throttled:        {"throttled", 429, "throttled", "", "", Again, "too many requests"},
	Timeout:          {"timeout", 408, "timeout", "", "", Again, "the request took too long to arrive"},
	Unsupported:      {"unsupported", 400, "not-supported", "AR", "200", Never, "not supported"},
	NotAcceptable:    {"not-acceptable", 406, "not-supported", "AR", "207", Never, "no acceptable representation"},
	MethodNotAllowed: {"method-not-allowed", 405, "not-supported", "AR", "207", Never, "the method is not allowed here"},
	UnsupportedMedia: {"unsupported-media", 415, "not-supported", "AR", "207", Never, "the content type is not supported"},
	Transient:        {"transient", 503, "transient", "AE", "207", Again, "temporarily unavailable; try again"},
	Refused:          {"refused", 502, "processing", "AE", "207", Never, "the peer refused"},
}

// Kinds returns every kind, for tests over the whole table.
func Kinds() []Kind {
	out := make([]Kind, len(rows))
	for i := range rows {
		out[i] = Kind(i)
	}
	return out
}

// Row returns the kind's line of the table.
func (k Kind) Row() Row {
	if int(k) >= len(rows) {
		return rows[Internal]
	}
	return rows[k]
}

// String is the stable word of the kind.
func (k Kind) String() string { return k.Row().Name }

// Issue is one located reason. All three texts are public and free of patient
// data.
type Issue struct {
	Severity   string `json:"severity,omitempty"`   // fatal, error, warning, information; empty: error
	Code       string `json:"code,omitempty"`       // OperationOutcome.issue.code; empty: the kind's
	Place      string `json:"place,omitempty"`      // address in the source: PID-3[1].1, /entry[2]/resource, mapping.yaml:12:7
	Expression string `json:"expression,omitempty"` // FHIRPath of the element: ServiceRequest.code
	Text       string `json:"text"`                 // what is wrong and what would be right
}

// Fault is an error with a kind, located public reasons and a private cause.
type Fault struct {
	Kind       Kind
	Issues     []Issue
	Cause      error         // for errors.Is/As only; never printed to a caller
	RetryAfter time.Duration // for Throttled and Transient; 0: the edge chooses
}

// New returns a fault with one reason at one place; place may be empty.
func New(k Kind, place, format string, args ...any) *Fault {
	return &Fault{Kind: k, Issues: []Issue{{Place: place, Text: fmt.Sprintf(format, args...)}}}
}

// Wrap returns a fault that keeps its cause for the log.
func Wrap(k Kind, cause error, format string, args ...any) *Fault {
	return &Fault{Kind: k, Cause: cause, Issues: []Issue{{Text: fmt.Sprintf(format, args...)}}}
}

// Error is the public text: kind and reasons. The cause is left out on
// purpose, because causes of foreign libraries may quote the input.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Kind.String())
	for i, is := range f.Issues {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		if is.Place != "" {
			b.WriteString(is.Place)
			b.WriteString(": ")
		} else if is.Expression != "" {
			b.WriteString(is.Expression)
			b.WriteString(": ")
		}
		b.WriteString(is.Text)
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Of returns the fault inside err, or an Internal one around it.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Kind: Internal, Cause: err}
}

// KindOf returns the kind of err; Internal when nobody classified it.
func KindOf(err error) Kind { return Of(err).Kind }
