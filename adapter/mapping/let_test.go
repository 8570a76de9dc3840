package mapping_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestLetOfSeveral: a let keeps one value, so a rule that gives several is
// refused, and one that joins them is not.
func TestLetOfSeveral(t *testing.T) {
	const rest = "resources:\n  p: {resourceType: Patient, gender: <- l}\n"
	_, err := mapping.Compile(files(head+"let: {l: '<- PID-5 | split(\",\")'}\n"+rest), "m")
	if err == nil || !strings.Contains(err.Error(), "this gives several values") {
		t.Errorf("%v", err)
	}
	compile(t, head+"let: {l: '<- PID-5 | split(\",\") | join(\" \")'}\n"+rest)
}
