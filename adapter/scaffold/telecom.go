package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func (w *writer) telecom(depth int, who about) {
	phones, mails, mixed := w.takeAll(phone, who), w.takeAll(email, who), w.takeAll(contacts, who)
	if len(phones)+len(mails)+len(mixed) == 0 {
		return
	}
	w.line(depth, "telecom:")
	for _, f := range mixed {
		w.several(depth+1, f)
	}
	for _, f := range phones {
		if slices.ContainsFunc(f.values(), worded) {
			w.worded(depth+1, f)
			continue
		}
		w.line(depth+1, "- system: phone")
		w.line(depth+1, "  value: %s", rule(f.path+" | phone"))
		if f.says("mobile", "cell") {
			w.line(depth+1, "  use: mobile")
		}
	}
	for _, f := range mails {
		reads := " | trim"
		if m := mailPrefix.FindString(f.value); m != "" {
			reads = fmt.Sprintf(" | replace(%q, \"\") | trim", m)
			w.doubt("%s has %s in front of an e-mail address; other messages may have other letters there", f.path, m)
		}
		w.line(depth+1, "- system: email")
		w.line(depth+1, "  value: %s", rule(f.path+reads))
	}
}

// mailPrefix is a word for the kind in front of an e-mail address.
var mailPrefix = regexp.MustCompile(`^(?i:e|em|email|e-mail|mail|mailto):`)

// several writes the telephone numbers and e-mail addresses of one text, one for
// each that the sample has.
func (w *writer) several(depth int, f field) {
	if !strings.Contains(f.value, "@") {
		w.worded(depth, f)
		return
	}
	separator := ""
	for _, s := range []string{";", "|", "\n", "/", ",", " or ", " and "} {
		if strings.Contains(f.value, s) {
			separator = s
			break
		}
	}
	parts := []string{f.value}
	if separator != "" {
		parts = strings.Split(f.value, separator)
	}
	for i, p := range parts[:min(len(parts), 5)] {
		if !reachable.MatchString(p) {
			continue
		}
		path := f.path
		if separator != "" {
			path += fmt.Sprintf(" | part(%q, %d)", separator, i+1)
		}
		if strings.Contains(p, ":") {
			path += ` | part(":", 2)`
		}
		reads := " | phone"
		if !phoneIn.MatchString(p) {
			reads = " | trim"
		}
		w.line(depth, "- $needs: [system, value]")
		w.line(depth, "  system: %s", rule(path+" | contactSystem"))
		w.line(depth, "  value: %s", rule(path+reads))
		w.line(depth, "  use: %s", rule(path+" | contactUse"))
	}
	w.unsure = append(w.unsure, f.path+" holds several ways to reach somebody in one text; it is taken apart as in the sample, and more or others that come are lost: read telecom")
}

// wordIn is a word that stands beside a telephone number, or in place of one.
var wordIn = regexp.MustCompile(`(?i)[\p{L}]{3,}`)

// worded reports a text of a telephone number with words that say more than that
// it is one.
func worded(v string) bool {
	return !MeansNothing(v) && slices.ContainsFunc(wordIn.FindAllString(v, -1), func(s string) bool { return !strings.EqualFold(s, "tel") && !strings.EqualFold(s, "ext") })
}

// worded writes the telephone numbers of a text with words among them.
func (w *writer) worded(depth int, f field) {
	w.line(depth, "- $each: %s", flowed(f.path+" | phones"))
	w.line(depth, "  system: phone")
	w.line(depth, "  value: <- . | phone")
	w.line(depth, "  use: <- . | contactUse")
	if f.list == "" {
		w.rests = append(w.rests, f.path)
	} else {
		w.rests = append(w.rests, "each "+f.path)
	}
	w.doubt("%s holds telephone numbers among words; the numbers are taken but for those of other people, and the words are put into a note", f.path)
}
