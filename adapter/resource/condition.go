package resource

import (
	"math"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// checkOf is one look at a body for all the checks; nil when there are none.
func checkOf(checks []func(*element.Value) bool) func([]byte) bool {
	if len(checks) == 0 {
		return nil
	}
	return func(body []byte) bool {
		root, err := element.Parse(body, element.Limits{})
		return err == nil && !slices.ContainsFunc(checks, func(holds func(*element.Value) bool) bool { return !holds(root) })
	}
}

func (p *parser) check(holds func(root *element.Value) bool) { p.checks = append(p.checks, holds) }

// anyValue checks that a value of the parameter meets one of the conditions.
func (p *parser) anyValue(d *Parameter, any []func(*element.Value) bool) {
	p.check(func(root *element.Value) bool {
		found := false
		d.visit(root, func(x *element.Value) {
			found = found || slices.ContainsFunc(any, func(holds func(*element.Value) bool) bool { return holds(x) })
		})
		return found
	})
}

// noValue checks that no value of the parameter meets the condition.
func (p *parser) noValue(d *Parameter, holds func(*element.Value) bool) {
	p.check(func(root *element.Value) bool {
		found := false
		d.visit(root, func(x *element.Value) { found = found || holds(x) })
		return !found
	})
}

func unsupported(key string, kind Kind, which string) error {
	return fault.New(fault.Unsupported, key, "this modifier is not supported for a parameter of kind %s; %s", kind, which)
}

// span is one condition on an interval: it overlaps, or with not it does not.
type span struct {
	low, high int64
	not       bool
}

// spans turns a comparison into overlaps of intervals, which is all the store
// knows: "inside" is to overlap the interval and nothing before or behind it.
func spans(cmp string, low, high int64) []span {
	const first, last = math.MinInt64, math.MaxInt64
	switch cmp {
	case "eq":
		return []span{{low, high, false}, {first, low - 1, true}, {high + 1, last, true}}
	case "ne":
		return []span{{low, high, true}, {first, last, false}}
	case "gt":
		return []span{{high + 1, last, false}}
	case "ge":
		return []span{{low, last, false}}
	case "lt":
		return []span{{first, low - 1, false}}
	case "le":
		return []span{{first, high, false}}
	case "sa":
		return []span{{high + 1, last, false}, {first, high, true}}
	case "eb":
		return []span{{first, low - 1, false}, {low, last, true}}
	}
	return []span{{low, high, false}} // ap
}

// holds reports whether an interval meets all the conditions.
func holds(all []span, low, high int64) bool {
	return !slices.ContainsFunc(all, func(s span) bool { return (low <= s.high && high >= s.low) == s.not })
}

// interval1 reads one value of a date or a quantity.
func (p *parser) interval1(kind Kind, key, value string) (all []span, unit string, err error) {
	value = plainText(value)
	if kind == Quantity {
		return quantity(key, value)
	}
	cmp, low, high, err := p.prefix(key, value)
	if err != nil {
		return nil, "", err
	}
	return spans(cmp, low, high), "", nil
}

// intervals reads a date or a quantity. One value is what the index is asked
// for; of several, and where more must be true of one and the same interval, the
// index gives the candidates and the resource decides.
func (p *parser) intervals(d *Parameter, key, modifier string, values []string) error {
	if modifier != "" {
		return unsupported(key, d.Kind, ":missing is")
	}
	param := p.ix.term(p.def.Type, d.Name, "")
	add := func(s span) {
		p.out.Query.Ranges = append(p.out.Query.Ranges, RangeClause{Param: param, Low: s.low, High: s.high, Not: s.not})
	}
	var any []func(*element.Value) bool
	var unitsWanted []string
	hull, negative := span{low: math.MaxInt64, high: math.MinInt64}, false
	for _, value := range values {
		all, unit, err := p.interval1(d.Kind, key, value)
		if err != nil {
			return err
		}
		if len(values) == 1 && unit == "" && (!d.several() || len(all) == 1 && !all[0].not) {
			for _, s := range all {
				add(s)
			}
			return nil
		}
		negative = negative || all[0].not
		hull.low, hull.high = min(hull.low, all[0].low), max(hull.high, all[0].high)
		if unit != "" {
			unitsWanted = append(unitsWanted, unit)
		}
		any = append(any, meets(d.Kind, all, unit))
	}
	if !negative {
		add(hull)
	}
	if len(unitsWanted) == len(values) {
		p.clause(d, unitsWanted, false)
	}
	p.anyValue(d, any)
	return nil
}

// several reports whether a resource may have several intervals of the
// parameter, of which one must meet all of a comparison: that the index finds
// none outside would then say too much.
func (d *Parameter) several() bool {
	return slices.ContainsFunc(d.Paths, func(p Path) bool { return len(p.steps) > 1 })
}

// meets checks one date or quantity.
func meets(kind Kind, all []span, unit string) func(*element.Value) bool {
	return func(x *element.Value) bool {
		low, high, ok := intervalOf(kind, x)
		return ok && holds(all, low, high) && (unit == "" || slices.Contains(units(x), unit))
	}
}

// tokens reads a token: as it is indexed, or by the text that goes with it.
func (p *parser) tokens(d *Parameter, key, modifier string, values []string) error {
	switch modifier {
	case "", "not":
		return p.codes(d, key, modifier == "not", values)
	case "text":
		var any []func(*element.Value) bool
		for _, v := range values {
			want := normal(plainText(v))
			if want == "" {
				return malformed(key, "a word is expected")
			}
			any = append(any, func(x *element.Value) bool { return said(x, want) })
		}
		p.anyValue(d, any)
		return nil
	case "of-type":
		return p.ofType(d, key, values)
	case "in", "not-in":
		return p.valueSets(d, key, modifier == "not-in", values)
	}
	return unsupported(key, d.Kind, ":not, :text, :in, :not-in, :of-type and :missing are")
}

// codes reads tokens as they are indexed, and compares where the index says too
// little.
func (p *parser) codes(d *Parameter, key string, not bool, values []string) error {
	var listed, wanted []string
	certain := true
	known, strange := d.codes(), false
	for _, v := range values {
		form, both, ok := token(d, v)
		if !ok {
			return malformed(key, "a code is expected")
		}
		strange = strange || known != nil && !slices.Contains(known, form)
		value, sure, ok := d.listedToken(form, both)
		if ok {
			listed = append(listed, value)
		}
		wanted, certain = append(wanted, form), certain && sure
	}
	if strange {
		// A worklist would look empty for a misspelt status.
		p.warn(key + ": no resource has this code; there are " + strings.Join(known, ", "))
	}
	if certain || !not && len(listed) == len(values) {
		p.clause(d, listed, not)
	}
	if certain {
		return nil
	}
	holds := func(x *element.Value) bool {
		return slices.ContainsFunc(appendTokens(nil, x), func(form string) bool { return slices.Contains(wanted, form) })
	}
	if not {
		p.noValue(d, holds)
		return nil
	}
	p.anyValue(d, []func(*element.Value) bool{holds})
	return nil
}

// said reports whether the words that go with a code begin with the text.
func said(x *element.Value, want string) bool {
	if begins(x.Str("text"), want) || begins(x.Str("display"), want) || begins(x.TextAt("type.text"), want) {
		return true
	}
	return slices.ContainsFunc(x.List("coding"), func(c *element.Value) bool { return begins(c.Str("display"), want) })
}

// ofType reads system|code|value of an identifier.
// https://hl7.org/fhir/R4/search.html#token
func (p *parser) ofType(d *Parameter, key string, values []string) error {
	var numbers []string
	var any []func(*element.Value) bool
	for _, v := range values {
		parts := cut(v, '|')
		if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
			return malformed(key, "system|code|value is expected: the type of the identifier and the identifier")
		}
		system, code, value := plainText(parts[0]), plainText(parts[1]), plainText(parts[2])
		numbers = append(numbers, value)
		any = append(any, func(x *element.Value) bool {
			return x.Str("value") == value && slices.ContainsFunc(x.All("type.coding"), func(c *element.Value) bool {
				return c.Str("code") == code && (system == "" || c.Str("system") == system)
			})
		})
	}
	p.clause(d, numbers, false)
	p.anyValue(d, any)
	return nil
}

