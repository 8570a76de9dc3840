package mapping_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// rows compiles a mapping of rows with a csv block.
func rows(block string) (*mapping.Mapping, error) {
	text := "mapping: rows\ntitle: Rows\nversion: 1.0.0\nformat: csv\n" + block + "accepts: [referral]\nresources:\n  patient:\n    resourceType: Patient\n    birthDate: <- DOB | date\n"
	return mapping.Compile(fstest.MapFS{"rows/mapping.yaml": {Data: []byte(text)}}, "rows")
}

func TestCSVBlock(t *testing.T) {
	for _, c := range []struct {
		block string
		want  mapping.CSV
		err   string
	}{
		{"", mapping.CSV{Header: "yes", Quotes: true}, ""},
		{"csv:\n  separator: tab\n  header: yes\n  encoding: windows-1252\n  quotes: no\n  columns: [DOB, Family name]\n  absent: [NULL, '-']\n  id: RowIdentifier\n  type: Kind\n  order: UBRN\n",
			mapping.CSV{Separator: '\t', Header: "yes", Encoding: "windows-1252", Columns: []string{"DOB", "Family name"}, Absent: []string{"NULL", "-"},
				ID: "RowIdentifier", Type: "Kind", Order: []string{"UBRN"}}, ""},
		{"csv: {short_rows: pad}\n", mapping.CSV{Header: "yes", Quotes: true, Pad: true}, ""},
		{"csv: {passes: [HDR, TRL]}\n", mapping.CSV{Header: "yes", Quotes: true, Passes: []string{"HDR", "TRL"}}, ""},
		{"csv: {passes: HDR}\n", mapping.CSV{}, "a list of texts"},
		{"csv: {passes: [HDR, HDR]}\n", mapping.CSV{}, "stands twice"},
		{"csv: {columns: [DOB, A], passes: [HDR, DOB]}\n", mapping.CSV{}, `5:40: "DOB" is a column`},
		{"csv: {short_rows: fill}\n", mapping.CSV{}, "refuse, pad"},
		{"csv: {order: Cancels or `NHS No`}\n", mapping.CSV{Header: "yes", Quotes: true, Order: []string{"Cancels", "NHS No"}}, ""},
		{"csv: {order: [Cancels, NHS or not]}\n", mapping.CSV{Header: "yes", Quotes: true, Order: []string{"Cancels", "NHS or not"}}, ""},
		{"csv: {columns: [NHS or not], order: NHS or not}\n", mapping.CSV{Header: "yes", Quotes: true, Columns: []string{"NHS or not"}, Order: []string{"NHS or not"}}, ""},
		{"csv: {header: no, columns: [DOB, A], order: A or B}\n", mapping.CSV{}, `there is no column "B"`},
		{"csv: {header: no, columns: [DOB, A]}\n", mapping.CSV{Header: "no", Quotes: true, Columns: []string{"DOB", "A"}}, ""},
		{"csv: {header: no, columns: [DOA, A]}\n", mapping.CSV{}, `no column "DOB" in csv.columns (did you mean DOA?)`},
		{"csv: {header: no, columns: [DOB, A], order: B}\n", mapping.CSV{}, `5:45: there is no column "B"`},
		{"csv: {seperator: tab}\n", mapping.CSV{}, "did you mean separator?"},
		{"csv: {separator: ','}\n", mapping.CSV{}, "comma, semicolon, tab, bar"},
		{"csv: {columns: [DOB, DOB]}\n", mapping.CSV{}, "stands twice"},
		{"csv: {columns: DOB}\n", mapping.CSV{}, "a list of texts"},
		{"csv: {columns: ['']}\n", mapping.CSV{}, "is a text"},
	} {
		m, err := rows(c.block)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, want ...%s...", c.block, err, c.err)
			}
		case err != nil:
			t.Errorf("%q: %v", c.block, err)
		case !reflect.DeepEqual(m.CSV(), c.want):
			t.Errorf("%q is %+v, want %+v", c.block, m.CSV(), c.want)
		}
	}
	text := "mapping: rows\ntitle: Rows\nversion: 1.0.0\nformat: json\ncsv: {}\naccepts: [referral]\nresources:\n  patient:\n    resourceType: Patient\n"
	_, err := mapping.Compile(fstest.MapFS{"rows/mapping.yaml": {Data: []byte(text)}}, "rows")
	if err == nil || !strings.Contains(err.Error(), "format: csv") {
		t.Errorf("a csv block in a mapping of JSON: %v", err)
	}
}

// TestRowOrder: where rows cancel others, lint says when nothing keeps them behind
// their referral, or something else than its number does.
func TestRowOrder(t *testing.T) {
	const request = "resources:\n  r: {resourceType: ServiceRequest, identifier: [{system: 'urn:x', value: <- Cancels or Ref | trim}]}\n"
	for _, c := range []struct{ csv, intention, want string }{
		{"", "", ""},
		{"", "intention: new\n", ""},
		{"", "intention: <- Type\n", "csv.order does not say"},
		{"csv: {order: Ref}\n", "intention: <- Type\n", "csv.order names other columns"},
		{"csv: {order: Cancels or Ref}\n", "intention: <- Type\n", ""},
		{"csv: {order: [Cancels, Ref]}\n", "intention: <- Type\n", ""},
	} {
		text := "mapping: rows\ntitle: Rows\nversion: 1.0.0\nformat: csv\n" + c.csv + "accepts: [referral]\n" + c.intention + request
		r := mapping.Lint(fstest.MapFS{"rows/mapping.yaml": {Data: []byte(text)}}, "rows")
		if got := r.String(); r.Errors > 0 || strings.Contains(got, "csv.order") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%q %q: %s", c.csv, c.intention, got)
		}
	}
}
