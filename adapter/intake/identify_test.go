package intake_test

import (
	"bytes"
	"testing"
)

// TestDerivedIDsStay: resources in every installation are known by these ids,
// so another way to make them is not another id.
func TestDerivedIDsStay(t *testing.T) {
	s := service(t, nil, &bytes.Buffer{})
	for ods, want := range map[string]string{
		"A81001": "a19f7b08-2b0e-8a48-83f8-f0f2def2b184",
		"":       "9483e424-305b-814e-ab88-5e7997adcad4",
	} {
		for range 2 { // the second one with the hash that the first one used
			if got := s.OrganizationID(ods); got != want {
				t.Errorf("the organisation %q is %s, want %s", ods, got, want)
			}
		}
	}
}
