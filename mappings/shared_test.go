package mappings_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// sharedUses shows every shipped fragment at work: a mapping of JSON, a
// message, and the resource that comes out.
var sharedUses = map[string]struct{ use, message, want string }{
	"coded": {
		`{resourceType: ServiceRequest, status: active, intent: order, subject: {display: x}, reasonCode: [{$each: codes, $use: shared/coded, $with: {code: .read, table: read, system: 'http://read.info/readv2', display: .term, text: .term or .read}}]}`,
		`{"codes":[{"read":"8T09.00","term":"Social prescribing"},{"read":"9b0x.","term":"Never heard of"}]}`,
		`"reasonCode":[{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106","display":"Referral to social prescribing service"},` +
			`{"system":"http://read.info/readv2","code":"8T09.00","display":"Social prescribing","userSelected":true}],"text":"Social prescribing"},` +
			`{"coding":[{"system":"http://read.info/readv2","code":"9b0x.","display":"Never heard of","userSelected":true}],"text":"Never heard of"}]`,
	},
	"uk-address": {
		`{resourceType: Patient, address: {$use: shared/uk-address, $with: {at: homes, lines: .street, town: .town, county: .county, postcode: .code, use: home}}}`,
		`{"homes":[{"street":"7 Canal Row","town":"Leeds","code":"ls132ab"}]}`,
		`"address":[{"use":"home","line":["7 Canal Row"],"city":"Leeds","postalCode":"LS13 2AB"}]`,
	},
	"uk-address-text": {
		`{resourceType: Patient, address: [{$use: shared/uk-address-text, $with: {at: home}}]}`,
		`{"home":"Flat 2, 7 Canal Row, Leeds, LS13 2AB"}`,
		`"address":[{"text":"Flat 2, 7 Canal Row, Leeds, LS13 2AB","line":["Flat 2","7 Canal Row"],"city":"Leeds","postalCode":"LS13 2AB"}]`,
	},
	"name-text": {
		`{resourceType: Patient, name: [{$use: shared/name-text, $with: {at: who}}]}`,
		`{"who":"SMITH, John Paul (Mr)"}`,
		`"name":[{"use":"official","text":"SMITH, John Paul (Mr)","family":"SMITH","given":["John","Paul"],"prefix":["Mr"]}]`,
	},
}

const readTable = `{"resourceType":"ConceptMap","group":[{"source":"http://read.info/readv2","target":"http://snomed.info/sct",
"element":[{"code":"8T09.","target":[{"code":"871731000000106","display":"Referral to social prescribing service","equivalence":"equivalent"}]}]}]}`

func TestShared(t *testing.T) {
	files, err := fs.Glob(mappings.FS(), "shared/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d fragments, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			x, ok := sharedUses[name]
			if !ok {
				t.Fatal("the fragment is not shown at work")
			}
			fragment, err := fs.ReadFile(mappings.FS(), f)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{
				f:                             {Data: fragment},
				"sender/mapping.yaml":         {Data: []byte("mapping: sender\ntitle: t\nversion: 1.0.0\nformat: json\naccepts: ['*']\nresources:\n  it: " + x.use + "\n")},
				"sender/vocabulary/read.json": {Data: []byte(readTable)},
			}
			m, err := mapping.Compile(fsys, "sender", mapping.WithSchema(fhir.Schema{}))
			if err != nil {
				t.Fatal(err)
			}
			tree, _, err := decode(m, []byte(x.message))
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Apply(tree, mapping.Context{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Get("it").Root.JSON()); !strings.Contains(got, x.want) {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}
