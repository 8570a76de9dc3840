package intake

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// apart keeps people apart who come under one local identifier, such as a
// hospital number. An NHS number is national, has a check digit, and is traced;
// a local number is typed, given again and merged, so it joins a person to the
// one on record only where surname and birth date agree with it. Where they do
// not, the person gets an id made of both, and the Task says so: one person
// held twice is found and put right, two people held as one may not be.
//
// It also flags who comes with a local identifier that is on record under
// another NHS number. The draft stays as it is, because the decision may run
// again.
func (s *Service) apart(tx store.Tx, sender string, d *draft) (*draft, error) {
	i := slices.IndexFunc(d.resources, func(r prepared) bool { return r.key.Type == "Patient" })
	if i < 0 {
		return d, nil
	}
	sent := d.resources[i]
	if sent.root.Identifier(nhs.SystemNHSNumber) != "" {
		found, err := d.elsewhere(tx, sent)
		if err != nil || len(found) == 0 {
			return d, err
		}
		return d.with(found...), nil
	}
	at, number := localIdentifier(sent.root)
	if number == nil {
		return d, nil
	}
	old, found, err := hold(tx, sent.key)
	if err != nil || !found {
		return d, err
	}
	differs := compare(old.root, sent.root).names()
	if len(differs) == 0 {
		return d, nil
	}
	family := ""
	if names := families(sent.root); len(names) > 0 {
		family = names[0]
	}
	id := s.deriveID("Patient", "sender", sender, number.Str("system"), number.Str("value"), "person", family, sent.root.Str("birthDate"))
	out := s.renamed(d.with(fault.Issue{
		Severity: "warning", Code: profile.FlagShared, Expression: fmt.Sprintf("Patient.identifier[%d]", at), Place: sent.place,
		Text: "the local identifier (" + whose(number) + ") is on record for somebody with another " + strings.Join(differs, " and ") +
			"; the two are kept apart, and the person of this referral is a Patient of their own; ask the sender which number is right",
	}), sent.key, store.Key{Type: "Patient", ID: id})
	return out, nil
}

// localIdentifier is the identifier by which a Patient without a national one
// is recognised, and where it stands; nil when there is none.
func localIdentifier(patient *element.Value) (int, *element.Value) {
	for i, x := range patient.List("identifier") {
		if x.Str("value") != "" && x.Str("system") != "" {
			return i, x
		}
	}
	return 0, nil
}

// maxSharing bounds how many people with one local identifier are looked at.
const maxSharing = 20

// local is an identifier of a Patient that is not national.
type local struct {
	at       int // among the identifiers
	id       *element.Value
	carriers resource.Query // who has it
}

// maxLocals bounds how many local identifiers of a person are looked for: each is
// a search within the decision, for which all others wait.
const maxLocals = 20

// locals are the local identifiers of somebody with an NHS number, the first
// maxLocals of them, and who has them is told to the store ahead of the decision.
// One that is too long to be searched for is none.
func (s *Service) locals(d *draft) (out []local) {
	i := slices.IndexFunc(d.resources, func(r prepared) bool { return r.key.Type == "Patient" })
	if i < 0 || d.resources[i].root.Identifier(nhs.SystemNHSNumber) == "" {
		return nil
	}
	for at, x := range d.resources[i].root.List("identifier") {
		value, system := x.Str("value"), x.Str("system")
		if value == "" || system == nhs.SystemNHSNumber || system == "" && x.TextAt("assigner.identifier.value") == "" {
			continue
		}
		q, err := resource.Parse(s.cfg.Indexer, "Patient", url.Values{"identifier": {token(system) + "|" + token(value)}},
			resource.Options{BaseURL: s.cfg.BaseURL})
		if err != nil {
			continue
		}
		q.Query.Limit = maxSharing
		if out = append(out, local{at, x, q.Query}); len(out) == maxLocals {
			break
		}
	}
	return out
}

// elsewhere flags each local identifier of a Patient that somebody on record
// has under another NHS number: one of the two numbers is somebody else's.
func (d *draft) elsewhere(tx store.Tx, sent prepared) ([]fault.Issue, error) {
	var out []fault.Issue
	for _, l := range d.locals {
		page, err := tx.Resources().Search(l.carriers)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			root, err := element.Parse(v.Body, element.Limits{})
			if err != nil {
				return nil, err
			}
			if n := root.Identifier(nhs.SystemNHSNumber); v.ID == sent.key.ID || n == "" || !hasIdentifier(root, l.id) {
				continue
			}
			out = append(out, fault.Issue{
				Severity: "warning", Code: profile.FlagShared, Expression: fmt.Sprintf("Patient.identifier[%d]", l.at), Place: sent.place,
				Text: "the local identifier (" + whose(l.id) + ") is on record for somebody with another NHS number; the two are kept apart by their NHS numbers; ask the sender whose number it is",
			})
			break
		}
	}
	return out, nil
}

// maxSystem bounds a system that a flag repeats, in bytes.
const maxSystem = 200

// whose says which numbers an identifier is one of. An assigner is named by an
// ODS code only: anything else that stands there could be about somebody.
func whose(id *element.Value) string {
	if system := id.Str("system"); system != "" && len(system) <= maxSystem {
		return "system " + system
	}
	if ods, why := nhs.ParseODS(id.TextAt("assigner.identifier.value")); why == nhs.Valid {
		return "given by " + ods
	}
	return "of the sender"
}

// hasIdentifier reports whether a Patient has the same identifier: of the same
// system, or without one by the same assigner.
func hasIdentifier(patient, id *element.Value) bool {
	return slices.ContainsFunc(patient.List("identifier"), func(have *element.Value) bool {
		return have.Str("value") == id.Str("value") && have.Str("system") == id.Str("system") &&
			have.TextAt("assigner.identifier.value") == id.TextAt("assigner.identifier.value")
	})
}

// token writes one side of a token of a search (R4 search, "Escaping Search
// Parameters").
func token(text string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, ",", `\,`, "$", `\$`).Replace(text)
}

// with is the draft with flags that came up when it was held against what is
// stored. Its Task is not rendered with them yet.
func (d *draft) with(flags ...fault.Issue) *draft {
	out := *d
	out.late = append(slices.Clone(d.late), flags...)
	return &out
}

// renamed is the draft with another id for one of its resources, and all that
// name it naming that.
func (s *Service) renamed(d *draft, from, to store.Key) *draft {
	out := *d
	out.resources = make([]prepared, len(d.resources))
	u := update{rename: map[string]string{from.String(): to.String()}}
	for i, r := range d.resources {
		root := u.here(r.root)
		if r.key == from {
			root.SetString("id", to.ID)
		}
		out.resources[i] = s.ready(root, r.name, r.place)
	}
	return &out
}
