package patch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// jsonPatch is a JSON Patch, RFC 6902.
type jsonPatch []jsonOperation

type jsonOperation struct {
	op         string
	path, from []string // reference tokens of RFC 6901, unescaped
	value      *element.Value
	place      string
}

// ParseJSON reads a JSON Patch (RFC 6902). Members that the RFC does not know
// are ignored, as it wants.
func ParseJSON(body []byte) (Patch, error) {
	v, err := element.Parse(body, element.Limits{})
	if err != nil {
		return nil, err
	}
	if v.Kind != element.Array {
		return nil, malformed("", "a JSON Patch is an array of operations")
	}
	if len(v.Items) > MaxOperations {
		return nil, fault.New(fault.TooLarge, "", "%d operations, at most %d are taken", len(v.Items), MaxOperations)
	}
	out := make(jsonPatch, 0, len(v.Items))
	for i, it := range v.Items {
		op, err := readOperation(it, fmt.Sprintf("[%d]", i))
		if err != nil {
			return nil, err
		}
		out = append(out, op)
	}
	return out, nil
}

func readOperation(v *element.Value, place string) (op jsonOperation, err error) {
	op = jsonOperation{op: v.Str("op"), place: place, value: v.Get("value")}
	switch op.op {
	case "add", "replace", "test":
		if op.value == nil {
			return op, malformed(place+".value", "a value is expected")
		}
	case "move", "copy":
		if op.from, err = pointer(v.Get("from"), place+".from"); err != nil {
			return op, err
		}
	case "remove":
	default:
		return op, malformed(place+".op", "one of add, remove, replace, move, copy, test is expected")
	}
	op.path, err = pointer(v.Get("path"), place+".path")
	return op, err
}

