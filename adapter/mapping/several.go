package mapping

import (
	"strconv"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// maxMadeResources bounds the resources of one message.
const maxMadeResources = 500

// once are the types that a message makes one of, because one message is one
// referral of one person.
var once = []string{"Patient", "ServiceRequest", "Task"}

// made is one of the resources that a resource with $each became.
type made struct {
	key   string // goal[1]
	place int32  // id of the node it was made for
}

// resource makes what a resource of the mapping gives: one, or with $each one
// for every place, called goal[0], goal[1] and so on.
func (e *eval) resource(i int, res *Result) {
	r := &e.m.resources[i]
	if r.body.repeat == nil {
		e.begin()
		e.finish(i, r.key, e.value(r.body), res)
		return
	}
	rep := r.body.repeat
	var places []message.Node
	e.rule = r.body.rule
	e.places(&rep.source, func(n message.Node) bool {
		if !e.blank(n) {
			places = append(places, n)
		}
		return len(places) <= maxMadeResources
	})
	if e.copies == nil {
		e.copies = make([][]made, len(e.m.resources))
	}
	for _, n := range places {
		e.begin()
		e.here = n
		if rep.slot >= 0 {
			e.slots[rep.slot] = slot{node: n}
		}
		if !e.allowed(r.body) {
			continue
		}
		key := r.key + "[" + strconv.Itoa(len(e.copies[i])) + "]"
		if e.finish(i, key, e.value(rep.body), res) {
			e.copies[i] = append(e.copies[i], made{key, n.ID()})
		}
		if e.err != nil {
			break
		}
	}
	e.here = e.root
	if rep.slot >= 0 {
		e.slots[rep.slot] = slot{}
	}
}

// begin forgets what the resource before asked for.
func (e *eval) begin() {
	e.spend(1)
	e.asked, e.found, e.depth, e.lacking = 0, 0, 0, nil
}

// finish adds a resource to the result and reports whether there is one.
func (e *eval) finish(i int, key string, root *element.Value, res *Result) bool {
	if root == nil || e.err != nil {
		body := e.m.resources[i].body
		if l := e.lacking; l != nil && (l == body || body.repeat != nil && l == body.repeat.body) && len(res.Lacking) < maxMadeResources {
			res.Lacking = append(res.Lacking, key)
		}
		return false
	}
	if len(res.Resources) >= maxMadeResources {
		e.tooLarge("the message would become more than %d resources", maxMadeResources)
		return false
	}
	settleLocal(root, e.m.resources[i].body)
	e.exists[i] = true
	res.Resources = append(res.Resources, Resource{key, e.m.resources[i].kind, root})
	return true
}

// pointed visits the keys of the resources that a reference to a resource of
// the mapping means, in order. One made with $each means, from within $each,
// those of the place at hand: made for it, for a place that it lies in, or for
// places within it; from elsewhere all of them.
func (e *eval) pointed(i int32, visit func(key string) bool) {
	switch {
	case !e.exists[i]:
		return
	case e.m.resources[i].body.repeat == nil:
		visit(e.m.resources[i].key)
		return
	}
	list := e.copies[i]
	if e.here.ID() == e.root.ID() {
		for _, m := range list {
			if !visit(m.key) {
				return
			}
		}
		return
	}
	e.spend(len(list))
	for n := e.here; n.Ok(); n = n.Parent() {
		for _, m := range list {
			if m.place == n.ID() {
				visit(m.key)
				return
			}
		}
	}
	for _, m := range list {
		for n := e.tree.Node(m.place); n.Ok(); n = n.Parent() {
			if n.ID() == e.here.ID() {
				if !visit(m.key) {
					return
				}
				break
			}
		}
	}
}

// isMade reports whether a reference to a resource would point somewhere.
func (e *eval) isMade(i int32) bool {
	yes := false
	e.pointed(i, func(string) bool { yes = true; return false })
	return yes
}

// references puts a reference to each resource that the first of the targets
// means on the stack; only to the first of them when one is wanted.
func (e *eval) references(t *template) {
	e.asked++
	for _, i := range t.refs {
		before := len(e.stack)
		e.pointed(i, func(key string) bool {
			if v := e.referenceTo(t, key); v != nil {
				e.stack = append(e.stack, v)
			}
			return t.list && e.err == nil
		})
		if len(e.stack) > before {
			e.found++
			return
		}
	}
	if t.reason != "" {
		e.requireReference(t)
	}
}

// referenceTo is a Reference to a resource of the result.
func (e *eval) referenceTo(t *template, key string) *element.Value {
	obj := e.newValue(element.Object, "", t.rule, 0)
	ref := e.newValue(element.String, ReferencePrefix+key, t.rule, 0)
	if obj == nil || ref == nil {
		return nil
	}
	obj.Fields = append(e.newFields(1), element.Field{Name: "reference", Value: ref})
	return obj
}
