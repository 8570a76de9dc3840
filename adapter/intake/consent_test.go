package intake

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
)

// TestConsentFlagAgreesWithTheGate: what the gate keeps back because of the
// Consent of a message is flagged when the message comes, by the same reading.
func TestConsentFlagAgreesWithTheGate(t *testing.T) {
	for name, c := range map[string]struct{ consent, flag, at string }{
		"permits":                  {`"status":"active"`, "", ""},
		"codes only":               {`"status":"active","provision":{"code":[{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":"codes-only"}]}]}`, "", ""},
		"nothing, by its word":     {`"status":"active","provision":{"code":[{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":"nothing"}]}]}`, profile.FlagConsent, "Consent.provision.code"},
		"a word nobody knows":      {`"status":"active","provision":{"code":[{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":"some"}]}]}`, profile.FlagConsent, "Consent.provision.code"},
		"denied, whatever word":    {`"status":"active","provision":{"type":"deny","code":[{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":"all"}]}]}`, profile.FlagConsent, "Consent.provision.type"},
		"asked":                    {`"status":"draft"`, profile.FlagConsentUnclear, "Consent.status"},
		"entered in error, denied": {`"status":"entered-in-error","provision":{"type":"deny"}`, "", ""},
	} {
		v, err := element.Parse([]byte(`{"resourceType":"Consent",`+c.consent+`}`), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		d := &draft{}
		d.consents(&mapping.Mapping{}, &mapping.Result{Resources: []mapping.Resource{{Key: "consent", Type: "Consent", Root: v}}}, nil)
		flag, at := "", ""
		if len(d.flags) == 1 {
			flag, at = d.flags[0].Code, d.flags[0].Expression
		}
		if flag != c.flag || at != c.at || len(d.flags) > 1 {
			t.Errorf("%s: flagged %q at %q, want %q at %q", name, flag, at, c.flag, c.at)
		}
	}
}
