package recall

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// Query selects outcomes. At least one of Code, List and Mapping is needed; what
// is given must all hold.
type Query struct {
	Code     string    `json:"code,omitempty"`     // SNOMED CT id that it carried
	List     string    `json:"list,omitempty"`     // sum of the list of codes that it was made with
	Mapping  string    `json:"mapping,omitempty"`  // hash of the mapping of its referral
	Practice string    `json:"practice,omitempty"` // ODS code
	Since    time.Time `json:"since,omitzero"`     // owed at or after
	Until    time.Time `json:"until,omitzero"`     // owed before
}

// checked is the query in the form that outcomes are found by, and what is wrong
// with it: whatever can match nothing is refused, because "nothing found" would be
// taken for "nothing left".
func (q Query) checked() (Query, []fault.Issue) {
	var issues []fault.Issue
	bad := func(at, text string) { issues = append(issues, fault.Issue{Expression: at, Text: text}) }
	if q.Code == "" && q.List == "" && q.Mapping == "" {
		bad("query", "a code, a list or a mapping is needed")
	}
	if q.Code != "" {
		id, why := nhs.ParseSnomedID(q.Code)
		if why != nhs.Valid {
			bad("query.code", "this is no SNOMED CT id ("+why.String()+"), so nothing can have left with it")
		}
		q.Code = id.ID
	}
	sum := func(at string, value *string, where string) {
		if *value == "" {
			return
		}
		text := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(*value), "sha256:"))
		if b, err := hex.DecodeString(text); err != nil || len(b) != 32 {
			bad(at, "all 64 hexadecimal digits are expected; "+where)
		}
		*value = text
	}
	sum("query.list", &q.List, "linkloop codes verify shows them for the list in use, and meta.tag of what left for the one it was made with")
	sum("query.mapping", &q.Mapping, "linkloop messages show says them for the message of a referral")
	if q.Practice != "" {
		ods, why := nhs.ParseODS(q.Practice)
		if why != nhs.Valid {
			bad("query.practice", "this is no ODS code")
		}
		q.Practice = ods
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		bad("query.until", "it is not after since, so that nothing lies between")
	}
	return q, issues
}
