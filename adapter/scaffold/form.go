package scaffold

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form is a list of questions with their answers, as form builders send them:
// what an item means hangs on one of its values.
type form struct {
	list  string // its path
	key   string // path within an item of the member that tells the questions apart: .field.ref
	words bool   // that member holds words for people, not keys
	apart bool   // the answer stands in a member that is called so

	// inside is whether the answer is the text of an XML element, of which an
	// attribute is the key.
	inside bool
}

// question is what a field has to do with a form.
type question struct {
	form
	value     string // of the key in its item
	describes bool   // it says what is asked, and not what was answered
	again     bool   // the same question stands further up
	lost      bool   // no path can say which question it is
}

const (
	minQuestions  = 3
	maxQuestion   = 100 // bytes of a question that a path can hold
	wellDescribed = 2   // questions whose words are known
)

var (
	// keyLike is a word or several run together, as programs name things: pt_dob,
	// patientDateOfBirth. One word with a capital may as well be a name.
	keyLike = regexp.MustCompile(`^(?:[a-z][a-z0-9]*(?:[_.-][a-z0-9]+)*|[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]*)+|(?:[A-Z][a-z0-9]+){2,}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$`)
	bareKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

	// keyNames are words of names of members that hold a key.
	keyNames = []string{"ref", "reference", "key", "id", "name", "code", "slug", "field", "question", "variable", "alias", "tag", "item", "linkid", "k", "t",
		"type", "kind", "system", "property", "attribute", "label"}
	// questionNames are names of members that hold a question in words.
	questionNames = []string{"title", "label", "question", "prompt", "caption", "name", "text", "heading"}
	// answerNames are those of members that hold an answer and nothing else.
	answerNames = []string{"answer", "answers", "value", "values", "response", "responses", "reply"}
	// describeNames are those of members that describe an item beside its key.
	describeNames = []string{"id", "type", "kind", "ref", "key", "title", "label", "question", "prompt", "caption", "heading", "slug", "order", "index", "position", "required"}
	// codeNames are those of members that hold codes of an answer.
	codeNames = []string{"id", "ids", "ref", "refs", "code", "codes", "key", "keys"}
	// askedWords are words of questions about a person and a referral.
	askedWords = []string{"name", "surname", "forename", "dob", "born", "birth", "nhs", "address", "postcode", "phone", "telephone", "mobile", "tel",
		"email", "gender", "sex", "gp", "practice", "surgery", "reason", "notes", "consent", "referrer", "needs", "urgent", "urgency", "kin", "nok"}
	// carriers are names of members that say nothing of the answer they carry.
	carriers = []string{"text", "value", "answer", "label", "labels", "choice", "choices", "string", "boolean", "number", "content", "data", "response", "other", "$"}
)

// ask lets the words of each question of forms be those of its answer.
func ask(list []field, forms []form) {
	for _, f := range forms {
		first := map[string]string{} // item by record and question
		asked, titles := map[string]string{}, map[string]string{}
		for _, g := range list {
			item, direct := g.itemOf(f.list)
			switch {
			case !direct:
			case g.below == f.key:
				asked[item] = g.value
				if first[g.record+"\n"+g.value] == "" {
					first[g.record+"\n"+g.value] = item
				}
			case f.describes(g) && slices.ContainsFunc(questionNames, func(n string) bool { return g.last() == n }):
				titles[item] += " " + g.value
			}
		}
		for i, g := range list {
			item, _ := g.itemOf(f.list)
			value := asked[item]
			if item == "" || value == "" {
				continue
			}
			q := &question{form: f, value: value, describes: f.describes(g), again: first[g.record+"\n"+value] != item, lost: !writable(value)}
			list[i].asked = q
			if q.describes {
				list[i].words = nil
				continue
			}
			list[i].word(words(value), words(titles[item]))
		}
	}
}

// itemOf is the item of a list that the field stands in, and whether it stands
// in no list within that; empty: in none.
func (f field) itemOf(list string) (item string, direct bool) {
	at := slices.IndexFunc(f.within, func(p place) bool { return p.list == list })
	if at < 0 {
		return "", false
	}
	return f.within[at].item, at == len(f.within)-1
}

