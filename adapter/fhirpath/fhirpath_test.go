package fhirpath

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

func parse(t testing.TB, s string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(s), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestHonest: what cannot be said is an error or unknown, and never true.
func TestHonest(t *testing.T) {
	const patient = `{"resourceType":"Patient","active":true,"birthDate":"1970-01","name":[{"family":"A"},{"family":"B"}],"_gender":{"extension":[{"url":"urn:x","valueCode":"y"}]},"deceasedDateTime":"2020-01-01"}`
	tests := []struct{ expression, compile, run string }{
		{"name.resolve().exists()", "resolve()", ""},
		{"code.memberOf('x')", "memberOf()", ""},
		{"name.family ~ 'A'", "~", ""},
		{"1 'mg' = 2 'mg'", "quantities", ""},
		{"name.ofType(Persn)", "no type Persn", ""},
		{"%terminologies.exists()", "%terminologies", ""},
		{"name.where(", "ends early", ""},
		{"name..family", "not expected", ""},
		{strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60), "nested", ""},
		{"nam.exists()", "", "does not have"},
		{"name.famly.exists()", "", "does not have"},
		{"deceasedDateTime.exists()", "", "does not have"},
		{"name.family.startsWith('A')", "", "several"},
		{"birthDate > 3", "", "types"},
		{"birthDate < @1970-01-15", "", "unknown"},
		{"name[0].family.matches('')", "", "versions"},
	}
	for _, tt := range tests {
		x, err := Compile(tt.expression)
		if tt.compile != "" {
			if err == nil || !strings.Contains(err.Error(), tt.compile) {
				t.Errorf("%s: compiles with %v, want an error that says %q", tt.expression, err, tt.compile)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		out, err := evaluate(x, parse(t, patient))
		is, known, err2 := truth(out)
		if err == nil {
			err = err2
		}
		if tt.run == "unknown" && (err != nil || known) || tt.run != "unknown" && (err == nil || !strings.Contains(err.Error(), tt.run)) {
			t.Errorf("%s: %v (known %v), %v; want %q", tt.expression, is, known, err, tt.run)
		}
	}
}

// TestSteps: an expression that goes through everything for everything ends.
func TestSteps(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Patient","name":[`)
	for i := range 2000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"family":"A","given":["B","C"]}`)
	}
	b.WriteString(`]}`)
	x, err := Compile("descendants().where(%resource.descendants().where(%resource.descendants().exists()).exists()).exists()")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evaluate(x, parse(t, b.String())); err != errCostly {
		t.Errorf("error %v, want %v", err, errCostly)
	}
}

// FuzzExpression: no text makes the compiler or an evaluation fail other than
// by an error, or takes longer than its steps.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		"name.where(use = 'official').given.first().startsWith('A') implies birthDate <= today()",
		"%resource.descendants().as(uri) | name.select($this.family & 'x')", "iif(a, b, c)[1 + 2 * -3]", "@2020-01-01T10:00:00Z < @T10:00", "'\\u00e4' in (a | {})",
		"contained.where((('#'+id in (%resource.descendants().reference))).not()).trace('unmatched', id).empty()", "`div`.exists() xor 1.0 div 0 mod 3 != 2",
	} {
		f.Add(s)
	}
	v := parse(f, `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"a","name":"b"}],"active":true,"name":[{"family":"A","given":["B",null],"_given":[null,{"id":"x"}]}],"birthDate":"1970","multipleBirthInteger":2}`)
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Compile(s)
		if err != nil {
			return
		}
		_, _ = evaluate(x, v)
	})
}

func typeOf(t testing.TB, name string) fhir.Type {
	t.Helper()
	typ, ok := fhir.TypeOf(name)
	if !ok {
		t.Fatal(name)
	}
	return typ
}

func BenchmarkHolds(b *testing.B) {
	x, err := Compile("code.exists() implies ((system = %ucum) and value.exists())")
	if err != nil {
		b.Fatal(err)
	}
	v := parse(b, `{"resourceType":"Observation","valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"kg"}}`)
	typ := Element(v, nil, typeOf(b, "Observation"))
	list, _ := typ.children("value")
	b.ReportAllocs()
	for b.Loop() {
		steps := 1000
		if is, known, err := x.Holds(Place{Focus: list[0], Resource: v}, &steps); !is || !known || err != nil {
			b.Fatal(is, known, err)
		}
	}
}
