package message_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/message"
)

// hl7Tree is PID|||A1^^^R0A^MR~999^^^NHS&x^NH||SMITH^Ann~JONES, two OBX and a
// PRD, in the shape the HL7 v2 format gives.
func hl7Tree() *message.Tree {
	t := message.NewTree(64, nil)
	seg := func(name string) message.Node { return t.Add(t.Root(), name, message.Object, "") }
	list := func(s message.Node, n string) message.Node { return t.Add(s, n, message.List, "") }
	rep := func(l message.Node, parts ...string) {
		if len(parts) == 1 {
			t.Add(l, "", message.Text, parts[0])
			return
		}
		o := t.Add(l, "", message.Object, "")
		for i := 0; i < len(parts); i += 2 {
			t.Add(o, parts[i], message.Text, parts[i+1])
		}
	}
	pid := seg("PID")
	ids := list(pid, "3")
	rep(ids, "1", "A1", "4", "R0A", "5", "MR")
	rep(ids, "1", "999", "5", "NH")
	names := list(pid, "5")
	rep(names, "1", "SMITH", "2", "Ann")
	rep(names, "JONES")
	for _, o := range [][3]string{{"NM", "BMI", "30"}, {"FT", "STORY", "Lonely"}, {"FT", "MORE", "Wants company"}} {
		obx := seg("OBX")
		rep(list(obx, "2"), o[0])
		rep(list(obx, "3"), "1", o[1], "2", "label")
		rep(list(obx, "5"), o[2])
	}
	addr := t.Add(list(seg("NK1"), "4"), "", message.Object, "")
	street := t.Add(addr, "1", message.Object, "")
	t.Add(street, "1", message.Text, "12")
	t.Add(street, "2", message.Text, "Mill Lane")
	return t
}

// jsonTree is a FHIR-like document with a reference.
func jsonTree() *message.Tree {
	t := message.NewTree(64, nil)
	obj := func(p message.Node, name string) message.Node { return t.Add(p, name, message.Object, "") }
	str := func(p message.Node, name, v string) { t.Add(p, name, message.Text, v) }
	p := obj(t.Root(), "patient")
	str(p, "family name", "Hale")
	tel := t.Add(p, "telecom", message.List, "")
	for _, kv := range [][2]string{{"email", "a@example.org"}, {"phone", "01"}, {"phone", "02"}} {
		o := obj(tel, "")
		str(o, "system", kv[0])
		str(o, "value", kv[1])
	}
	given := t.Add(p, "given", message.List, "")
	t.Add(given, "", message.Text, "Tom")
	t.Add(given, "", message.Text, "Joe")
	subject := obj(t.Root(), "subject")
	str(subject, "reference", "urn:uuid:1")
	t.Anchor("urn:uuid:1", p)
	t.Anchor("Patient/7", p)
	return t
}

func TestPaths(t *testing.T) {
	hl7, json := hl7Tree(), jsonTree()
	for _, tc := range []struct {
		tree  *message.Tree
		path  string
		first string
		all   string
	}{
		{hl7, "PID-5.1", "SMITH", "SMITH,JONES"},
		{hl7, "PID-5", "SMITH", "SMITH,JONES"},
		{hl7, "PID-5[2]", "JONES", "JONES"},
		{hl7, "PID-5[2].1.1", "JONES", "JONES"},
		{hl7, "PID-5.2", "Ann", "Ann"},
		{hl7, "PID-5[2].2", "", ""},
		{hl7, "PID-3[where .5 = NH].1", "999", "999"},
		{hl7, "PID-3[where 5 = NH or MR].1", "A1", "A1,999"},
		{hl7, "PID-3[where .5 != MR].1", "999", "999"},
		{hl7, "PID-3[where .4 lacks 0].1", "999", "999"},
		{hl7, `PID-3[where .4 = ""].1`, "999", "999"},
		{hl7, `PID-3[where .4 != ""].1`, "A1", "A1"},
		{hl7, "PID-3[where .4 contains 0A].1", "A1", "A1"},
		{hl7, "PID-3[3].1", "", ""},
		{hl7, "OBX[2]-5", "Lonely", "Lonely"},
		{hl7, "OBX[where 2 = FT]-5", "Lonely", "Lonely,Wants company"},
		{hl7, "OBX[where 2 = FT][2]-5", "Wants company", "Wants company"},
		{hl7, "OBX[where 3.1 = 'BMI']-5", "30", "30"},
		{hl7, "NK1-4.1.2", "Mill Lane", "Mill Lane"},
		{hl7, "NK1-4.1", "12", "12"},
		{hl7, "ZZZ-1", "", ""},
		{json, "patient.telecom[where system = phone].value", "01", "01,02"},
		{json, "patient.telecom[where system = phone][1].value", "02", "02"},
		{json, "patient.telecom.value", "a@example.org", "a@example.org,01,02"},
		{json, "patient.given", "Tom", "Tom,Joe"},
		{json, "patient.given[1]", "Joe", "Joe"},
		{json, "patient.`family name`", "Hale", "Hale"},
		{json, "subject.resolve().given", "Tom", "Tom,Joe"},
		{json, "patient.given[where . = Joe]", "Joe", "Joe"},
		{json, "patient.resolve()", "", ""},
		{json, "patient.given.$text", "Tom", "Tom,Joe"},
		{json, "patient.$text", "", ""},
	} {
		p, err := message.ParsePath(tc.path)
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
			continue
		}
		if got := p.First(tc.tree.Root()).Value(); got != tc.first {
			t.Errorf("First(%s) = %q, want %q", tc.path, got, tc.first)
		}
		var all []string
		p.All(tc.tree.Root(), func(n message.Node) bool { all = append(all, n.Value()); return true })
		if got := strings.Join(all, ","); got != tc.all {
			t.Errorf("All(%s) = %q, want %q", tc.path, got, tc.all)
		}
		if p.String() != tc.path {
			t.Errorf("String() = %q, want %q", p, tc.path)
		}
	}
}

