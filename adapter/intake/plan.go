package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// plan is what one accepted message will write, decided against what is stored
// and before anything is written.
type plan struct {
	writes  []store.Write
	flags   []fault.Issue
	changed []string // elements of the Patient that a message changed
	notes   []string // for the link worker alone: they hold what was sent
}

// plan reads what is there already. A referral that was received before under
// the same business identifier with other content is refused (Conflict).
func (s *Service) plan(tx store.Tx, d *draft) (*plan, error) {
	shown := 0 // flags that the Task of the draft shows
	if d.intention == referral.New {
		shown = len(d.flags)
	}
	p := &plan{flags: append(slices.Clone(d.flags), d.late...), writes: make([]store.Write, 0, len(d.resources))}
	var late []prepared // the Task shows the flags, so it is rendered last when one came up here
	for _, r := range d.resources {
		old, err := tx.Resources().Get(r.key)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return nil, err
		}
		found := err == nil && !old.Deleted
		switch {
		case !found:
			if r.key.Type == "Task" {
				late = append(late, r)
				continue
			}
			p.add(r, old.Number)
		case r.key.Type == "ServiceRequest" || r.key.Type == "Task":
			return nil, s.known(tx, d, r)
		case r.key.Type == "Patient":
			if err := p.patient(tx, s, d, r, old); err != nil {
				return nil, err
			}
		}
		// Organization, Practitioner, PractitionerRole: the first version stands.
		// Messages carry them in passing; whoever owns them edits them over FHIR.
	}
	if len(late) > 0 {
		if err := s.practice(tx, p, d); err != nil {
			return nil, err
		}
	}
	for _, r := range late {
		if len(p.flags) > shown || len(p.notes) > 0 {
			root := r.root.Clone() // the draft stays as it is: the decision may run again
			flagTask(root, p.flags[shown:], d.quoted)
			noteTask(root, p.notes)
			r.body, r.index = element.Canonical(root), s.cfg.Indexer.Index(root)
		}
		p.add(r, 0)
	}
	return p, nil
}

func (p *plan) add(r prepared, expect int64) {
	p.writes = append(p.writes, store.Write{Key: r.key, Body: r.body, Index: r.index, Expect: expect})
}

func (p *plan) write(tx store.Tx) error {
	for _, w := range p.writes {
		if _, err := tx.Resources().Put(w); err != nil {
			return err
		}
	}
	return nil
}

// patient decides what a message may do to a Patient who is known. Where name,
// birth date or gender differ nothing is changed and a flag is raised, because
// it may be another person. Else how to reach the person, whom else to call and
// where they are registered follow the newer word, each for itself. What was
// sent and not taken over is noted for the link worker.
func (p *plan) patient(tx store.Tx, s *Service, d *draft, r prepared, old store.Version) error {
	was, err := element.Parse(old.Body, element.Limits{})
	if err != nil {
		return err
	}
	p.changed = nil
	if differs := conflicts(was, r.root); len(differs) > 0 {
		if surgery(was) != "" && surgery(r.root) != "" && surgery(was) != surgery(r.root) {
			differs = append(differs, "generalPractitioner")
		}
		p.flags = append(p.flags, fault.Issue{
			Severity: "warning", Code: profile.FlagDemographics, Expression: "Patient." + differs[0], Place: r.place,
			Text: "the person on record under this " + knownBy(r.root) + " differs in " + strings.Join(differs, ", ") +
				"; the record was left as it is, and whom this referral is for, and how to reach them, is noted on the Task",
		})
		return p.left(tx, d, was, r.root, whom[:]...)
	}
	now := enrich(was, r.root, false)
	if latest := enrich(was, r.root, true); !element.Equal(now, latest) {
		newest, err := s.newest(tx, d, old)
		if err != nil {
			return err
		}
		if newest {
			now = latest
			p.gone(was, now)
		}
	}
	if err := p.left(tx, d, now, r.root); err != nil {
		return err
	}
	if element.Equal(was, now) {
		return nil
	}
	for _, f := range now.Fields {
		if a := was.Get(f.Name); f.Name != "meta" && (a == nil || !element.Equal(a, f.Value)) {
			p.changed = append(p.changed, f.Name)
		}
	}
	if a, b := surgery(was), surgery(now); a != "" && a != b {
		p.notes = append(p.notes, "The person was registered with another practice ("+a+") until this message; the record now has the practice of this message.")
	}
	p.add(prepared{key: r.key, body: element.Canonical(now), index: s.cfg.Indexer.Index(now)}, old.Number)
	return nil
}

