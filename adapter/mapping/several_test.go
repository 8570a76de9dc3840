package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// needs makes a Condition of each need, a Goal of each of its goals, and what
// points to them from within and from without.
const needs = `resources:
  patient:
    resourceType: Patient
    name: [{family: <- name}]
  need:
    resourceType: Condition
    $each: needs
    $as: it
    $unless: <- .closed | boolean
    code: {text: <- it.need}
    subject: -> patient
  goal:
    resourceType: Goal
    $each: needs.goals
    lifecycleStatus: active
    description: {text: <- .}
    subject: -> patient
    addresses: [-> need]
  measure:
    resourceType: Observation
    $each: needs
    $when: -> need
    status: final
    code: {text: <- .need}
    valueQuantity: {value: <- .score | number}
    focus: -> each goal
  plan:
    resourceType: CarePlan
    status: active
    intent: plan
    subject: -> patient
    addresses: -> each need
    goal: [-> goal]
    supportingInfo: [-> patient, -> each measure]
    activity:
      $each: needs
      detail:
        status: scheduled
        description: <- .need
        goal: -> each goal
        reasonReference: [-> need]
  last:
    resourceType: Flag
    status: active
    code: {text: '<- needs[0].need'}
`

func several(t *testing.T, rules string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Compile(files(strings.Replace(head, "hl7v2", "json", 1)+rules), "m", mapping.WithSchema(fhir.Schema{}))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSeveralResources: a resource with $each is made once for every place, and
// references find those of the place at hand.
func TestSeveralResources(t *testing.T) {
	m := several(t, needs)
	msg, err := jsondoc.New().Decode([]byte(`{"name":"Marsh","needs":[{"need":"Money","score":4,"goals":["Clear the arrears","A budget"]},
		{"need":"Old","closed":"yes","goals":["Nothing"]},{"need":"Company","score":7,"goals":["The allotment"]}, {"need":" "}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, res := range r.Resources {
		got = append(got, res.Key+" "+strings.ReplaceAll(string(res.Root.JSON()), mapping.ReferencePrefix, "#"))
	}
	const want = `patient {"resourceType":"Patient","name":[{"family":"Marsh"}]}
need[0] {"resourceType":"Condition","code":{"text":"Money"},"subject":{"reference":"#patient"}}
need[1] {"resourceType":"Condition","code":{"text":"Company"},"subject":{"reference":"#patient"}}
goal[0] {"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"Clear the arrears"},"subject":{"reference":"#patient"},"addresses":[{"reference":"#need[0]"}]}
goal[1] {"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"A budget"},"subject":{"reference":"#patient"},"addresses":[{"reference":"#need[0]"}]}
goal[2] {"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"Nothing"},"subject":{"reference":"#patient"}}
goal[3] {"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"The allotment"},"subject":{"reference":"#patient"},"addresses":[{"reference":"#need[1]"}]}
measure[0] {"resourceType":"Observation","status":"final","code":{"text":"Money"},"valueQuantity":{"value":4},"focus":[{"reference":"#goal[0]"},{"reference":"#goal[1]"}]}
measure[1] {"resourceType":"Observation","status":"final","code":{"text":"Company"},"valueQuantity":{"value":7},"focus":[{"reference":"#goal[3]"}]}
plan {"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"#patient"},"addresses":[{"reference":"#need[0]"},{"reference":"#need[1]"}],"goal":[{"reference":"#goal[0]"}],"supportingInfo":[{"reference":"#patient"},{"reference":"#measure[0]"},{"reference":"#measure[1]"}],"activity":[{"detail":{"status":"scheduled","description":"Money","goal":[{"reference":"#goal[0]"},{"reference":"#goal[1]"}],"reasonReference":[{"reference":"#need[0]"}]}},{"detail":{"status":"scheduled","description":"Old","goal":[{"reference":"#goal[2]"}]}},{"detail":{"status":"scheduled","description":"Company","goal":[{"reference":"#goal[3]"}],"reasonReference":[{"reference":"#need[1]"}]}}]}
last {"resourceType":"Flag","status":"active","code":{"text":"Money"}}`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	if len(r.Findings) != 0 {
		t.Errorf("findings %+v", r.Findings)
	}
	from := map[string]string{}
	for _, s := range m.Explain(msg.Tree, r) {
		from[s.Element()] = s.SourceAddress
	}
	for element, address := range map[string]string{
		"Patient.name[0].family": "name", "need[1] Condition.code.text": "needs[2].need", "goal[3] Goal.description.text": "needs[2].goals[0]",
	} {
		if from[element] != address {
			t.Errorf("%s comes from %q, want %q", element, from[element], address)
		}
	}
	u := mapping.NewUsage(m)
	u.Add(r)
	for _, rule := range u.Rules() {
		if rule.Messages != 1 {
			t.Errorf("not counted: %v", rule)
		}
	}
	twice := *r
	twice.Resources = append(r.Resources[:1:1], r.Resources[2:]...)
	if c := mapping.Changes(&twice, r); len(c) != 3 || c[0].Key != "need[0]" {
		t.Errorf("changes %+v", c)
	}
}

// TestSeveralResourcesBounds: no message becomes more resources than a
// transaction takes, and findings name the place.
func TestSeveralResourcesBounds(t *testing.T) {
	m := several(t, "resources:\n  note:\n    resourceType: Observation\n    $each: notes\n    status: final\n    code: {text: <- .text}\n    issued: <- .at | instant\n")
	apply := func(body string) (*mapping.Result, error) {
		msg, err := jsondoc.New().Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return m.Apply(msg.Tree, mapping.Context{})
	}
	r, err := apply(`{"notes":[{"text":"a"},{"text":"b","at":"noon"}]}`)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Address != "notes[1].at" || r.Findings[0].Path != "Observation.issued" {
		t.Errorf("%v, %+v", err, r)
	}
	if r, err = apply(`{"notes":[]}`); err != nil || len(r.Resources) != 0 {
		t.Errorf("%v, %+v", err, r)
	}
	if r, err = apply(fmt.Sprintf(`{"notes":[%s{"text":"z"}]}`, strings.Repeat(`{"text":"a"},`, 499))); err != nil || len(r.Resources) != 500 || r.Get("note[499]").Root == nil {
		t.Errorf("%v", err)
	}
	if _, err = apply(fmt.Sprintf(`{"notes":[%s{"text":"z"}]}`, strings.Repeat(`{"text":"a"},`, 500))); fault.KindOf(err) != fault.TooLarge || !strings.Contains(err.Error(), "500 resources") {
		t.Errorf("%v", err)
	}
}
