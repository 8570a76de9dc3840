package fhirpath

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
)

// function makes the eval of a call. http://hl7.org/fhirpath/N1/#functions
func function(name string, args []eval) (eval, error) {
	if f, ok := plain[name]; ok && len(args) == 0 {
		return func(e *scope, focus []Item) ([]Item, error) {
			if err := e.step(len(focus)); err != nil {
				return nil, err
			}
			return f(e, focus)
		}, nil
	}
	if f, ok := criteria[name]; ok && len(args) == 1 {
		return f(args[0]), nil
	}
	if f, ok := collections[name]; ok && len(args) == 1 {
		return func(e *scope, focus []Item) ([]Item, error) {
			other, err := args[0](e, e.this)
			if err != nil {
				return nil, err
			}
			if err := e.step(len(focus) * (len(other) + 1)); err != nil {
				return nil, err
			}
			return f(e, focus, other)
		}, nil
	}
	if f, ok := words[name]; ok && (len(args) == 1 || len(args) == 2 && (name == "substring" || name == "replace")) {
		return onText(f, args), nil
	}
	switch {
	case name == "trace" && (len(args) == 1 || len(args) == 2):
		return func(_ *scope, focus []Item) ([]Item, error) { return focus, nil }, nil
	case name == "iif" && (len(args) == 2 || len(args) == 3):
		return choose(args), nil
	}
	return nil, fmt.Errorf("the function %s() is not known here", name)
}

var plain = map[string]func(e *scope, focus []Item) ([]Item, error){
	"empty":  func(_ *scope, l []Item) ([]Item, error) { return ofBool(len(l) == 0), nil },
	"exists": func(_ *scope, l []Item) ([]Item, error) { return ofBool(len(l) > 0), nil },
	"count":  func(_ *scope, l []Item) ([]Item, error) { return ofInt(len(l)), nil },
	"not": func(_ *scope, l []Item) ([]Item, error) {
		is, known, err := truth(l)
		if err != nil || !known {
			return nil, err
		}
		return ofBool(!is), nil
	},
	"first": func(_ *scope, l []Item) ([]Item, error) { return l[:min(1, len(l))], nil },
	"last":  func(_ *scope, l []Item) ([]Item, error) { return l[max(0, len(l)-1):], nil },
	"tail":  func(_ *scope, l []Item) ([]Item, error) { return l[min(1, len(l)):], nil },
	"single": func(_ *scope, l []Item) ([]Item, error) {
		if len(l) > 1 {
			return nil, errSingle
		}
		return l, nil
	},
	"hasValue": func(_ *scope, l []Item) ([]Item, error) { return ofBool(len(l) == 1 && l[0].kind != none), nil },
	"distinct": distinct,
	"isDistinct": func(e *scope, l []Item) ([]Item, error) {
		d, err := distinct(e, l)
		return ofBool(len(d) == len(l)), err
	},
	"children":    func(e *scope, l []Item) ([]Item, error) { return children(e, l) },
	"descendants": descendants,
	"length": func(_ *scope, l []Item) ([]Item, error) {
		if len(l) == 0 {
			return nil, nil
		}
		if len(l) > 1 || l[0].kind != text {
			return nil, errType
		}
		return ofInt(utf8.RuneCountInString(l[0].text)), nil
	},
	"upper":     func(_ *scope, l []Item) ([]Item, error) { return mapText(l, strings.ToUpper) },
	"lower":     func(_ *scope, l []Item) ([]Item, error) { return mapText(l, strings.ToLower) },
	"trim":      func(_ *scope, l []Item) ([]Item, error) { return mapText(l, strings.TrimSpace) },
	"toString":  toString,
	"toInteger": toInteger,
	"allTrue":   func(_ *scope, l []Item) ([]Item, error) { return every(l, true) },
	"allFalse":  func(_ *scope, l []Item) ([]Item, error) { return every(l, false) },
}

func every(l []Item, want bool) ([]Item, error) {
	for _, it := range l {
		if it.kind != boolean {
			return nil, errType
		}
		if it.is != want {
			return ofBool(false), nil
		}
	}
	return ofBool(true), nil
}

func mapText(l []Item, f func(string) string) ([]Item, error) {
	if len(l) == 0 {
		return nil, nil
	}
	if len(l) > 1 || l[0].kind != text {
		return nil, errType
	}
	return ofText(f(l[0].text)), nil
}

func toString(_ *scope, l []Item) ([]Item, error) {
	if len(l) == 0 {
		return nil, nil
	}
	if len(l) > 1 {
		return nil, errSingle
	}
	switch it := l[0]; it.kind {
	case text, date, clock:
		return ofText(it.text), nil
	case boolean:
		return ofText(fmt.Sprint(it.is)), nil
	case number:
		if it.text != "" {
			return ofText(it.text), nil
		}
		if it.num.IsInt() {
			return ofText(it.num.Num().String()), nil
		}
	}
	return nil, errType
}

