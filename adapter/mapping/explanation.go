package mapping

import (
	"encoding/json"
	"fmt"
	html "html/template"
	"io"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// Explanation is what became of one message and why. It holds patient data: it
// is for the eyes of those who may see the message.
type Explanation struct {
	Mapping  string    `json:"mapping"`
	Title    string    `json:"title"`
	Version  string    `json:"version"`
	Hash     string    `json:"hash"`
	Wants    string    `json:"intention,omitempty"`
	Sent     string    `json:"sent,omitempty"`
	Steps    []Step    `json:"steps"`
	Findings []Finding `json:"findings"`
	Unmapped []Unused  `json:"unmapped"` // of the message, by no element
	Refused  []Reason  `json:"refused,omitempty"`
	Flags    []Reason  `json:"flags,omitempty"` // what is not right beside the findings

	asks bool // the mapping has a rule for what messages want
}

// Unused is a place of a message that no element came from.
type Unused struct {
	Address string `json:"address"`
	Item    string `json:"item,omitempty"` // field.ref = safeguarding: of its list, see Kinds
	Value   string `json:"value"`
}

// Place is the address, with what says which item it is in.
func (u Unused) Place() string {
	if u.Item == "" {
		return u.Address
	}
	return u.Address + " (" + u.Item + ")"
}

// Reason is why a message is refused or flagged, with where that comes from. It
// is public: it names places and rules, never values.
type Reason struct {
	Code    string `json:"code,omitempty"`
	Element string `json:"element,omitempty"`
	Address string `json:"from,omitempty"`
	Text    string `json:"text"`
	Rule    string `json:"rule,omitempty"` // that made the element: hl7v2-ref/mapping.yaml:12
}

// ReasonOf finds among the steps of a resource where an issue comes from.
func ReasonOf(is fault.Issue, steps []Step) Reason {
	r := Reason{Code: is.Code, Element: is.Expression, Address: is.Place, Text: is.Text}
	if is.Expression == "" {
		return r
	}
	for _, s := range steps {
		below, in := strings.CutPrefix(s.FHIRPath, is.Expression)
		if in && (below == "" || below[0] == '.' || below[0] == '[') && (is.Place == "" || is.Place == s.SourceAddress) {
			r.Address, r.Rule = s.SourceAddress, fmt.Sprintf("%s:%d", s.File, s.Line)
			break
		}
	}
	return r
}

// String is the reason in a line.
func (r Reason) String() string {
	text := r.Text
	if r.Element != "" {
		text = r.Element + ": " + text
	}
	if r.Address != "" {
		text += ", from " + r.Address
	}
	if r.Rule != "" {
		text += " (" + r.Rule + ")"
	}
	return text
}

// Judge adds why the message is refused and what is flagged of it; whoever knows
// brings it. What the findings say is not said again.
func (e *Explanation) Judge(refused, flags []fault.Issue) {
	for _, is := range refused {
		e.Refused = append(e.Refused, ReasonOf(is, e.Steps))
	}
	for _, is := range flags {
		if !slices.ContainsFunc(e.Findings, func(f Finding) bool {
			return f.Code == is.Code && f.Address == is.Place && f.Path == is.Expression && f.Text == is.Text
		}) {
			e.Flags = append(e.Flags, ReasonOf(is, e.Steps))
		}
	}
}

// Explained explains a result of the mapping as a whole.
func (m *Mapping) Explained(t *message.Tree, r *Result) Explanation {
	e := Explanation{
		Mapping: m.name, Title: m.title, Version: m.version, Hash: m.hash, Wants: r.Intention, Sent: r.Sent, asks: m.intention != nil,
		Steps: m.Explain(t, r), Findings: r.Findings, Unmapped: []Unused{},
	}
	if e.Findings == nil {
		e.Findings = []Finding{}
	}
	kinds := NewKinds()
	kinds.Learn(t, r)
	items := kinds.Of(t, r)
	for _, n := range m.UnmappedNodes(t, r) {
		e.Unmapped = append(e.Unmapped, Unused{n.Address(), kindOfItem(n, items), n.Value()})
	}
	return e
}

// WriteText prints the explanation as tables.
func (e Explanation) WriteText(w io.Writer) error {
	switch {
	case e.Wants == "" && e.asks && len(e.Refused) > 0:
		fmt.Fprintln(w, "What the message wants is not known.")
	case e.Wants == "" && e.asks:
		fmt.Fprintln(w, "The message does not say what it wants, and counts as a new referral.")
	case e.Wants == "":
		fmt.Fprintln(w, "The message counts as a new referral: the mapping has no intention.")
	case e.Sent != "":
		fmt.Fprintf(w, "The message wants %s, and was made %s.\n", e.Wants, e.Sent)
	default:
		fmt.Fprintf(w, "The message wants %s.\n", e.Wants)
	}
	fmt.Fprintln(w)
	if err := WriteExplanation(w, e.Steps); err != nil {
		return err
	}
	if len(e.Findings) > 0 {
		fmt.Fprintln(w)
		if err := WriteFindings(w, e.Findings); err != nil {
			return err
		}
	}
	if len(e.Unmapped) > 0 {
		fmt.Fprintln(w, "\nNot used of the message:")
		rows := make([][]string, 0, len(e.Unmapped))
		for _, u := range e.Unmapped {
			rows = append(rows, []string{"  " + u.Place(), cell(u.Value)})
		}
		if err := writeTable(w, []string{"  FROM", "VALUE"}, rows); err != nil {
			return err
		}
	}
	if len(e.Flags) > 0 {
		fmt.Fprintln(w, "\nA message like this would be taken and flagged:")
		for _, r := range e.Flags {
			fmt.Fprintf(w, "  %s: %s\n", r.Code, r)
		}
	}
	if len(e.Refused) > 0 {
		fmt.Fprintln(w, "\nA message like this would be refused:")
		for _, r := range e.Refused {
			fmt.Fprintf(w, "  %s\n", r)
		}
	}
	return nil
}

// WriteJSON prints the explanation for programs.
func (e Explanation) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// WriteHTML prints the explanation as one page that needs nothing else: no
// script, no network.
func (e Explanation) WriteHTML(w io.Writer) error { return page.Execute(w, e) }

var page = html.Must(html.New("explanation").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{{.Mapping}} {{.Version}}</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; max-width: 90rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: Canvas; }
code { font-size: 13px; }
.note { opacity: .75; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>Mapping <code>{{.Mapping}}</code> {{.Version}}, sha256 <code>{{.Hash}}</code>{{with .Wants}}; the message wants <code>{{.}}</code>{{end}}{{with .Sent}}, and was made {{.}}{{end}}.</p>
<p class="note">This page holds data of a patient: keep it where the message itself may be kept.</p>
{{if .Refused}}<h2>Why a message like this would be refused</h2>
<table>
<thead><tr><th scope="col">Element</th><th scope="col">From</th><th scope="col">Reason</th><th scope="col">Line</th></tr></thead>
<tbody>
{{range .Refused}}<tr><td><code>{{.Element}}</code></td><td><code>{{.Address}}</code></td><td>{{.Text}}</td><td><code>{{.Rule}}</code></td></tr>
{{end}}</tbody>
</table>
{{end}}{{if .Flags}}<h2>What would be flagged</h2>
<table>
<thead><tr><th scope="col">Flag</th><th scope="col">Element</th><th scope="col">From</th><th scope="col">Reason</th><th scope="col">Line</th></tr></thead>
<tbody>
{{range .Flags}}<tr><td>{{.Code}}</td><td><code>{{.Element}}</code></td><td><code>{{.Address}}</code></td><td>{{.Text}}</td><td><code>{{.Rule}}</code></td></tr>
{{end}}</tbody>
</table>
{{end}}<h2>Where every element came from</h2>
<table>
<thead><tr><th scope="col">Element</th><th scope="col">Value</th><th scope="col">From</th><th scope="col">Value there</th><th scope="col">By rule</th><th scope="col">Line</th></tr></thead>
<tbody>
{{range .Steps}}<tr><td><code>{{.Element}}</code></td><td>{{.Value}}</td><td>{{if .SourceAddress}}<code>{{.SourceAddress}}</code>{{else}}<span class="note">the mapping</span>{{end}}</td><td>{{.SourceValue}}</td><td><code>{{.Rule}}</code></td><td><code>{{.File}}:{{.Line}}</code></td></tr>
{{end}}</tbody>
</table>
{{if .Findings}}<h2>What could not be used</h2>
<table>
<thead><tr><th scope="col">Finding</th><th scope="col">From</th><th scope="col">Element</th><th scope="col">Reason</th><th scope="col">Rule</th></tr></thead>
<tbody>
{{range .Findings}}<tr><td>{{.Code}}</td><td><code>{{.Address}}</code></td><td><code>{{.Path}}</code></td><td>{{.Text}}</td><td><code>{{.Rule}}</code></td></tr>
{{end}}</tbody>
</table>
{{end}}{{if .Unmapped}}<h2>What no element came from</h2>
<table>
<thead><tr><th scope="col">From</th><th scope="col">Value</th></tr></thead>
<tbody>
{{range .Unmapped}}<tr><td><code>{{.Place}}</code></td><td>{{.Value}}</td></tr>
{{end}}</tbody>
</table>
{{end}}</body>
</html>
`))