func TestRelativePaths(t *testing.T) {
	p, err := message.ParsePath("PID-3[2]")
	if err != nil {
		t.Fatal(err)
	}
	here := p.First(hl7Tree().Root())
	for path, want := range map[string]string{".": "999", ".1": "999", ".5": "NH", ".4": "", ".1.1": "999"} {
		p, err := message.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Relative() {
			t.Errorf("%s is not relative", path)
		}
		if got := p.First(here).Value(); got != want {
			t.Errorf("First(%s) = %q, want %q", path, got, want)
		}
	}
	if (message.Path{}).First(here) != here {
		t.Error("the zero Path is not the node at hand")
	}
}

func TestAllStops(t *testing.T) {
	p, _ := message.ParsePath("OBX-5")
	seen := 0
	p.All(hl7Tree().Root(), func(message.Node) bool { seen++; return seen < 2 })
	if seen != 2 {
		t.Errorf("visited %d after asking to stop at 2", seen)
	}
}

func TestSegment(t *testing.T) {
	for path, want := range map[string]struct {
		name  string
		field int
	}{"PID-13.4": {"PID", 13}, "OBX[where 2 = FT]-5": {"OBX", 5}, "NTE": {"NTE", 0}, "patient.name": {}, ".4": {}} {
		p, err := message.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if name, field := p.Segment(); name != want.name || field != want.field {
			t.Errorf("Segment(%s) = %s, %d", path, name, field)
		}
	}
}

func TestPathErrors(t *testing.T) {
	for _, tc := range []struct {
		path   string
		column int
		says   string
	}{
		{"", 1, "a path is expected"},
		{"PID.5", 4, "PID-5, not PID.5"},
		{"PID-0", 5, "from 1 to 999"},
		{"PID-5.", 7, "from 1 to 999"},
		{"PID-5.1.2.3", 10, "ends at the subcomponent"},
		{"PID-3[0]", 7, "counts from 1"},
		{"PID-3[99999]", 7, "above 9999"},
		{"PID-3[where .5 NH]", 16, "=, !=, contains or lacks"},
		{"PID-3[where .5 = ]", 18, "a value to compare"},
		{"PID-3[where .5 = NH", 20, "closing bracket"},
		{"PID-3[where .5 = 'NH]", 18, "quote is not closed"},
		{"PID-3[where = NH]", 13, "starts with a path"},
		{"PID-3[where 5[1] = NH]", 14, "cannot hold another"},
		{"PID-3[x]", 7, "an index or a condition"},
		{"a..b", 3, "a name is expected"},
		{"a.first()", 8, "only resolve()"},
		{"a b", 2, "a dot is expected"},
		{"a.`b", 3, "between backquotes"},
		{"a" + strings.Repeat(".a", 16), 34, "more than 16 steps"},
		{"a[0][0][0][0][0]", 14, "more than 4 brackets"},
	} {
		_, err := message.ParsePath(tc.path)
		var pe *message.PathError
		if !errors.As(err, &pe) {
			t.Errorf("%q: error %v is no PathError", tc.path, err)
			continue
		}
		if pe.Offset+1 != tc.column || !strings.Contains(pe.Text, tc.says) {
			t.Errorf("%q: %v, want column %d: ...%s...", tc.path, pe, tc.column, tc.says)
		}
	}
}

func TestAnchors(t *testing.T) {
	tree := jsonTree()
	for key, want := range map[string]bool{"Patient/7": true, "Patient/7/_history/3": true, "Patient/8": false, "": false} {
		if got := tree.Anchored(key).Ok(); got != want {
			t.Errorf("Anchored(%q) found: %t", key, got)
		}
	}
	tree.Anchor("Patient/7", tree.Root())
	if tree.Anchored("Patient/7") == tree.Root() {
		t.Error("a second node took over a name")
	}
	tree.Anchor("other", jsonTree().Root())
	if tree.Anchored("other").Ok() {
		t.Error("a node of another tree was anchored")
	}
}

// FuzzParsePath looks for panics, and for paths that read differently the
// second time or disagree between First and All.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"PID-5.1", "PID-3[where .5 = NH or NHS][2].1.2", "a.b[0].`c d`.resolve()", ".", ".4",
		"OBX[where 3.1 != \"x\"]-5", "PID.5", "a[where . lacks 'x']"} {
		f.Add(s)
	}
	trees := []*message.Tree{hl7Tree(), jsonTree()}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := message.ParsePath(s)
		if err != nil {
			var pe *message.PathError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(s) {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		for _, tree := range trees {
			first := p.First(tree.Root())
			var all []int32
			p.All(tree.Root(), func(n message.Node) bool { all = append(all, n.ID()); return true })
			if first.Ok() && first.Kind() != message.List && !slices.Contains(all, first.ID()) {
				t.Fatalf("%q: First found node %d, All %v", s, first.ID(), all)
			}
		}
	})
}

func BenchmarkPathFirst(b *testing.B) {
	tree := hl7Tree()
	p, err := message.ParsePath("PID-3[where .5 = NH].1")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !p.First(tree.Root()).Ok() {
			b.Fatal("not found")
		}
	}
}
