package mapping

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Change is one element that two results of a message do not have in common.
// Old and New are patient data: they are for the eyes of those who may see the
// message, never for a log.
type Change struct {
	Key  string `json:"key,omitempty"` // of the resource in the mapping
	Path string `json:"path"`          // Patient.name[0].family; intention and sent stand for themselves
	Old  string `json:"old,omitempty"` // empty: it was not there
	New  string `json:"new,omitempty"` // empty: it is not there any more
}

// General is the path without the numbers of repetitions: Patient.name[].family.
func (c Change) General() string { return general(c.Path) }

// general takes the numbers out of the brackets of a path.
func general(path string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(path, '[')
		if i < 0 {
			break
		}
		j := i + 1
		for j < len(path) && path[j] >= '0' && path[j] <= '9' {
			j++
		}
		b.WriteString(path[:i+1])
		path = path[j:]
	}
	b.WriteString(path)
	return b.String()
}

// Changes says element by element how one result differs from an older one,
// the findings included; nil results have no elements. Items of a list that
// stand in both are taken for the same, wherever they stand.
func Changes(older, newer *Result) []Change {
	var a, b *element.Value
	if older != nil {
		a = resultTree(older)
	}
	if newer != nil {
		b = resultTree(newer)
	}
	return treeChanges(a, b)
}

// treeChanges compares results in the form of PrintResult.
func treeChanges(a, b *element.Value) []Change {
	d := differ{}
	for _, name := range []string{"intention", "sent"} {
		d.value("", name, a.Get(name), b.Get(name))
	}
	ra, rb := a.Get("resources"), b.Get("resources")
	for _, key := range members(ra, rb) {
		x, y := ra.Get(key), rb.Get(key)
		kind := x.ResourceType()
		if kind == "" {
			kind = y.ResourceType()
		}
		d.value(key, kind, x, y)
	}
	d.findings(a.List("findings"), b.List("findings"))
	return d.out
}

// findings compares findings by element and place: their order says nothing.
func (d *differ) findings(a, b []*element.Value) {
	says := func(f *element.Value) string { return f.Str("code") + " at " + f.Str("from") }
	in := func(list []*element.Value, f *element.Value) bool {
		return slices.ContainsFunc(list, func(x *element.Value) bool {
			return x.Str("element") == f.Str("element") && says(x) == says(f)
		})
	}
	for _, f := range a {
		if !in(b, f) {
			d.out = append(d.out, Change{Path: findingOf(f), Old: says(f)})
		}
	}
	for _, f := range b {
		if !in(a, f) {
			d.out = append(d.out, Change{Path: findingOf(f), New: says(f)})
		}
	}
}

// findingOf names a finding by its element; what no element was to be made of,
// such as a let or a condition, by its code.
func findingOf(f *element.Value) string {
	if e := f.Str("element"); e != "" {
		return "finding of " + e
	}
	return "finding " + f.Str("code")
}

// maxChanges bounds what is said of one message.
const maxChanges = 2_000

type differ struct{ out []Change }

func (d *differ) value(key, path string, a, b *element.Value) {
	if len(d.out) >= maxChanges || element.Equal(a, b) {
		return
	}
	switch {
	case isKind(a, b, element.Object):
		for _, name := range members(a, b) {
			d.value(key, path+"."+name, a.Get(name), b.Get(name))
		}
	case isKind(a, b, element.Array):
		d.list(key, path, itemsOf(a), itemsOf(b))
	case structured(a) || structured(b): // of different shapes
		d.value(key, path, a, nil)
		d.value(key, path, nil, b)
	default:
		d.out = append(d.out, Change{Key: key, Path: path, Old: leafText(a), New: leafText(b)})
	}
}

// list pairs the items that are in both, and compares the rest in their order.
func (d *differ) list(key, path string, a, b []*element.Value) {
	at := func(i int) string { return path + "[" + strconv.Itoa(i) + "]" }
	taken := make([]bool, len(b))
	var rest []int
	for i, x := range a {
		j := slices.IndexFunc(b, func(y *element.Value) bool { return element.Equal(x, y) })
		for j >= 0 && taken[j] {
			next := slices.IndexFunc(b[j+1:], func(y *element.Value) bool { return element.Equal(x, y) })
			if next < 0 {
				j = -1
				break
			}
			j += 1 + next
		}
		if j < 0 {
			rest = append(rest, i)
			continue
		}
		taken[j] = true
	}
	for j, y := range b {
		switch {
		case taken[j]:
		case len(rest) > 0:
			d.value(key, at(j), a[rest[0]], y)
			rest = rest[1:]
		default:
			d.value(key, at(j), nil, y)
		}
	}
	for _, i := range rest {
		d.value(key, at(i), a[i], nil)
	}
}

// isKind reports that both are of the kind, or one is and the other not there.
func isKind(a, b *element.Value, k element.Kind) bool {
	return (a != nil || b != nil) && (a == nil || a.Kind == k) && (b == nil || b.Kind == k)
}

func itemsOf(v *element.Value) []*element.Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// members are the names of both, those of a first.
func members(a, b *element.Value) []string {
	var out []string
	for _, v := range []*element.Value{a, b} {
		if v == nil {
			continue
		}
		for _, f := range v.Fields {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

func leafText(v *element.Value) string {
	if v == nil {
		return ""
	}
	return v.Text
}

// WriteChanges prints changes as a table under the names of the two sides.
func WriteChanges(w io.Writer, older, newer string, changes []Change) error {
	rows := make([][]string, 0, len(changes))
	for _, c := range changes {
		path := c.Path
		if strings.HasSuffix(c.Key, "]") { // one of several that $each made
			path = c.Key + " " + path
		}
		rows = append(rows, []string{path, side(c.Old), side(c.New)})
	}
	return writeTable(w, []string{"ELEMENT", strings.ToUpper(older), strings.ToUpper(newer)}, rows)
}

func side(s string) string {
	if s == "" {
		return "-"
	}
	return cell(s)
}

// Names lists the places of changes for readers who may not see values: the
// first few, and how many more there are.
func Names(changes []Change) string {
	const most = 5
	var names []string
	for _, c := range changes {
		if !slices.Contains(names, c.Path) {
			names = append(names, c.Path)
		}
	}
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
