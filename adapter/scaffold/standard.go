package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/linkloop/linkloop/adapter/message"
)

// stops is a text that takes a referral back, and stopNames are names of places
// where one letter may say so.
var (
	stops     = regexp.MustCompile(`(?i)\b(?:cancel|withdr|revok|rescind|delet)|^entered-in-error$`)
	stopNames = []string{"action", "event", "operation", "intent", "intention", "function"}
)

// takesBack reports a field that says that a message takes a referral back.
func (f field) takesBack() bool {
	if len(f.value) > 60 {
		return false
	}
	return f.says(wishNames...) && stops.MatchString(f.value) || f.says(stopNames...) && slices.Contains(stopWords, strings.ToLower(f.value))
}

// Cancelled begins what is said of a sample that takes a referral back.
const Cancelled = "THE SAMPLE LOOKS LIKE A CANCELLATION"

// fromCancellation says of what a mapping was made that was no new referral.
func fromCancellation(at string) string {
	return Cancelled + " (" + at + "). It may leave out what a new referral holds, and nobody would miss it here: make the mapping from a new referral, and keep this one as an example"
}

// Doubts says what a person must look at in a message of a standard, for which a
// mapping is copied.
func Doubts(t *message.Tree) []string {
	var cancelled, clinician string
	var reached []string
	named := false
	for _, f := range fields(t, true) {
		at := brackets.ReplaceAllString(f.where, "")
		segment, _, _ := strings.Cut(at, ".")
		switch {
		case at == "MSH-9.2" && f.value == "I14", segment == "RF1-1" && stops.MatchString(f.value), !strings.HasPrefix(at, "MSH-") && f.takesBack():
			cancelled = at
		case segment == "PRD-2":
			named = true
		case segment == "PV1-8":
			clinician = segment
		case slices.Contains([]string{"PID-13", "PID-14", "PRD-5"}, segment) && prefixed(f.value) && !slices.Contains(reached, segment):
			reached = append(reached, segment)
		}
	}
	var out []string
	if cancelled != "" {
		out = append(out, fromCancellation(cancelled))
	}
	if clinician != "" && !named {
		out = append(out, clinician+" is taken for who refers where no PRD names anybody: it may be the GP with whom the person is registered, or whoever was on duty")
	}
	for _, at := range reached {
		out = append(out, fmt.Sprintf("%s holds letters beside a telephone number or an e-mail address (H: or M: in front, or words behind), and they are kept as part of it: "+
			"$each: %s | phones with . | phone and . | contactUse takes them apart; see the recipe \"Several numbers among words\" of the handbook", at, at))
	}
	return out
}

// prefixed reports a telephone number or an e-mail address with letters beside
// it.
func prefixed(v string) bool {
	return strings.ContainsFunc(v, unicode.IsLetter) && (phoneIn.MatchString(v) || reachable.MatchString(v) && !emailLike.MatchString(v) || strings.Contains(v, ":") && strings.Contains(v, "@"))
}
