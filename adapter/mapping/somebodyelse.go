package mapping

import (
	"regexp"
	"strings"
)

// people are words for somebody whom the person knows.
const people = `(?:next of kin|nok|kin|wife|husband|partner|spouse|fianc[eé]e?|` +
	`daughter|son|stepson|stepdaughter|child|mother|father|mum|mam|mom|dad|parents?|sister|brother|` +
	`grandson|granddaughter|grandmother|grandfather|nan|gran|grandma|grandad|niece|nephew|aunt|auntie|uncle|cousin|` +
	`neighbou?r|friend|boyfriend|girlfriend|flatmate|housemate|relatives?|family|carer|guardian|advocate|attorney|poa|lpa|executor|` +
	`landlord|landlady|warden|manager|worker|interpreter|solicitor|nurse|doctor|surgery|gp|(?:ex|in)-?laws?)(?:['’]?s)?`

// otherPeople are words that say that a telephone number is not the person's own.
var otherPeople = regexp.MustCompile(`(?i)c/o|\b(?:msg|message)s? (?:with\b|w/)|\bcare of\b|\b` + people + `\b`)

// helping are words behind a number that say what somebody else does when it
// rings: it is the person's own all the same.
var helping = regexp.MustCompile(`(?i)\banswered by (?:(?:his|her|their|the) )?` + people + `\b|\b` + people +
	` (?:(?:will|may|might|can|usually|often|sometimes|always|normally|mostly) ){0,2}` +
	`(?:answers?|picks? up|takes? (?:(?:a|the|any|his|her|their) )?(?:calls?|messages?|msgs?)|interprets?|translates?)\b`)

// unhelped is a text behind a number without the words that tie it to nobody.
func unhelped(s string) string { return helping.ReplaceAllString(s, "") }

// oneself are words that say that a number is the person's own after all.
var oneself = regexp.MustCompile(`(?i)\b(?:own|self|patient|patient['’]s|pt|client|mine|personal)\b`)

// between is what stands between the numbers of a list.
var between = regexp.MustCompile(`(?i)[,;|\n]|/|\b(?:or|and)\b|&`)

// somebodyElses says of each number whether words tie it to another person. Words in
// front of a number tie it, and those that follow it in the list until words come that
// say otherwise; words behind a number tie that one. Where it cannot be told
// which of two numbers the words between them mean, it is both: a number of the
// person's own in a note does less harm than a call to somebody else about them.
func somebodyElses(s string, numbers []span) (theirs []bool) {
	theirs = make([]bool, len(numbers))
	carried := false
	for i, p := range numbers {
		if i == 0 && otherPeople.MatchString(s[:p.from]) && !oneself.MatchString(lastOf(s[:p.from])) {
			theirs[i] = true
			carried = true
		}
		end := len(s)
		if i+1 < len(numbers) {
			end = numbers[i+1].from
		}
		words := s[p.to:end]
		if m := aside.FindStringIndex(words); m != nil {
			if otherPeople.MatchString(unhelped(words[:m[1]])) {
				theirs[i] = true
			}
			words = words[m[1]:]
		}
		if i+1 == len(numbers) {
			if otherPeople.MatchString(unhelped(words)) && !oneself.MatchString(firstOf(words)) {
				theirs[i] = true
			}
			break
		}
		parts := len(between.FindAllStringIndex(masked(words), -1))
		if first := firstOf(words); parts > 0 {
			words = unhelped(first) + words[len(first):]
		}
		first, last := firstOf(words), lastOf(words)
		switch {
		case !otherPeople.MatchString(words):
			carried = carried && !oneself.MatchString(words)
		case parts == 0 || !otherPeople.MatchString(first) && !otherPeople.MatchString(last):
			theirs[i] = true
			carried = true
		default:
			if otherPeople.MatchString(first) {
				theirs[i] = true
			}
			carried = otherPeople.MatchString(last) || carried && !oneself.MatchString(last)
		}
		if carried {
			theirs[i+1] = true
		}
	}
	return theirs
}

// aside is what stands in brackets right behind a number.
var aside = regexp.MustCompile(`^\s*\([^()]*\)`)

// masked is a text in which the slash of c/o separates nothing.
func masked(s string) string {
	return strings.NewReplacer("c/o", "c-o", "C/O", "C-O", "c/O", "c-O", "C/o", "C-o").Replace(s)
}

// firstOf and lastOf are the first and the last piece of a text between
// separators.
func firstOf(s string) string {
	if m := between.FindStringIndex(masked(s)); m != nil {
		return s[:m[0]]
	}
	return s
}

func lastOf(s string) string {
	if all := between.FindAllStringIndex(masked(s), -1); all != nil {
		return s[all[len(all)-1][1]:]
	}
	return s
}