func toInteger(_ *scope, l []Item) ([]Item, error) {
	if len(l) == 0 {
		return nil, nil
	}
	if len(l) > 1 {
		return nil, errSingle
	}
	switch it := l[0]; it.kind {
	case number:
		if it.num.IsInt() {
			return l, nil
		}
		return nil, nil
	case text:
		n, ok := parseNumber(it.text)
		if !ok || !n.IsInt() || strings.ContainsAny(it.text, "./eE") {
			return nil, nil
		}
		return []Item{{kind: number, num: n}}, nil
	case boolean:
		if it.is {
			return ofInt(1), nil
		}
		return ofInt(0), nil
	}
	return nil, nil
}

func children(e *scope, l []Item) ([]Item, error) {
	var out []Item
	for _, it := range l {
		list, _ := it.children("*")
		if err := e.step(len(list)); err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func descendants(e *scope, l []Item) ([]Item, error) {
	var out []Item
	for depth := 0; len(l) > 0 && depth <= element.DefaultLimits.Depth; depth++ {
		below, err := children(e, l)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
		l = below
	}
	return out, nil
}

// each evaluates an argument on every item, which is $this then.
func each(e *scope, focus []Item, arg eval, fn func(it Item, out []Item) (stop bool, err error)) error {
	inner := &scope{run: e.run}
	for i, it := range focus {
		if err := e.step(1); err != nil {
			return err
		}
		one := []Item{it}
		inner.this, inner.index = one, i
		out, err := arg(inner, one)
		if err != nil {
			return err
		}
		if stop, err := fn(it, out); err != nil || stop {
			return err
		}
	}
	return nil
}

// criteria are functions whose argument is evaluated on each item.
var criteria = map[string]func(arg eval) eval{
	"where": func(arg eval) eval {
		return func(e *scope, focus []Item) (out []Item, err error) {
			err = each(e, focus, arg, func(it Item, list []Item) (bool, error) {
				is, known, err := truth(list)
				if is && known {
					out = append(out, it)
				}
				return false, err
			})
			return out, err
		}
	},
	"exists": func(arg eval) eval {
		return func(e *scope, focus []Item) ([]Item, error) {
			found := false
			err := each(e, focus, arg, func(_ Item, list []Item) (bool, error) {
				is, known, err := truth(list)
				found = found || is && known
				return found, err
			})
			return ofBool(found), err
		}
	},
	"all": func(arg eval) eval {
		return func(e *scope, focus []Item) ([]Item, error) {
			all := true
			err := each(e, focus, arg, func(_ Item, list []Item) (bool, error) {
				is, known, err := truth(list)
				all = all && is && known
				return !all, err
			})
			return ofBool(all), err
		}
	},
	"select": func(arg eval) eval {
		return func(e *scope, focus []Item) (out []Item, err error) {
			err = each(e, focus, arg, func(_ Item, list []Item) (bool, error) {
				out = append(out, list...)
				return false, nil
			})
			return out, err
		}
	},
}

// collections are functions of two collections.
var collections = map[string]func(e *scope, focus, other []Item) ([]Item, error){
	"union":   func(e *scope, a, b []Item) ([]Item, error) { return distinct(e, append(append([]Item{}, a...), b...)) },
	"combine": func(_ *scope, a, b []Item) ([]Item, error) { return append(append([]Item{}, a...), b...), nil },
	"intersect": func(e *scope, a, b []Item) ([]Item, error) {
		var out []Item
		for _, it := range a {
			if holds(b, it) && !holds(out, it) {
				out = append(out, it)
			}
		}
		return out, nil
	},
	"exclude": func(_ *scope, a, b []Item) ([]Item, error) {
		var out []Item
		for _, it := range a {
			if !holds(b, it) {
				out = append(out, it)
			}
		}
		return out, nil
	},
	"subsetOf": func(_ *scope, a, b []Item) ([]Item, error) {
		for _, it := range a {
			if !holds(b, it) {
				return ofBool(false), nil
			}
		}
		return ofBool(true), nil
	},
	"skip": func(_ *scope, a, b []Item) ([]Item, error) {
		n, ok := whole(b)
		if !ok {
			return nil, errType
		}
		return a[max(0, min(n, len(a))):], nil
	},
	"take": func(_ *scope, a, b []Item) ([]Item, error) {
		n, ok := whole(b)
		if !ok {
			return nil, errType
		}
		return a[:max(0, min(n, len(a)))], nil
	},
	"extension": func(_ *scope, a, b []Item) ([]Item, error) {
		if len(b) != 1 || b[0].kind != text {
			return nil, errType
		}
		var out []Item
		for _, it := range a {
			list, _ := it.children("extension")
			for _, x := range list {
				if x.value.Str("url") == b[0].text {
					out = append(out, x)
				}
			}
		}
		return out, nil
	},
}

// words are functions of a text; an empty focus has an empty result.
var words = map[string]func(s string, args []Item) ([]Item, error){
	"startsWith": ofTexts(func(s, a string) []Item { return ofBool(strings.HasPrefix(s, a)) }),
	"endsWith":   ofTexts(func(s, a string) []Item { return ofBool(strings.HasSuffix(s, a)) }),
	"contains":   ofTexts(func(s, a string) []Item { return ofBool(strings.Contains(s, a)) }),
	"indexOf": ofTexts(func(s, a string) []Item {
		i := strings.Index(s, a)
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return ofInt(i)
	}),
	"matches":   matches,
	"substring": substring,
	"replace": func(s string, args []Item) ([]Item, error) {
		if len(args) != 2 || args[0].kind != text || args[1].kind != text {
			return nil, errType
		}
		if len(s)*(len(args[1].text)+1) > 1<<20 {
			return nil, errCostly
		}
		return ofText(strings.ReplaceAll(s, args[0].text, args[1].text)), nil
	},
}

func ofTexts(f func(s, a string) []Item) func(string, []Item) ([]Item, error) {
	return func(s string, args []Item) ([]Item, error) {
		if len(args) != 1 || args[0].kind != text {
			return nil, errType
		}
		return f(s, args[0].text), nil
	}
}

func onText(f func(string, []Item) ([]Item, error), args []eval) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		if len(focus) == 0 {
			return nil, nil
		}
		if len(focus) > 1 {
			return nil, errSingle
		}
		if focus[0].kind == none {
			return nil, nil // a primitive of which only extensions are there
		}
		if focus[0].kind != text {
			return nil, errType
		}
		if err := e.step(len(focus[0].text) / 64); err != nil {
			return nil, err
		}
		var given []Item
		for _, a := range args {
			list, err := a(e, e.this)
			if err != nil {
				return nil, err
			}
			if len(list) == 0 {
				return nil, nil
			}
			if len(list) > 1 {
				return nil, errSingle
			}
			given = append(given, list[0])
		}
		return f(focus[0].text, given)
	}
}