// word gives an answer the words of its question. Those of the key count first,
// and then those for people.
func (f *field) word(key, title []string) {
	own := f.words
	if slices.Contains(codeNames, f.last()) {
		return
	}
	if f.asked.apart && !slices.ContainsFunc(slices.Concat(answerNames, carriers), func(n string) bool {
		return strings.HasPrefix(strings.ToLower(strings.TrimLeft(f.below, ".@"))+".", n+".") || f.last() == n
	}) {
		return // beside the answer
	}
	own = slices.DeleteFunc(slices.Clone(own), func(w string) bool { return slices.Contains(carriers, w) })
	if f.below == "." && len(own) == 0 || slices.Equal(own, key) {
		own = nil
	}
	f.above = slices.Concat(f.above[:min(len(f.above), len(words(f.asked.list)))], title)
	for _, ws := range [][]string{key, slices.Concat(key, title), slices.Concat(key, title, own)} {
		if f.words = ws; kindOf(*f) != unclear {
			return
		}
	}
}

// last is the name of the member itself, in small letters.
func (f field) last() string { return strings.ToLower(strings.TrimLeft(f.name, "@")) }

// describes reports a member that says what is asked: the key, what stands in
// an object with it, and of the members of the item those that are called so.
func (f form) describes(g field) bool {
	if _, direct := g.itemOf(f.list); !direct {
		return false
	}
	if beside := f.key[:strings.LastIndexByte(f.key, '.')]; beside != "" && strings.HasPrefix(g.below, beside+".") {
		return true
	}
	return g.below == f.key || strings.Count(g.below, ".") == 1 &&
		(slices.Contains(describeNames, g.last()) || (f.apart || f.inside) && slices.Contains(questionNames, g.last()))
}

