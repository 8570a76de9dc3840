package profile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
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
	held := func(_, canonical string) (*element.Value, error) {
		asked++
		switch canonical {
		case "urn:more":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:more","compose":{"include":[{"valueSet":["urn:vs"]},{"system":"urn:x","concept":[{"code":"c"}]}]}}`), nil
		case "urn:tree": // each names itself many times
			return parse(t, `{"resourceType":"ValueSet","url":"urn:tree","compose":{"include":[`+strings.TrimSuffix(strings.Repeat(`{"valueSet":["urn:tree"]},`, 50), ",")+`]}}`), nil
		case "urn:stale":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:stale","compose":{"include":[{"system":"urn:x","concept":[{"code":"new"}]}]},"expansion":{"contains":[{"system":"urn:x","code":"old"}]}}`), nil
		case "urn:expanded":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:expanded","compose":{"include":[{"system":"urn:x","filter":[{"property":"p","op":"=","value":"1"}]}]},"expansion":{"contains":[{"system":"urn:x","code":"old"}]}}`), nil
		case "urn:thousand":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:thousand","compose":{"include":[{"system":"urn:x","concept":[`+codesOf(1000)+`]}]}}`), nil
		case "urn:many": // the same set again and again
			return parse(t, `{"resourceType":"ValueSet","url":"urn:many","compose":{"include":[`+strings.TrimSuffix(strings.Repeat(`{"valueSet":["urn:thousand"]},`, 500), ",")+`]}}`), nil
		case "urn:endless":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:endless","compose":{"include":[`+strings.TrimSuffix(strings.Repeat(`{"valueSet":["urn:thousand"]},`, 3000), ",")+`]}}`), nil
		case "urn:wide": // of many other ones
			var in []string
			for i := range 300 {
				in = append(in, fmt.Sprintf(`{"valueSet":["urn:n%d"]}`, i))
			}
			return parse(t, `{"resourceType":"ValueSet","url":"urn:wide","compose":{"include":[`+strings.Join(in, ",")+`]}}`), nil
		case "urn:long":
			return parse(t, `{"resourceType":"ValueSet","url":"urn:long","compose":{"include":[{"valueSet":["urn:x:`+strings.Repeat("y", 10_000)+`"]}]}}`), nil
		}
		if strings.HasPrefix(canonical, "urn:n") {
			return parse(t, `{"resourceType":"ValueSet","url":"`+canonical+`","compose":{"include":[{"system":"urn:x","concept":[{"code":"`+canonical+`"}]}]}}`), nil
		}
		return nil, nil
	}
	fresh := func() *profile.Lister { asked = 0; return gate.Lister(held, 10_000) }
	for canonical, want := range map[string]string{"urn:more": "[{urn:cs a} {urn:cs b} {urn:x c}]", "urn:vs": "[{urn:cs a} {urn:cs b}]", "urn:stale": "[{urn:x new}]"} {
		if codes, note, why, err := fresh().Codes(nil, canonical); fmt.Sprint(codes) != want || note != "" || why != "" || err != nil {
			t.Errorf("%s: %v, %q, %q, %v", canonical, codes, note, why, err)
		}
	}
	if codes, note, why, err := fresh().Codes(nil, "urn:expanded"); fmt.Sprint(codes) != "[{urn:x old}]" || note == "" || why != "" || err != nil {
		t.Errorf("of an expansion: %v, %q, %q, %v", codes, note, why, err)
	}
	if codes, _, why, err := fresh().Codes(nil, "urn:tree"); len(codes) > 0 || why == "" || err != nil || asked != 1 {
		t.Errorf("a value set that names itself: %d codes, %q, %v, looked up %d times", len(codes), why, err, asked)
	}
	if _, _, why, _ := fresh().Codes(nil, "urn:long"); why == "" || len(why) > 500 {
		t.Errorf("an address of 10,000 letters is quoted with %d", len(why))
	}
	l := fresh()
	for range 3 {
		if codes, _, why, err := l.Codes(nil, "urn:many"); len(codes) != 1000 || why != "" || err != nil || asked != 2 {
			t.Errorf("one set 500 times: %d codes, %q, %v, looked up %d times", len(codes), why, err, asked)
		}
	}
	if _, _, _, err := l.Codes(nil, "urn:many"); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("the fourth time in one request: %v", err)
	}
	for _, canonical := range []string{"urn:endless", "urn:wide"} {
		if codes, _, _, err := fresh().Codes(nil, canonical); len(codes) > 0 || fault.KindOf(err) != fault.TooLarge || asked > 201 {
			t.Errorf("%s: %d codes, %v, looked up %d times", canonical, len(codes), err, asked)
		}
	}
	if codes, _, _, err := gate.Lister(held, 999).Codes(nil, "urn:thousand"); len(codes) > 0 || fault.KindOf(err) != fault.TooLarge {
		t.Errorf("more codes than are wanted: %d, %v", len(codes), err)
	}
	broken := fault.New(fault.Transient, "", "away")
	if _, _, _, err := gate.Lister(func(string, string) (*element.Value, error) { return nil, broken }, 10).Codes(nil, "urn:more"); !errors.Is(err, broken) {
		t.Errorf("a lookup that fails: %v", err)
	}
	var none *profile.Gate
	if codes, _, why, err := none.Lister(held, 10).Codes(nil, "urn:vs"); len(codes) > 0 || why == "" || err != nil {
		t.Errorf("without packages there is a value set of one: %v", err)
	}
}

// codesOf lists concepts.
func codesOf(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`{"code":"c%d"}`, i))
	}
	return strings.Join(out, ",")
}