// references reads a reference, or with :identifier the identifier in one.
func (p *parser) references(d *Parameter, key, modifier string, values []string) error {
	if modifier == "identifier" {
		return p.identified(d, key, values)
	}
	var wanted []string
	for _, v := range values {
		forms, err := p.reference(d, key, modifier, plainText(v))
		if err != nil {
			return err
		}
		wanted = append(wanted, forms...)
	}
	p.clause(d, wanted, false)
	if slices.ContainsFunc(wanted, func(ref string) bool { return !d.takes(ref) }) {
		p.anyValue(d, []func(*element.Value) bool{func(x *element.Value) bool {
			return slices.ContainsFunc(appendReference(nil, x), func(ref string) bool { return slices.Contains(wanted, ref) })
		}})
	}
	return nil
}

// identified reads identifiers of what is referred to.
func (p *parser) identified(d *Parameter, key string, values []string) error {
	var listed, wanted []string
	for _, v := range values {
		form, both, ok := token(d, v)
		if !ok {
			return malformed(key, "an identifier is expected")
		}
		value := form
		if both {
			_, value, _ = strings.Cut(form, "|")
		}
		if value != "" {
			listed = append(listed, identifierMark+value)
		}
		wanted = append(wanted, form)
	}
	if len(listed) == len(values) {
		p.clause(d, listed, false)
	}
	p.anyValue(d, []func(*element.Value) bool{func(x *element.Value) bool {
		id := x.Get("identifier")
		return id != nil && slices.ContainsFunc(appendTokens(nil, id), func(form string) bool { return slices.Contains(wanted, form) })
	}})
	return nil
}

