package outcome_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/outcome"
)

// TestUpdate: each update is a message of its own beside the outcome, sound
// FHIR, without codes, and nothing where a human would have to look.
func TestUpdate(t *testing.T) {
	seen := map[string]bool{}
	for _, event := range outcome.Updates {
		owed, err := shipped(t).Update(golden(t, "everything"), event)
		if err != nil {
			t.Fatal(err)
		}
		codes, letter := spoken(t, owed.Bundle)
		if len(codes) != 0 || owed.Key != "Task/t1/update/"+event || owed.Practice != "A81001" ||
			!strings.HasPrefix(letter, "SOCIAL PRESCRIBING: UPDATE ON YOUR REFERRAL\nZoë May Hollis, ") ||
			!strings.Contains(letter, "\nActions for the practice\n- No action needed from the practice.\n") {
			t.Errorf("%s to %s, codes %q:\n%s", owed.Key, owed.Practice, codes, letter)
		}
		identifier := parse(t, string(owed.Bundle)).TextAt("entry.resource.identifier.value")
		if identifier == "" || seen[identifier] {
			t.Errorf("the identifier %q is taken", identifier)
		}
		seen[identifier] = true
	}
	for _, name := range []string{"no-practice", "no-nhs-number", "two-nhs-numbers", "broken-nhs-number"} {
		if owed, err := shipped(t).Update(golden(t, name), outcome.Accepted); err != nil || owed.Bundle != nil || owed.NeedsHuman != "" {
			t.Errorf("%s: %v, %d bytes, %q", name, err, len(owed.Bundle), owed.NeedsHuman)
		}
	}
	if _, err := shipped(t).Update(golden(t, "everything"), "claimed"); err == nil {
		t.Error("anything is an update")
	}
}
