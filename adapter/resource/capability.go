package resource

import (
	"slices"
	"strings"
	"sync"

	"github.com/linkloop/linkloop/adapter/element"
)

// Surface is what an edge does with the served types, in the words of R4.
type Surface struct {
	Base    string // public FHIR base without trailing slash
	Version string // of the software
	// Formats are media types and short names that _format takes.
	Formats []string
	// PatchFormats are media types of patches.
	PatchFormats []string
	// Interactions are those that there is a way to, of the whole server
	// (transaction, batch, search-system, history-system) and of types, of which
	// each type says whether it may be written.
	Interactions []string
	// Operations are those that are called.
	Operations []Operation
	// Profiles lists the profiles of a type that resources can be held against;
	// nil: there are none.
	Profiles func(typ string) []string
	// UpdateCreate says that an update makes what is not there.
	UpdateCreate bool
	// Security says in a line how callers prove who they are; empty: nobody has to.
	Security string
	// CORS says that pages of other origins may call.
	CORS bool
}

// Operation is one that is called with a dollar sign.
type Operation struct {
	Name       string // without the dollar sign
	Definition string // address of its OperationDefinition
	Type       string // of the resources it is for; empty: the whole server
}

// EveryType is the Type of an operation that every served type has.
const EveryType = "*"

// Interactions that R4 has no code for, and says in another way.
const (
	ConditionalUpdate = "conditional-update"
	ConditionalDelete = "conditional-delete"
)

// systemInteractions are those of the whole server.
// https://hl7.org/fhir/R4/valueset-system-restful-interaction.html
var systemInteractions = []string{"transaction", "batch", "search-system", "history-system"}

// typeInteractions are those of a type.
// https://hl7.org/fhir/R4/valueset-type-restful-interaction.html
var typeInteractions = []string{"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"}

// can reports whether there is a way to an interaction.
func (s Surface) can(interaction string) bool { return slices.Contains(s.Interactions, interaction) }

// of lists what of the interactions there is a way to.
func (s Surface) of(interactions []string) []string {
	return slices.DeleteFunc(slices.Clone(interactions), func(x string) bool { return !s.can(x) })
}

// Statement derives the CapabilityStatement from the definitions and from what
// the edge does with them, so that it claims what is served and nothing else.
// https://hl7.org/fhir/R4/capabilitystatement.html
func (s Surface) Statement() *element.Value {
	rest := element.NewObject(
		element.S("mode", "server"),
		element.S("documentation", "A Task moves as the workflow table allows; an illegal move is answered with 422 and the allowed ones. "+
			"A change that was made to a version that is no longer current is answered with 412 where If-Match says so; "+
			"a whole resource without If-Match is merged with what others changed since, or refused."),
	)
	rest.Set("security", s.security())
	resources := element.NewArray()
	for i := range definitions {
		resources.Items = append(resources.Items, s.capability(&definitions[i]))
	}
	rest.Set("resource", resources)
	appendObjects(rest, "interaction", "code", s.of(systemInteractions))
	for _, name := range everywhere() {
		rest.Append("searchParam", everywhereParam(name))
	}
	for _, o := range s.Operations {
		if o.Type == "" {
			rest.Append("operation", o.value())
		}
	}
	out := element.NewObject(
		element.S("resourceType", "CapabilityStatement"),
		element.S("name", "Linkloop"),
		element.S("title", "linkloop: social prescribing referrals"),
		element.S("status", "active"),
		element.S("date", releaseDate),
		element.S("kind", "instance"),
		element.F("software", element.NewObject(element.S("name", "linkloop"), element.S("version", s.Version))),
		element.F("implementation", element.NewObject(element.S("description", "linkloop: social prescribing referrals"), element.S("url", s.Base))),
		element.S("fhirVersion", "4.0.1"),
		element.F("format", stringArray(s.Formats)),
		element.F("patchFormat", stringArray(s.PatchFormats)),
		element.F("rest", element.NewArray(rest)),
	)
	return out
}

// releaseDate is when what is claimed last changed.
const releaseDate = "2026-11-22"

// security says how callers prove who they are. There is no code for tokens that
// the operator gives out, so it is said in words.
func (s Surface) security() *element.Value {
	v := element.NewObject(element.F("cors", element.NewBool(s.CORS)))
	if s.Security == "" {
		v.SetString("description", "Everybody on the machine of the server is trusted; no others reach it.")
		return v
	}
	v.Append("service", element.NewObject(element.S("text", s.Security)))
	v.SetString("description", "Each request but this one needs a token of a configured client: "+s.Security+". What it may do depends on the role of the client: "+
		"it writes what is about its organisation and the people of its Tasks, and reads what belongs to nobody, such as a Questionnaire.")
	return v
}

