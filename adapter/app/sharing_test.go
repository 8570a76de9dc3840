package app_test

import "testing"

// TestSharingWord: who says how much leaves in a word that nobody knows is told
// the words, before anything is withheld for it.
func TestSharingWord(t *testing.T) {
	h := open(t, nil)
	consent := func(more string) []byte {
		return []byte(`{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],` + more + `}`)
	}
	word := func(code string) string {
		return `{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":"` + code + `"}]}`
	}
	for more, status := range map[string]int{
		`"policyRule":{"text":"x"},"provision":{"code":[` + word("codes-only") + `]}`: 201,
		`"policyRule":{"text":"x"},"provision":{"code":[` + word("code-only") + `]}`:  422,
		`"policyRule":` + word("nothing"):                                             201,
		`"policyRule":` + word("none"):                                                422,
	} {
		r := h.call("POST", "/fhir/Consent", consent(more), "Content-Type", fhirJSON)
		if status == 201 {
			h.want(r, status)
			continue
		}
		h.refused(r, status, "code-invalid", "nothing, codes-only, summary, all")
		h.refused(h.want(h.call("POST", "/fhir/Consent/$validate", consent(more), "Content-Type", fhirJSON), 200), 200, "code-invalid", "codes-only")
	}
}
