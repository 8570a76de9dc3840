package scaffold

import (
	"slices"
	"strings"
)

// numberWords are words for the number of something, and aboutReferral of what.
var (
	numberWords   = []string{"id", "number", "no", "ref", "reference", "identifier", "ubrn", "token"}
	aboutReferral = []string{"referral", "request", "case"}
	// transport are words for what carries a referral: its number is another each
	// time.
	transport = []string{"message", "msg", "event", "transaction", "batch", "correlation", "envelope", "header"}
	// submission are words for what a form builder makes of a form each time.
	submission = []string{"token", "submission", "response", "entry"}
	// others are what has numbers of its own.
	others = []string{"patient", "person", "client", "subject", "practice", "surgery", "organisation", "organization", "gp", "referrer", "practitioner", "clinician",
		"user", "form", "definition", "ending", "hidden", "provider", "service", "template"}
)

// fitness is how well a field would do as the number of the referral: by its
// name, by what it stands in, and better nearer to the root. Below 1 it would not.
func (f field) fitness() int {
	parent := []string{}
	if len(f.group) > 0 && !f.ofRoot() {
		parent = words(f.group[len(f.group)-1])
	}
	score := 40
	switch {
	case f.says("ubrn"):
		score = 120
	case f.says(transport...):
		score = 20
	case f.says(aboutReferral...):
		score = 100
	case has(parent, aboutReferral) && !has(parent, others):
		score = 90
	case f.says(submission...):
		score = 60
	case kindOf(f) == messageID:
		score = 30
	}
	if has(parent, others) && !has(parent, submission) || f.says(others...) && !f.says(aboutReferral...) {
		score -= 50
	}
	if len(f.others) > 1 && !slices.ContainsFunc(f.others, func(v string) bool { return v != f.others[0] }) {
		return 0
	}
	return score - 3*len(f.group)
}

// ofRoot reports an attribute of the root of an XML document: it is about the
// document, whatever that is called.
func (f field) ofRoot() bool { return strings.HasPrefix(f.name, "@") && len(f.group) == 2 }

// identity is the field that holds the number of the referral, the likeliest
// first; what else may be it is said.
func (w *writer) identity() (field, bool) {
	var list []field
	for _, tell := range []func(field) kind{kindOf, lookOf} {
		for _, f := range w.all {
			if k := tell(f); !w.used[f.path] && (k == referralID || k == messageID) && f.fitness() > 0 {
				list = append(list, f)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	if len(list) == 0 {
		return field{}, false
	}
	slices.SortStableFunc(list, func(a, b field) int { return b.fitness() - a.fitness() })
	best := list[0]
	w.mark(best, referralID)
	switch {
	case kindOf(best) == messageID:
		w.doubt("%s was taken for the number of the referral: see whether it stays the same in all messages about one referral", best.path)
	case len(list) > 1 && list[1].path != best.path && kindOf(list[1]) == referralID:
		w.doubt("%s was taken for the number of the referral; %s may be one too", best.path, list[1].path)
	}
	return best, true
}