// text reads a string. The index knows the beginnings of words; what it does
// not say is compared with the resource.
// https://hl7.org/fhir/R4/search.html#string
func (p *parser) text(d *Parameter, key, modifier string, values []string) error {
	var any []func(*element.Value) bool
	var prefixes []string
	certain := true
	for _, v := range values {
		v = plainText(v)
		want := normal(v)
		if want == "" {
			return malformed(key, "a word is expected")
		}
		prefix, whole := beginning(want)
		if prefix != "" {
			prefixes = append(prefixes, prefix)
		}
		certain = certain && whole && modifier == "" && d.by == ""
		fits := func(s string) bool { return begins(s, want) }
		switch modifier {
		case "":
		case "exact":
			fits = func(s string) bool { return s == v }
		case "contains":
			fits = func(s string) bool { return strings.Contains(normal(s), want) }
		default:
			return unsupported(key, d.Kind, ":exact, :contains and :missing are")
		}
		any = append(any, func(x *element.Value) bool {
			found := false
			texts(x, func(s string) { found = found || fits(s) })
			return found
		})
	}
	if modifier != "contains" && len(prefixes) == len(values) {
		p.clause(d, prefixes, false)
	}
	if !certain {
		p.anyValue(d, any)
	}
	return nil
}

// maxURI bounds the addresses above one.
const maxURI = 2048

// uri reads an address: itself, those below it, or those above it.
// https://hl7.org/fhir/R4/search.html#uri
func (p *parser) uri(d *Parameter, key, modifier string, values []string) error {
	var wanted []string
	var any []func(*element.Value) bool
	for _, v := range values {
		v = plainText(v)
		if len(v) > maxURI {
			return malformed(key, "an address of %d characters at most is expected", maxURI)
		}
		switch modifier {
		case "":
			wanted = append(wanted, v)
		case "above":
			wanted = append(wanted, v)
			for i, n := len(v)-1, 0; i > 0 && n < 20; i-- {
				if v[i] == '/' {
					wanted, n = append(wanted, v[:i], v[:i+1]), n+1
				}
			}
		case "below":
			any = append(any, func(x *element.Value) bool {
				rest, under := strings.CutPrefix(x.Text, strings.TrimSuffix(v, "/"))
				return under && (rest == "" || rest[0] == '/')
			})
		default:
			return unsupported(key, d.Kind, ":above, :below and :missing are")
		}
	}
	if modifier == "below" {
		p.anyValue(d, any)
		return nil
	}
	if len(wanted) > 4*maxValues {
		return malformed(key, "too many values")
	}
	p.clause(d, wanted, false)
	return nil
}

// composite reads values joined by a dollar sign, which must all be met by one
// and the same part of the resource.
// https://hl7.org/fhir/R4/search.html#combining
func (p *parser) composite(d *Parameter, key, modifier string, values []string) error {
	if modifier != "" {
		return unsupported(key, d.Kind, "none is")
	}
	var first []string
	var any []func(*element.Value) bool
	for _, v := range values {
		parts := cut(v, '$')
		if len(parts) != len(d.Components) || slices.Contains(parts, "") {
			return malformed(key, "%d values joined by $ are expected", len(d.Components))
		}
		form, both, ok := token(d, parts[0])
		if !ok {
			return malformed(key, "a code is expected before the $")
		}
		if value, _, ok := d.listedToken(form, both); ok {
			first = append(first, value)
		}
		var all []func(*element.Value) bool
		for i, c := range d.Components {
			fits, err := p.part(c, key, parts[i])
			if err != nil {
				return err
			}
			all = append(all, func(x *element.Value) bool {
				found := false
				visitAll(c.Paths, x, func(y *element.Value) { found = found || fits(y) })
				return found
			})
		}
		any = append(any, func(x *element.Value) bool {
			return !slices.ContainsFunc(all, func(fits func(*element.Value) bool) bool { return !fits(x) })
		})
	}
	if len(first) == len(values) {
		p.clause(d, first, false)
	}
	p.anyValue(d, any)
	return nil
}

// part compiles one part of a composite value.
func (p *parser) part(c Component, key, value string) (func(*element.Value) bool, error) {
	switch c.Kind {
	case Date, Quantity:
		all, unit, err := p.interval1(c.Kind, key, value)
		return meets(c.Kind, all, unit), err
	case String:
		want := normal(plainText(value))
		return func(x *element.Value) bool { return want != "" && begins(x.Text, want) }, nil
	case Reference:
		want := plainText(value)
		if p.opt.BaseURL != "" {
			want = strings.TrimPrefix(want, p.opt.BaseURL+"/")
		}
		return func(x *element.Value) bool {
			return slices.ContainsFunc(appendReference(nil, x), func(r string) bool { return r == want || strings.HasSuffix(r, "/"+want) })
		}, nil
	default:
		form, _, ok := token(&Parameter{}, value)
		if !ok {
			return nil, malformed(key, "a code is expected")
		}
		return func(x *element.Value) bool {
			_, code, _ := strings.Cut(form, "|")
			return slices.Contains(appendTokens(nil, x), form) || x.Kind == element.String && x.Text == code
		}, nil
	}
}
