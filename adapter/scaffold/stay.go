package scaffold

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// typeLike is a word that says of what type something is: short_text.
var typeLike = regexp.MustCompile(`^[a-z]{2,12}(?:[_-][a-z]{2,12})*$`)

// staying are the values by which the parts of a document are told apart: the
// keys of the questions of a form, and the words of a member called type or kind
// of which some come again and again. A mapping goes by them, and they are the
// same in every message.
func staying(list []field) map[string]bool {
	out, types := map[string]bool{}, map[string][]string{}
	for _, f := range list {
		q := f.asked
		if q != nil && f.below == q.key && !q.words && !q.again && keyLike.MatchString(f.value) {
			out[f.value] = true
		}
		if q != nil && q.describes && q.inside && shortCode.MatchString(f.value) { // F007, of the form and of nobody
			out[f.value] = true
		}
		if len(f.within) > 0 && f.typed() {
			types[f.path] = append(types[f.path], f.value)
		}
	}
	for _, values := range types {
		if typeWords(values) {
			for _, v := range values {
				out[v] = true
			}
		}
	}
	return out
}

// typed reports a member that is called type or kind and nothing else.
func (f field) typed() bool { return f.last() == "type" || f.last() == "kind" }

// typeWords reports values that are short words in small letters, of which some
// come again.
func typeWords(values []string) bool {
	return len(values) >= minQuestions && !distinct(values) &&
		!slices.ContainsFunc(values, func(v string) bool { return len(v) > 24 || !typeLike.MatchString(v) })
}

// roleIn finds what stands in brackets in a name, and roles are the words of
// which it may consist to stay: what somebody works as.
var (
	roleIn = regexp.MustCompile(`\([^()]*\)`)
	roles  = strings.Fields(`gp nurse practice practitioner care navigator coordinator social prescriber prescribing link worker partner salaried locum registrar
		trainee receptionist pharmacist physio physiotherapist paramedic dietitian midwife health visitor coach wellbeing adviser advisor manager assistant anp hca
		pcn clinical district community psychologist therapist counsellor advanced senior lead duty mental occupational and of the ordinator co`)
)

// asRole reports brackets that hold what somebody works as, and nothing else.
func asRole(brackets string) bool {
	ws := tokenIn.FindAllString(strings.ToLower(brackets), -1)
	return len(ws) > 0 && !slices.ContainsFunc(ws, func(w string) bool { return !slices.Contains(roles, w) })
}

// withoutRole is a name without the brackets that hold a role.
func withoutRole(v string) string {
	return roleIn.ReplaceAllStringFunc(v, func(s string) string {
		if asRole(s) {
			return " "
		}
		return s
	})
}

// codePiece is what a code in a list of them looks like.
var codePiece = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,5}$`)

// codesIn are the codes in the values that several records have in one place,
// or none: lists of short codes in capitals, all as long, of one and of several,
// in which the same code stands first and further on. Surnames and forenames in
// capitals keep their places, are always as many, and differ in length.
func codesIn(values []string) map[string]bool {
	records, first, later, lengths, sizes := map[string]int{}, map[string]bool{}, map[string]bool{}, map[int]bool{}, map[int]bool{}
	for _, v := range values {
		pieces := strings.FieldsFunc(v, separates)
		seen := map[string]bool{}
		for i, p := range pieces {
			if p = strings.TrimSpace(p); p == "" {
				continue
			}
			if !codePiece.MatchString(p) {
				return nil
			}
			sizes[len(p)] = true
			if i == 0 {
				first[p] = true
			} else {
				later[p] = true
			}
			if !seen[p] {
				seen[p] = true
				records[p]++
			}
		}
		if len(seen) > 0 {
			lengths[len(seen)] = true
		}
	}
	both, shared := false, map[string]bool{}
	for p, n := range records {
		both = both || first[p] && later[p]
		if n > 1 {
			shared[p] = true
		}
	}
	if !both || len(lengths) < 2 || len(sizes) > 1 || len(shared) < 2 {
		return nil
	}
	return shared
}

// namesOfAll are the words of names in all records of a sample.
func (w *writer) namesOfAll() map[string]bool {
	var people []field
	for _, f := range w.all {
		for _, v := range f.values() {
			f.value = v
			people = append(people, f)
		}
	}
	return nameWords(people)
}

// sharedCodes are the codes, in small letters, in the lists that the records of
// a sample have in places that are not about a person.
func (w *writer) sharedCodes() map[string]bool {
	out, names := map[string]bool{}, w.namesOfAll()
	for _, f := range w.all {
		if k := kindOf(f); slices.Contains(ofPerson, k) || f.says("name", "surname", "forename", "child", "children", "family", "household", "relatives", "kin", "carer", "contact") {
			continue
		}
		for code := range codesIn(f.others) {
			out[strings.ToLower(code)] = true
		}
		if f.typed() && typeWords(f.others) {
			for _, v := range f.others {
				out[v] = true
			}
		}
	}
	maps.DeleteFunc(out, func(v string, _ bool) bool { return names[v] })
	return out
}
