package intake

import (
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxAhead is how far a sender's clock may be ahead. A message of a time beyond
// it counts as made when it came: its own time would make every later one look
// late, and none would let every older one pass.
const maxAhead = 24 * time.Hour

// flagFuture is the flag of a time that lies ahead.
const flagFuture = "in-the-future"

// intend reads what the message wants and when it was made.
func (d *draft) intend(out *mapping.Result) *fault.Fault {
	var ok bool
	if d.intention, ok = referral.ParseIntention(out.Intention); !ok {
		return fault.New(fault.Unmappable, "",
			"the message wants something that is none of new, modify, cancel, status; the mapping's intention rule translates the sender's words")
	}
	if d.sent = parseSpan(out.Sent); d.sent.first.After(d.received.Add(maxAhead)) {
		d.sent = spoken(span{}, d.received)
		d.flags = append(d.flags, fault.Issue{Severity: "warning", Code: flagFuture,
			Text: "the message says that it was made in the future; it is taken as made when it came, and later ones are told from earlier ones by that; ask the sender to set its clock"})
	}
	return nil
}

// recognise notes, before ids are given, how the message names its referral and
// whether its person can be told from others.
func (d *draft) recognise(rs []mapping.Resource) {
	for _, r := range rs {
		switch r.Type {
		case "Patient":
			d.known = d.known || hasIdentity(r)
		case "ServiceRequest":
			if id := r.Root.ID(); d.intention != referral.New && fhir.ID(id) {
				d.named = id
			}
		}
	}
}

// brief prepares a message that only says which referral it is about. Nothing
// of it is written but the reason, and of a cancellation that the person does not
// consent, so nothing else of it is checked, and what is missing beyond the number
// of the referral is no problem.
func (s *Service) brief(d *draft, out *mapping.Result, tree *message.Tree, patient, request, task *element.Value) (*draft, *fault.Fault) {
	numbered := false
	for _, r := range out.Resources {
		numbered = numbered || r.Type == "ServiceRequest" && hasIdentity(r)
	}
	if !numbered && d.named == "" {
		if len(out.Missing) > 0 {
			return nil, &fault.Fault{Kind: fault.Unmappable, Issues: out.Missing}
		}
		return nil, fault.New(fault.Unmappable, "", "the message does not say which referral it is about")
	}
	d.flags = slices.DeleteFunc(d.flags, func(f fault.Issue) bool { return f.Expression != "" || f.Code != flagFuture }) // of data that is not used
	if d.intention == referral.Cancel {
		s.refusals(d, out, tree)
	}
	d.task = "" // found by its request
	if d.ends = "cancelled"; request.Str("status") == "entered-in-error" {
		d.ends = "entered-in-error"
	}
	if task != nil {
		d.reason = task.Get("statusReason")
	}
	d.notes = notesOf(request, task)
	for _, root := range []*element.Value{patient, request} {
		if root != nil {
			d.resources = append(d.resources, prepared{
				key: store.Key{Type: root.ResourceType(), ID: root.ID()}, root: root, place: placeOf(root, tree),
			})
		}
	}
	return d, nil
}

// maxNotes bounds the notes that are looked at.
const maxNotes = 100

// notesOf are the texts of the notes of resources. A sender without a field for
// the reason of a cancellation writes it there.
func notesOf(resources ...*element.Value) (out []string) {
	for _, r := range resources {
		if r == nil {
			continue
		}
		for _, n := range r.List("note") {
			if text := strings.TrimSpace(n.Str("text")); text != "" && len(out) < maxNotes && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}