const numberNHS = "NHS number"

// knownBy names the identifier by which a Patient is recognised.
func knownBy(patient *element.Value) string {
	if _, local := localIdentifier(patient); local != nil && patient.Identifier(nhs.SystemNHSNumber) == "" {
		return "local identifier (system " + local.Str("system") + ")"
	}
	return numberNHS
}

// enrich is the Patient on record with what the message adds. How to reach the
// person, and where they are registered, follows the newer word; who the person
// is only gains what was not known, and identifiers are only ever added. A
// practice that can be told by its code gives way only to another such.
func enrich(was, sent *element.Value, newer bool) *element.Value {
	now := was.Clone()
	for _, f := range sent.Fields {
		switch f.Name {
		case "resourceType", "id", "meta", "identifier":
		case "telecom", "address", "contact":
			if newer || now.Get(f.Name) == nil {
				now.Set(f.Name, f.Value)
			}
		case "generalPractitioner":
			if now.Get(f.Name) == nil || newer && surgery(sent) != surgery(was) && (odsOf(sent) != "" || odsOf(was) == "" && surgery(sent) != "") {
				now.Set(f.Name, f.Value)
			}
		default:
			if now.Get(f.Name) == nil {
				now.Set(f.Name, f.Value)
			}
		}
	}
	addIdentifiers(now, sent)
	return now
}

// addIdentifiers adds those that are not there; none is ever taken away.
func addIdentifiers(now, sent *element.Value) {
	for _, id := range sent.List("identifier") {
		if !slices.ContainsFunc(now.List("identifier"), func(have *element.Value) bool {
			return have.Str("system") == id.Str("system") && have.Str("value") == id.Str("value")
		}) {
			now.Append("identifier", id)
		}
	}
}

// conflicts names the identifying elements that both have and that differ.
func conflicts(old, new *element.Value) []string {
	var out []string
	for _, name := range [...]string{"birthDate", "gender"} {
		if a, b := old.Str(name), new.Str(name); a != "" && b != "" && a != b {
			out = append(out, name)
		}
	}
	if a, b := families(old), families(new); len(a) > 0 && len(b) > 0 &&
		!slices.ContainsFunc(a, func(n string) bool { return slices.Contains(b, n) }) {
		out = append(out, "name.family")
	} else if a, b := given(old), given(new); a != "" && b != "" && !strings.HasPrefix(a, b) && !strings.HasPrefix(b, a) {
		out = append(out, "name.given")
	}
	return out
}

// given is the first given name; a short form such as an initial agrees with
// the whole.
func given(v *element.Value) string {
	return strings.ToUpper(strings.TrimSpace(v.TextAt("name.given")))
}

// surgery is where the person is registered, by code or by reference.
func surgery(v *element.Value) string {
	if code := v.TextAt("generalPractitioner.identifier.value"); code != "" {
		return code
	}
	return v.TextAt("generalPractitioner.reference")
}

// odsOf is the ODS code of the practice where the person is registered.
func odsOf(v *element.Value) string {
	for _, gp := range v.List("generalPractitioner") {
		if gp.TextAt("identifier.system") == nhs.SystemODSOrganization {
			return gp.TextAt("identifier.value")
		}
	}
	return ""
}

func families(v *element.Value) []string {
	var out []string
	for _, f := range v.All("name.family") {
		out = append(out, strings.ToUpper(strings.TrimSpace(f.Text)))
	}
	return out
}
