package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/profile"
)

// TestCodes: value sets of packages and held ones are listed together, and what
// somebody writes who means no good is looked up a bounded number of times.
func TestCodes(t *testing.T) {
	pkg, err := profile.ReadFolder(fstest.MapFS{
		"cs.json": {Data: []byte(`{"resourceType":"CodeSystem","url":"urn:cs","content":"complete","concept":[{"code":"a"},{"code":"b"}]}`)},
		"vs.json": {Data: []byte(`{"resourceType":"ValueSet","url":"urn:vs","compose":{"include":[{"system":"urn:cs"}]}}`)},
	}, "test", "1")
	if err != nil {
		t.Fatal(err)
	}
	gate, err := profile.NewGate(profile.NewLibrary(pkg), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	held := func(typ, canonical string) *element.Value {
		asked++
		switch canonical {
		case "urn:more":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:more","compose":{"include":[{"valueSet":["urn:vs"]},{"system":"urn:x","concept":[{"code":"c"}]}]}}`)
		case "urn:tree": // each names itself many times
			return parse(t, `{"resourceType":"ValueSet","url":"urn:tree","compose":{"include":[`+strings.TrimSuffix(strings.Repeat(`{"valueSet":["urn:tree"]},`, 50), ",")+`]}}`)
		}
		return nil
	}
	if codes, note, why := gate.Codes(nil, "urn:more", held); fmt.Sprint(codes) != "[{urn:cs a} {urn:cs b} {urn:x c}]" || note != "" || why != "" {
		t.Errorf("%v, %q, %q", codes, note, why)
	}
	asked = 0
	if codes, _, why := gate.Codes(nil, "urn:tree", held); len(codes) > 0 || why == "" || asked > 200 {
		t.Errorf("a value set that names itself: %d codes, %q, looked up %d times", len(codes), why, asked)
	}
	var none *profile.Gate
	if codes, _, why := none.Codes(nil, "urn:vs", held); len(codes) > 0 || why == "" {
		t.Error("without packages there is a value set of one")
	}
}
