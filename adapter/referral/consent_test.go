package referral_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/referral"
)

func TestReadConsent(t *testing.T) {
	word := func(words ...string) string {
		out := ""
		for _, w := range words {
			out += `,{"coding":[{"system":"` + referral.SystemSharing + `","code":"` + w + `"}]}`
		}
		return `"code":[` + out[1:] + `]`
	}
	const optOut = `,"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}]}`
	for name, c := range map[string]struct {
		consent string
		want    referral.Consented
	}{
		"active":                       {`"status":"active"`, referral.Consented{Says: referral.Permits}},
		"codes only":                   {`"status":"active","provision":{` + word("codes-only") + `}`, referral.Consented{Says: referral.Permits, Word: "codes-only", At: "Consent.provision.code"}},
		"two words":                    {`"status":"active","provision":{` + word("all", "summary") + `}`, referral.Consented{Says: referral.Permits, Word: "summary", At: "Consent.provision.code"}},
		"nothing":                      {`"status":"active","provision":{` + word("nothing") + `}`, referral.Consented{Says: referral.Refuses, At: "Consent.provision.code"}},
		"nothing, as the policy":       {`"status":"active","policyRule":{"coding":[{"system":"` + referral.SystemSharing + `","code":"nothing"}]}`, referral.Consented{Says: referral.Refuses, At: "Consent.policyRule"}},
		"a category, and all":          {`"status":"active","category":[` + strings.TrimSuffix(strings.TrimPrefix(word("summary"), `"code":[`), "]") + `],"provision":{` + word("all") + `}`, referral.Consented{Says: referral.Permits, Word: "summary", At: "Consent.category"}},
		"an exception":                 {`"status":"active","provision":{` + word("all") + `,"provision":[{` + word("codes-only") + `}]}`, referral.Consented{Says: referral.Permits, Word: "codes-only", At: "Consent.provision.provision.code"}},
		"a label":                      {`"status":"active","provision":{"securityLabel":[{"system":"` + referral.SystemSharing + `","code":"codes-only"}]}`, referral.Consented{Says: referral.Permits, Word: "codes-only", At: "Consent.provision.securityLabel"}},
		"a word nobody knows":          {`"status":"active","provision":{` + word("all", "some") + `}`, referral.Consented{Says: referral.Refuses, At: "Consent.provision.code"}},
		"denied, and all":              {`"status":"active","provision":{"type":"deny",` + word("all") + `}`, referral.Consented{Says: referral.Refuses, At: "Consent.provision.type"}},
		"opted out, and all":           {`"status":"active","provision":{` + word("all") + `}` + optOut, referral.Consented{Says: referral.Refuses, At: "Consent.policyRule"}},
		"opted out":                    {`"status":"active"` + optOut, referral.Consented{Says: referral.Refuses, At: "Consent.policyRule"}},
		"another policy":               {`"status":"active","policyRule":{"coding":[{"system":"x","code":"OPTOUT"}]}`, referral.Consented{Says: referral.Permits}},
		"rejected":                     {`"status":"rejected"`, referral.Consented{Says: referral.Refuses, At: "Consent.status"}},
		"inactive, and all":            {`"status":"inactive","provision":{` + word("all") + `}`, referral.Consented{Says: referral.Refuses, At: "Consent.status"}},
		"proposed":                     {`"status":"proposed"`, referral.Consented{Says: referral.Undecided, At: "Consent.status"}},
		"a draft that denies":          {`"status":"draft","provision":{"type":"deny"}`, referral.Consented{Says: referral.Refuses, At: "Consent.provision.type"}},
		"without a status":             {`"provision":{` + word("all") + `}`, referral.Consented{Says: referral.Undecided, At: "Consent.status"}},
		"entered in error, and denied": {`"status":"entered-in-error","provision":{"type":"deny"}`, referral.Consented{Says: referral.SaysNothing, At: "Consent.status"}},
	} {
		v, err := element.Parse([]byte(`{"resourceType":"Consent",`+c.consent+`}`), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := referral.ReadConsent(v); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