// capability is what is claimed of one type.
func (s Surface) capability(d *Definition) *element.Value {
	deletable, _ := d.Deletable()
	allowed := map[string]bool{"create": d.Create, "update": d.Update, "patch": d.Update, "delete": deletable}
	verbs := slices.DeleteFunc(s.of(typeInteractions), func(x string) bool {
		yes, limited := allowed[x]
		return limited && !yes
	})
	conditionalDelete := "not-supported"
	if deletable && s.can(ConditionalDelete) {
		conditionalDelete = "single"
	}
	r := element.NewObject(element.S("type", d.Type))
	if s.Profiles != nil {
		for _, canonical := range s.Profiles(d.Type) {
			r.Append("supportedProfile", element.NewString(canonical))
		}
	}
	appendObjects(r, "interaction", "code", verbs)
	r.Set("versioning", element.NewString("versioned-update"))
	r.Set("readHistory", element.NewBool(s.can("vread")))
	r.Set("updateCreate", element.NewBool(s.UpdateCreate && d.Create && d.Update))
	r.Set("conditionalCreate", element.NewBool(d.Create))
	r.Set("conditionalRead", element.NewString("full-support"))
	r.Set("conditionalUpdate", element.NewBool(d.Create && d.Update && s.can(ConditionalUpdate)))
	r.Set("conditionalDelete", element.NewString(conditionalDelete))
	r.Set("referencePolicy", element.NewArray(element.NewString("literal")))
	for _, p := range d.includes() {
		r.Append("searchInclude", element.NewString(d.Type+":"+p))
	}
	for _, from := range reverse()[d.Type] {
		r.Append("searchRevInclude", element.NewString(from))
	}
	r.Append("searchParam", everywhereParam("_id"))
	r.Append("searchParam", everywhereParam("_lastUpdated"))
	for i := range d.Parameters {
		p := &d.Parameters[i]
		r.Append("searchParam", parameter(p.Name, p.Kind, about(d.Type, p)))
	}
	for _, o := range s.Operations {
		if o.Type == d.Type || o.Type == EveryType {
			r.Append("operation", o.value())
		}
	}
	return r
}

// includes lists the reference parameters that can bring something along: those
// that may point to a served type.
func (d *Definition) includes() []string {
	var out []string
	for _, p := range d.Parameters {
		if p.Kind == Reference && slices.ContainsFunc(p.Targets, served) {
			out = append(out, p.Name)
		}
	}
	return out
}

func served(typ string) bool {
	_, ok := Lookup(typ)
	return ok
}

// reverse lists, by type, the parameters of all types that may point to it:
// Task:patient of Patient.
var reverse = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for _, d := range definitions {
		for _, p := range d.Parameters {
			if p.Kind != Reference {
				continue
			}
			for _, typ := range p.Targets {
				if served(typ) {
					out[typ] = append(out[typ], d.Type+":"+p.Name)
				}
			}
		}
	}
	return out
})

// everywhere lists the parameters that a search over several types takes.
func everywhere() []string {
	out := []string{"_id", "_lastUpdated"}
	for _, line := range strings.Split(strings.TrimSpace(everyType), "\n") {
		name, _, _ := strings.Cut(line, " ")
		out = append(out, name)
	}
	return out
}

// everywhereParam is a parameter that every type has.
func everywhereParam(name string) *element.Value {
	kind := map[string]Kind{"_id": Token, "_lastUpdated": Date}[name]
	if kind == "" {
		p, _ := definitions[0].Parameter(name)
		kind = p.Kind
	}
	return parameter(name, kind, registry["Resource "+name])
}

func parameter(name string, kind Kind, r registered) *element.Value {
	v := element.NewObject(element.S("name", name))
	v.SetString("definition", r.url)
	v.SetString("type", string(kind))
	v.SetString("documentation", r.says)
	return v
}

func (o Operation) value() *element.Value {
	return element.NewObject(element.S("name", o.Name), element.S("definition", o.Definition))
}

func appendObjects(v *element.Value, name, member string, values []string) {
	for _, x := range values {
		v.Append(name, element.NewObject(element.S(member, x)))
	}
}

func stringArray(values []string) *element.Value {
	out := element.NewArray()
	for _, x := range values {
		out.Items = append(out.Items, element.NewString(x))
	}
	return out
}