// forms finds the lists of questions: of three items and more, in each of which
// one member holds what no other item has there, and of which some speak of
// what referrals hold.
func forms(list []field) []form {
	type filled struct { // a form of one person
		items  map[string]bool
		belows []string
		values map[string][]field
	}
	var all []string
	byList, byForm := map[string][]*filled{}, map[string]*filled{}
	for _, f := range list {
		for i, p := range f.within {
			at := p.list + "\n" + strings.TrimSuffix(p.item, indexIn.FindString(p.item))
			if byForm[at] == nil {
				byForm[at] = &filled{items: map[string]bool{}, values: map[string][]field{}}
				if byList[p.list] == nil {
					all = append(all, p.list)
				}
				byList[p.list] = append(byList[p.list], byForm[at])
			}
			one := byForm[at]
			one.items[p.item] = true
			if i < len(f.within)-1 || f.below == "." {
				continue
			}
			if one.values[f.below] == nil {
				one.belows = append(one.belows, f.below)
			}
			one.values[f.below] = append(one.values[f.below], f)
		}
	}
	var out []form
	for _, l := range all {
		best, most := form{}, 0
		for _, one := range byList[l] {
			if len(one.items) < minQuestions || len(one.belows) < 2 {
				continue
			}
			for _, b := range one.belows {
				score, words := keyed(one.values[b], len(one.items))
				if score <= most {
					continue
				}
				best, most = form{list: l, key: b, words: words}, score
				best.apart = slices.ContainsFunc(one.belows, func(b string) bool {
					return slices.ContainsFunc(answerNames, func(n string) bool { return strings.HasPrefix(strings.ToLower(b)+".", "."+n+".") })
				})
				best.inside = one.values[".$text"] != nil && strings.HasPrefix(b, ".@")
			}
		}
		if most > 0 {
			out = append(out, best)
		}
	}
	for _, l := range all { // a person of few answers is asked with the same elements
		for _, f := range out {
			if f.inside && f.list != l && lastName(f.list) == lastName(l) && byList[l][0].values[f.key] != nil &&
				!slices.ContainsFunc(out, func(g form) bool { return g.list == l }) {
				f.list = l
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// lastName is the last name of a path.
func lastName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// indexIn is the index at the end of an address.
var indexIn = regexp.MustCompile(`\[[0-9]+\]$`)

// keyed says how well values tell the items of a list apart: 0 for not at all,
// and keys better than words for people.
func keyed(values []field, items int) (score int, inWords bool) {
	seen := map[string]bool{}
	keys, telling := 0, 0
	for _, f := range values {
		if proven(f) {
			return 0, false
		}
		seen[f.value] = true
		if keyLike.MatchString(f.value) {
			keys++
		}
		if has(words(f.value), askedWords) {
			telling++
		}
	}
	switch {
	case len(seen)*10 < items*9 || len(values) > items || telling < wellDescribed || telling*5 < items:
		return 0, false
	case keys*10 >= len(values)*8 && has(words(values[0].last()), keyNames):
		return 1000 + telling, false
	case slices.Contains(questionNames, values[0].last()) && !slices.ContainsFunc(values, func(f field) bool { return !strings.ContainsAny(f.value, " ") && hasDigit(f.value) }):
		return telling, true
	}
	return 0, false
}

// writable reports a question that a path can hold.
func writable(v string) bool {
	return len(v) <= maxQuestion && !strings.ContainsAny(v, `"\]`) && !strings.ContainsFunc(v, unicode.IsControl)
}

// proven reports a value that is somebody's, whatever it is called.
func proven(f field) bool {
	k := kindOf(field{value: f.value})
	return k == nhsNumber || k == phone || k == email || k == postcode
}

// aside notes what describes the questions of a form, which is left out on
// purpose, and what of it nothing is proposed for.
func (w *writer) aside(all []field) {
	names := nameWords(all)
	for _, f := range all {
		switch q := f.asked; {
		case q == nil:
		case q.describes && f.below != q.key && !slices.Contains(w.ignored, f.path):
			w.ignored = append(w.ignored, f.path)
		case named(q.value, names):
			w.doubt("a question of %s holds somebody's name, and nothing is proposed for its answer", q.list)
		case q.lost && !q.describes:
			w.doubt("the question of %s cannot stand in a path, and nothing is proposed for its answer", f.where)
		case q.again && !q.describes:
			w.doubt("%s holds the question %s more than once: the first is read", q.list, q.key)
		}
	}
}

// nameWords are the words of names in the values of fields, in small letters.
func nameWords(list []field) map[string]bool {
	out := map[string]bool{}
	for _, f := range list {
		if k := told(f); k != familyName && k != givenName && k != fullName {
			continue
		}
		for _, w := range nameWord.FindAllString(withoutRole(f.value), -1) {
			for _, part := range append(tokenIn.FindAllString(w, -1), w) {
				if part = strings.ToLower(part); utf8.RuneCountInString(part) > 1 && !slices.Contains(titles, part) {
					out[part] = true
				}
			}
		}
	}
	return out
}

// named reports a key or a question with one of the words in it. A form called
// Referral form makes no name of words that questions are made of.
func named(v string, names map[string]bool) bool {
	return slices.ContainsFunc(tokenIn.FindAllString(strings.ToLower(v), -1), func(w string) bool {
		return names[w] && !slices.Contains(askedWords, w) && !slices.Contains(kindWords, w) && !slices.Contains(formWords, w)
	})
}

// formWords are words in names of forms.
var formWords = []string{"referral", "referrals", "form", "patient", "client", "person", "social", "prescribing", "service", "details", "request", "questionnaire", "date"}

// answer is the field of an answer with the path that finds it by its question.
func (f field) answer() field {
	key := f.asked.value
	if !bareKey.MatchString(key) || key == "or" {
		key = `"` + key + `"` // writable: without quotes and backslashes
	}
	list := f.asked.list
	at := bracketable(list) + "[where " + strings.TrimPrefix(f.asked.key, ".") + " = " + key + "]"
	f.path = at + strings.TrimPrefix(f.path, list)
	if f.list == list {
		f.list, f.below = "", ""
	} else {
		f.list = at + strings.TrimPrefix(f.list, list)
	}
	return f
}
