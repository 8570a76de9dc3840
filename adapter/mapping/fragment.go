package mapping

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A fragment is a part of a mapping that several senders share: one file in
// the folder shared/ beside the folders of the mappings, with
//
//	fragment: uk-address
//	title: A UK address in one place of the message
//	parameters:
//	  at: where the address stands
//	  use: {says: the place of its kind, optional: true}
//	  lines: {says: the places of its lines, default: .1 and .2}
//	body:
//	  $each: ${at}
//	  line: ['<- ${lines}']
//	  use: <- ${use} | code(address-use)
//
// `$use: shared/uk-address` with `$with: {at: PID-11}` puts the body in the
// place of the object it stands in. Members beside $use replace those of the
// body. What uses an optional parameter that was not given is left out. The
// text of a fragment is part of the mapping's content: of its hash, its
// archive, the lines of its problems and explanations.
type fragment struct {
	params map[string]*parameter
	body   *yaml.Node
}

// parameter is one value that a user of a fragment gives.
type parameter struct {
	at       position
	optional bool
	fallback *yaml.Node // default; nil: none
	used     bool
}

// Names of what is shared.
const (
	sharedFolder = "shared"
	useKey       = "$use"
	withKey      = "$with"
)

// Bounds on fragments: no use of them can make a mapping that is large, or
// that never ends.
const (
	maxFragmentDepth = 5
	maxExpanded      = 50_000 // YAML nodes that fragments put into one mapping
)

// library holds the shared files a mapping may use. The names are those within
// the folder: uk-address.yaml, vocabulary/sex.json.
type library interface {
	read(name string) ([]byte, error) // fs.ErrNotExist: there is none
	names(folder string) []string     // file names in a folder of the library
}

// sharedFile reads a shared file once and keeps it for the archive.
func (c *compiler) sharedFile(at position, name, what string) ([]byte, bool) {
	full := sharedFolder + "/" + name
	if data, ok := c.loaded[full]; ok {
		return data, true
	}
	data, err := c.library.read(name)
	if err != nil {
		if what == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, false
		}
		if errors.Is(err, fs.ErrNotExist) {
			folder, ext := "", ".yaml"
			if i := strings.LastIndexByte(name, '/'); i >= 0 {
				folder, ext = name[:i], ".json"
			}
			names := c.library.names(folder)
			for i := range names {
				names[i] = sharedFolder + "/" + strings.TrimSuffix(names[i], ext)
			}
			c.problem(at, nearest(sharedFolder+"/"+strings.TrimSuffix(name, ext), names), "there is no %s %s", what, full)
		} else {
			c.problem(at, "", "%s: %s", full, plainReason(err))
		}
		return nil, false
	}
	if line := tears(data); line > 0 {
		c.problems.add(full, line, 1, "", "a line of the form -- name -- cannot be archived")
		return nil, false
	}
	c.loaded[full] = data
	return data, true
}

// spot is where a YAML node that is not of mapping.yaml was written.
type spot struct {
	file string
	via  string // the place that uses the fragment
}

// fragment reads a shared fragment; nil after a problem.
func (c *compiler) fragment(at position, name string) *fragment {
	if f, known := c.fragments[name]; known {
		return f
	}
	c.fragments[name] = nil
	data, ok := c.sharedFile(at, name+".yaml", "fragment")
	if !ok {
		return nil
	}
	file := sharedFolder + "/" + name + ".yaml"
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		line, msg := yamlError(err)
		c.problems.add(file, line, 0, yamlHint, "not YAML: %s", msg)
		return nil
	}
	if len(doc.Content) == 0 {
		c.problems.add(file, 1, 0, "", "the file is empty")
		return nil
	}
	c.mark(doc.Content[0], spot{file: file})
	if !c.sound(doc.Content[0], 0) {
		return nil
	}
	head := c.object(doc.Content[0], "a fragment", fragmentKeys)
	top := c.start(doc.Content[0])
	if n := head["fragment"]; n == nil || n.Value != name {
		c.problem(top, "fragment: "+name, "the fragment is not called as its file")
	}
	c.headText(head, "title", false)
	if head["body"] == nil {
		c.problem(top, "", "body is missing: what the fragment puts into a mapping")
		return nil
	}
	f := &fragment{params: map[string]*parameter{}, body: head["body"]}
	c.parameters(f, head["parameters"])
	c.declared(f, f.body)
	for _, p := range slices.Sorted(maps.Keys(f.params)) {
		if !f.params[p].used {
			c.warn(f.params[p].at, "", "the parameter %s is not used", p)
		}
	}
	c.fragments[name] = f
	return f
}