// pointer reads a JSON Pointer, RFC 6901.
func pointer(v *element.Value, place string) ([]string, error) {
	if v == nil || v.Kind != element.String || v.Text != "" && v.Text[0] != '/' {
		return nil, malformed(place, "a JSON Pointer is expected: empty, or beginning with /")
	}
	if v.Text == "" {
		return nil, nil
	}
	tokens := strings.Split(v.Text[1:], "/")
	for i, t := range tokens {
		for j := 0; j < len(t); j++ {
			if t[j] == '~' && (j+1 == len(t) || t[j+1] != '0' && t[j+1] != '1') {
				return nil, malformed(place, "in a JSON Pointer ~ stands before 0 or 1 only")
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// Apply implements Patch.
func (p jsonPatch) Apply(doc *element.Value) (*element.Value, error) {
	d := &document{root: doc.Clone(), work: maxWork}
	for _, op := range p {
		if err := d.apply(op); err != nil {
			return nil, err
		}
	}
	return bounded(d.root)
}

// document is what is being patched.
type document struct {
	root *element.Value // nil after the whole was removed
	work int            // how many values may yet be copied
}

func (d *document) apply(op jsonOperation) error {
	switch op.op {
	case "add":
		return d.add(op.path, op.value, op.place)
	case "remove":
		return d.remove(op.path, op.place)
	case "replace":
		if _, err := d.get(op.path, op.place); err != nil {
			return err
		}
		return d.put(op.path, op.value, op.place)
	case "test":
		v, err := d.get(op.path, op.place)
		if err != nil {
			return err
		}
		if !same(v, op.value) {
			return &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{Place: op.place, Text: "the test of the patch fails; nothing was changed"}}}
		}
		return nil
	}
	v, err := d.get(op.from, op.place+".from")
	if err != nil {
		return err
	}
	if op.op == "copy" {
		return d.add(op.path, v, op.place)
	}
	if len(op.path) > len(op.from) && slices.Equal(op.path[:len(op.from)], op.from) {
		return unfit(op.place, "nothing moves into itself")
	}
	if len(op.from) == 0 { // onto itself
		return nil
	}
	if err := d.remove(op.from, op.place+".from"); err != nil {
		return err
	}
	return d.add(op.path, v, op.place)
}

// get finds what a pointer points to.
func (d *document) get(path []string, place string) (*element.Value, error) {
	v := d.root
	for _, token := range path {
		switch v.Kind {
		case element.Object:
			v = v.Get(token)
		case element.Array:
			i, err := index(token, len(v.Items)-1, place)
			if err != nil {
				return nil, err
			}
			v = v.Items[i]
		default:
			v = nil
		}
		if v == nil {
			return nil, unfit(place, "there is nothing at this path")
		}
	}
	return v, nil
}

// index reads a place in an array, at most last; RFC 6901 has no leading zeros.
func index(token string, last int, place string) (int, error) {
	i, err := strconv.Atoi(token)
	if err != nil || strconv.Itoa(i) != token || i < 0 {
		return 0, unfit(place, "a place in an array is a number without leading zeros")
	}
	if i > last {
		return 0, unfit(place, "the array has no such place")
	}
	return i, nil
}

// add makes a member or an item; the value stays the patch's, the document has
// a copy.
func (d *document) add(path []string, v *element.Value, place string) error {
	n, ok := measure(v, 1)
	if d.work -= n; !ok || d.work < 0 {
		return fault.New(fault.TooLarge, place, "the patch makes the resource too large")
	}
	v = v.Clone()
	if len(path) == 0 {
		d.root = v
		return nil
	}
	token := path[len(path)-1]
	parent, err := d.get(path[:len(path)-1], place)
	if err != nil && token == "-" && fault.KindOf(err) == fault.Profile {
		return unfit(place, "there is no list yet to add to its end: add the list itself, or send a FHIRPath Patch, whose add makes it")
	}
	if err != nil {
		return err
	}
	switch parent.Kind {
	case element.Object:
		parent.Set(token, v)
		return nil
	case element.Array:
		i := len(parent.Items)
		if token != "-" {
			if i, err = index(token, i, place); err != nil {
				return err
			}
		}
		parent.Items = slices.Insert(parent.Items, i, v)
		return nil
	}
	return unfit(place, "only objects and arrays can be added to")
}

// put replaces what is there.
func (d *document) put(path []string, v *element.Value, place string) error {
	old, err := d.get(path, place)
	if err != nil {
		return err
	}
	n, ok := measure(v, 1)
	if d.work -= n; !ok || d.work < 0 {
		return fault.New(fault.TooLarge, place, "the patch makes the resource too large")
	}
	*old = *v.Clone()
	return nil
}

func (d *document) remove(path []string, place string) error {
	if len(path) == 0 {
		return unfit(place, "a patch does not remove the whole resource")
	}
	if _, err := d.get(path, place); err != nil {
		return err
	}
	token := path[len(path)-1]
	parent, err := d.get(path[:len(path)-1], place)
	if err != nil && token == "-" && fault.KindOf(err) == fault.Profile {
		return unfit(place, "there is no list yet to add to its end: add the list itself, or send a FHIRPath Patch, whose add makes it")
	}
	if err != nil {
		return err
	}
	if parent.Kind == element.Object {
		parent.Remove(token)
		return nil
	}
	i, err := index(token, len(parent.Items)-1, place)
	if err != nil {
		return err
	}
	parent.Items = slices.Delete(parent.Items, i, i+1)
	return nil
}

// same is the equality of RFC 6902 section 4.6: members in any order, numbers
// by their value.
func same(a, b *element.Value) bool {
	if a.Kind != b.Kind || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		return false
	}
	if a.Kind == element.Number {
		return decimal(a.Text) == decimal(b.Text)
	}
	if a.Text != b.Text {
		return false
	}
	for _, f := range a.Fields {
		g := b.Get(f.Name)
		if g == nil || !same(f.Value, g) {
			return false
		}
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

// decimal writes a JSON number in one way for each value: digits without zeros
// at either end, and the power of ten. An exponent beyond all sense stays as
// it is written.
func decimal(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent > 1<<40 || exponent < -1<<40 {
			return sign + s
		}
		mantissa = s[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	exponent -= len(fraction)
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	if short = strings.TrimLeft(short, "0"); short == "" {
		return "0"
	}
	return sign + short + "e" + strconv.Itoa(exponent)
}