var errMatches = errors.New("whether matches() looks at the whole text or a part of it differs between versions of FHIRPath, and here it matters")

// matches is true or false only where both readings of the function agree: N1
// does not say whether a part is enough.
func matches(s string, args []Item) ([]Item, error) {
	if len(args) != 1 || args[0].kind != text || len(args[0].text) > 1000 {
		return nil, errType
	}
	part, err := regexp.Compile("(?s)" + args[0].text)
	if err != nil {
		return nil, errors.New("its regular expression cannot be used here")
	}
	whole, err := regexp.Compile(`(?s)\A(?:` + args[0].text + `)\z`)
	if err != nil {
		return nil, errors.New("its regular expression cannot be used here")
	}
	is := part.MatchString(s)
	if is != whole.MatchString(s) {
		return nil, errMatches
	}
	return ofBool(is), nil
}

func substring(s string, args []Item) ([]Item, error) {
	start, ok := whole(args[:1])
	if !ok {
		return nil, errType
	}
	r := []rune(s)
	if start < 0 || start >= len(r) {
		return nil, nil
	}
	end := len(r)
	if len(args) == 2 {
		n, ok := whole(args[1:])
		if !ok {
			return nil, errType
		}
		end = min(end, start+max(0, min(n, len(r))))
	}
	return ofText(string(r[start:end])), nil
}

// choose is iif().
func choose(args []eval) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		if len(focus) > 1 {
			return nil, errSingle
		}
		inner := &scope{run: e.run, this: e.this, index: e.index}
		if len(focus) == 1 {
			inner.this = focus
		}
		list, err := args[0](inner, focus)
		if err != nil {
			return nil, err
		}
		is, known, err := truth(list)
		switch {
		case err != nil:
			return nil, err
		case known && list[0].kind != boolean:
			return nil, errType
		case is && known:
			return args[1](e, focus)
		case len(args) == 3:
			return args[2](e, focus)
		}
		return nil, nil
	}
}

// abstract are types that nothing is exactly.
var abstract = map[string]bool{"Resource": true, "DomainResource": true, "Element": true, "BackboneElement": true}

// typeTest is is, as and ofType.
func typeTest(op, name string) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		if err := e.step(len(focus)); err != nil {
			return nil, err
		}
		if op == "is" {
			if len(focus) > 1 {
				return nil, errSingle
			}
			if len(focus) == 0 {
				return nil, nil
			}
			is, err := isType(focus[0], name, true)
			return ofBool(is), err
		}
		// as of several items is an error in N1, and the invariants of R4 use it
		// as a filter (dom-3).
		var out []Item
		for _, it := range focus {
			is, err := isType(it, name, abstract[name])
			if err != nil {
				return nil, err
			}
			if is {
				out = append(out, it)
			}
		}
		return out, nil
	}
}