var (
	fragmentKeys  = []string{"fragment", "title", "description", "parameters", "body"}
	parameterKeys = []string{"says", "default", "optional"}
)

func (c *compiler) parameters(f *fragment, n *yaml.Node) {
	if n == nil {
		return
	}
	c.object(n, "parameters", nil)
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !word(k.Value) {
			c.problem(c.start(k), "", "%q cannot be the name of a parameter: letters and digits, a small letter first", k.Value)
			continue
		}
		p := &parameter{at: c.start(k)}
		if v.Kind == yaml.MappingNode {
			o := c.object(v, "a parameter", parameterKeys)
			p.fallback = o["default"]
			p.optional = p.fallback != nil || o["optional"] != nil && o["optional"].Value == "true"
		}
		f.params[k.Value] = p
	}
}

// declared checks that every ${name} is a parameter.
func (c *compiler) declared(f *fragment, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		for name := range placeholders(n.Value) {
			p := f.params[name]
			if p == nil {
				c.problem(c.start(n), nearest(name, slices.Collect(maps.Keys(f.params))), "${%s} is not one of the fragment's parameters", name)
				continue
			}
			p.used = true
		}
	}
	for _, ch := range n.Content {
		c.declared(f, ch)
	}
}

// placeholders visits the names in ${name}.
func placeholders(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, ok := strings.Cut(s, "${")
			if !ok {
				return
			}
			name, tail, ok := strings.Cut(rest, "}")
			if !ok || !yield(name) {
				return
			}
			s = tail
		}
	}
}

// mark notes where nodes were written.
func (c *compiler) mark(n *yaml.Node, s spot) {
	c.from[n] = s
	for _, ch := range n.Content {
		c.mark(ch, s)
	}
}

// expand puts fragments in the place of every object with $use, and returns
// what then stands in the place of the node; nil after a problem.
func (c *compiler) expand(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == useKey {
				return c.use(n, depth)
			}
		}
	}
	kept := n.Content[:0:0]
	for i, ch := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		x := c.expand(ch, depth)
		if x == nil {
			continue
		}
		if n.Kind == yaml.MappingNode {
			kept = append(kept, n.Content[i-1])
		}
		kept = append(kept, x)
	}
	n.Content = kept
	return n
}

// use makes the object that a $use stands for.
func (c *compiler) use(n *yaml.Node, depth int) *yaml.Node {
	members := c.object(n, "this element", nil)
	call := members[useKey]
	at := c.start(call)
	name, shared := strings.CutPrefix(call.Value, sharedFolder+"/")
	if call.Kind != yaml.ScalarNode || !shared || !fileName(name) {
		c.problem(at, "$use: shared/uk-address", "$use names a fragment of the folder shared")
		return nil
	}
	if depth >= maxFragmentDepth {
		c.problem(at, "", "fragments stand inside each other deeper than %d levels", maxFragmentDepth)
		return nil
	}
	f := c.fragment(at, name)
	if f == nil {
		return nil
	}
	before := len(c.problems)
	args := c.arguments(f, members[withKey], at, name)
	if len(c.problems) > before {
		return nil
	}
	body := c.instantiate(f.body, args, c.placeOf(at))
	if body == nil {
		return nil
	}
	if body = c.expand(body, depth+1); body == nil {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Value == useKey || k.Value == withKey {
			continue
		}
		if body.Kind != yaml.MappingNode {
			c.problem(c.start(k), "", "%s cannot stand beside $use: the fragment is not an object", k.Value)
			return nil
		}
		if v = c.expand(v, depth); v == nil {
			continue
		}
		override(body, k, v)
	}
	return body
}

// override sets a member of an object.
func override(n, k, v *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == k.Value {
			n.Content[i], n.Content[i+1] = k, v
			return
		}
	}
	n.Content = append(n.Content, k, v)
}

