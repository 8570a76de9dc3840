package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
)

// TestOverlooked: a copy of a shipped mapping says what of the sample it misses,
// the NHS number and the practice first, or why it refuses the sample; never a
// value.
func TestOverlooked(t *testing.T) {
	const head = "MSH|^~\\&|PAS|RX9|B|C|202603021015||REF^I12|M-1|P|2.3\r"
	const rest = "PRD|RP|THISTLE^Pat|||||B86001^ODS\rPID|1||4471^^^RX9^MR~88^9990000018||QUILL^Zebedee||19510614|M\rZRF|1|Y - verbal|LW-7\r"
	s, err := app.NewMapping("pas", "", []byte(head+"RF1||||||R-1^PAS|202603021000\r"+rest))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PID-3[2].2 looks like an NHS number", "PRD[1]-7.1 looks like the ODS code of a practice", "no rule reads all of ZRF,"}
	for i, w := range want {
		if i >= len(s.Checks) || !strings.HasPrefix(strings.ReplaceAll(s.Checks[i], "PRD-7.1", "PRD[1]-7.1"), w) {
			t.Errorf("check %d is not %q: %q", i, w, s.Checks)
		}
	}
	if !slices.Contains(s.Unused, "PID-3[2].2") {
		t.Errorf("unused %q", s.Unused)
	}
	refused, err := app.NewMapping("pas", "", []byte(head+strings.Replace(rest, "QUILL^Zebedee", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(refused.Checks, func(c string) bool { return strings.HasPrefix(c, "this mapping refuses the sample: ") }) {
		t.Errorf("%q", refused.Checks)
	}
	for _, c := range append(s.Checks, refused.Checks...) {
		for _, mark := range []string{"9990000018", "QUILL", "LW-7", "B86001", "verbal"} {
			if strings.Contains(c, mark) {
				t.Errorf("%q holds a value", c)
			}
		}
	}
}
