package worklist

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestMerge: a three-way merge by elements.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, base, mine, theirs, want, clash string }{
		{"nothing", `"a":1`, `"a":1`, `"a":1`, `"a":1`, ""},
		{"mine alone", `"a":1`, `"a":2`, `"a":1`, `"a":2`, ""},
		{"theirs alone", `"a":1`, `"a":1`, `"a":2`, `"a":2`, ""},
		{"each its own", `"a":1,"b":1`, `"a":2,"b":1`, `"a":1,"b":2`, `"a":2,"b":2`, ""},
		{"alike", `"a":1`, `"a":2`, `"a":2`, `"a":2`, ""},
		{"otherwise", `"a":1`, `"a":2`, `"a":3`, "", "a"},
		{"several", `"a":1,"b":1`, `"a":2,"b":2`, `"a":3,"b":3`, "", "a b"},
		{"mine added", ``, `"a":1`, ``, `"a":1`, ""},
		{"mine took away", `"a":1`, ``, `"a":1`, ``, ""},
		{"theirs took away", `"a":1`, `"a":1`, ``, ``, ""},
		{"both took away", `"a":1`, ``, ``, ``, ""},
		{"taken away and changed", `"a":1`, ``, `"a":2`, "", "a"},
		{"both appended", `"l":[1]`, `"l":[1,2]`, `"l":[1,3]`, `"l":[1,3,2]`, ""},
		{"both appended the same", `"l":[1]`, `"l":[1,2]`, `"l":[1,2]`, `"l":[1,2]`, ""},
		{"both appended some of the same", `"l":[1]`, `"l":[1,2,4]`, `"l":[1,3,2]`, `"l":[1,3,2,4]`, ""},
		{"both began a list", ``, `"l":[1]`, `"l":[2]`, `"l":[2,1]`, ""},
		{"one changed an entry", `"l":[1]`, `"l":[9,2]`, `"l":[1,3]`, "", "l"},
		{"one took an entry", `"l":[1,2]`, `"l":[1]`, `"l":[1,2,3]`, "", "l"},
		{"a list and none", `"l":[1]`, `"l":5`, `"l":[1,2]`, "", "l"},
		{"status by me, reason by them", `"status":"a"`, `"status":"b"`, `"status":"a","statusReason":{"text":"r"}`, "", "status"},
		{"both the same move", `"status":"a"`, `"status":"b"`, `"status":"b"`, `"status":"b"`, ""},
		{"the same move with a reason", `"status":"a"`, `"status":"b"`, `"status":"b","statusReason":{"text":"r"}`, "", "status"},
		{"when it was changed", `"lastModified":"1"`, `"lastModified":"2"`, `"lastModified":"3"`, `"lastModified":"2"`, ""},
		{"bookkeeping is no change", `"meta":{"versionId":"1"}`, `"meta":{"versionId":"1"},"a":1`, `"meta":{"versionId":"2","lastUpdated":"x","tag":[1]}`, `"meta":{"tag":[1]},"a":1`, ""},
		{"both tagged", `"meta":{}`, `"meta":{"tag":[1]}`, `"meta":{"tag":[2]}`, "", "meta"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, mine, theirs := taskOf(t, c.base), taskOf(t, c.mine), taskOf(t, c.theirs)
			got, clash := merge(base, mine, theirs, false)
			if strings.Join(clash, " ") != c.clash {
				t.Fatalf("clash of %q, want %q", clash, c.clash)
			}
			if c.clash != "" {
				if got != nil {
					t.Error("there is a result")
				}
				got, clash = merge(base, mine, theirs, true)
				if len(clash) > 0 || got == nil {
					t.Errorf("within one decision: clash of %q", clash)
				}
				return
			}
			if want := taskOf(t, c.want); !element.Equal(got, want) {
				t.Errorf("got %s, want %s", got.JSON(), want.JSON())
			}
			for text, v := range map[string]*element.Value{c.base: base, c.mine: mine, c.theirs: theirs} {
				if !element.Equal(v, taskOf(t, text)) {
					t.Error("what was given was changed")
				}
			}
		})
	}
}

func taskOf(t *testing.T, members string) *element.Value {
	t.Helper()
	if members != "" {
		members = "," + members
	}
	v, err := element.Parse([]byte(`{"resourceType":"Task"`+members+`}`), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