// arguments are the values of the parameters; nil for one that is left out.
func (c *compiler) arguments(f *fragment, with *yaml.Node, at position, name string) map[string]*yaml.Node {
	args := map[string]*yaml.Node{}
	if with != nil {
		for i, k := range with.Content {
			if with.Kind == yaml.MappingNode && i%2 == 1 {
				continue
			}
			if with.Kind == yaml.MappingNode && f.params[k.Value] == nil {
				c.problem(c.start(k), nearest(k.Value, slices.Collect(maps.Keys(f.params))), "the fragment %s has no parameter %q", name, k.Value)
			}
		}
		args = c.object(with, withKey, nil)
	}
	for _, p := range slices.Sorted(maps.Keys(f.params)) {
		if args[p] != nil {
			continue
		}
		if d := f.params[p].fallback; d != nil {
			args[p] = d
		} else if !f.params[p].optional {
			c.problem(at, "$with: {"+p+": ...}", "the fragment %s needs the parameter %s", name, p)
		}
	}
	return args
}

// instantiate copies a part of a fragment with the arguments in place; nil:
// it hangs on an argument that was not given.
func (c *compiler) instantiate(n *yaml.Node, args map[string]*yaml.Node, via string) *yaml.Node {
	if c.expanded++; c.expanded > maxExpanded {
		if c.expanded == maxExpanded+1 {
			c.problem(c.start(n), "", "fragments make the mapping too large: more than %d lines and values", maxExpanded)
		}
		return nil
	}
	out := *n
	out.Content = nil
	where := c.from[n]
	if where.file != "" {
		where.via = via
	}
	if n.Kind == yaml.ScalarNode {
		if name, ok := whole(n.Value); ok && args != nil {
			if args[name] == nil {
				return nil
			}
			return c.instantiate(args[name], nil, c.from[args[name]].via)
		}
		ok := true
		if args != nil && strings.Contains(n.Value, "${") {
			out.Value, ok = c.substitute(n, args)
			out.Tag = "!!str"
			c.changed[&out] = true
		}
		if !ok {
			return nil
		}
		c.from[&out] = where
		return &out
	}
	for i, ch := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		x := c.instantiate(ch, args, via)
		if x == nil {
			continue
		}
		if n.Kind == yaml.MappingNode {
			k := *n.Content[i-1]
			c.from[&k] = where
			out.Content = append(out.Content, &k)
		}
		out.Content = append(out.Content, x)
	}
	if len(out.Content) == 0 && len(n.Content) > 0 {
		return nil
	}
	c.from[&out] = where
	return &out
}

// whole reads a text that is one placeholder and nothing else.
func whole(s string) (string, bool) {
	name, ok := strings.CutPrefix(s, "${")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, "}")
	return name, ok && !strings.ContainsAny(name, "${}")
}

// substitute puts texts in the place of ${name}; false: one was not given. An
// argument written as a rule (<- PID-11) loses its arrow: the fragment has its
// own.
func (c *compiler) substitute(n *yaml.Node, args map[string]*yaml.Node) (string, bool) {
	var b strings.Builder
	rest := n.Value
	for {
		before, tail, ok := strings.Cut(rest, "${")
		b.WriteString(before)
		if !ok {
			return b.String(), true
		}
		name, after, ok := strings.Cut(tail, "}")
		if !ok {
			b.WriteString("${" + tail)
			return b.String(), true
		}
		arg := args[name]
		if arg == nil {
			return "", false
		}
		if arg.Kind != yaml.ScalarNode {
			c.problem(c.start(arg), "", "the parameter %s is put into a text, so it is a text", name)
			return "", false
		}
		b.WriteString(strings.TrimSpace(strings.TrimPrefix(arg.Value, "<-")))
		if b.Len() > maxFragmentText {
			c.problem(c.start(n), "", "the rule becomes longer than %d characters", maxFragmentText)
			return "", false
		}
		rest = after
	}
}

const maxFragmentText = 10_000

// fileName reports a plain name of a file without its ending.
func fileName(s string) bool {
	ok := s != "" && len(s) <= 60
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '-' && i > 0
	}
	return ok
}
