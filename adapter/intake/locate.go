package intake

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// locate gives the source address of the element at a FHIRPath such as
// ServiceRequest.code.coding[0].code: its own, or that of the nearest element
// around it that came from the message.
func locate(root *element.Value, expression string, tree *message.Tree) string {
	_, path, _ := strings.Cut(expression, ".")
	at, v := address(root, tree), root
	for path != "" && v != nil {
		var step string
		step, path, _ = strings.Cut(path, ".")
		name, index := step, -1
		if i := strings.IndexByte(step, '['); i > 0 && strings.HasSuffix(step, "]") {
			if n, err := strconv.Atoi(step[i+1 : len(step)-1]); err == nil {
				name, index = step[:i], n
			}
		}
		v = v.Get(name)
		if v != nil && v.Kind == element.Array {
			if index < 0 {
				index = 0
			}
			if index >= len(v.Items) {
				break
			}
			v = v.Items[index]
		}
		if a := address(v, tree); a != "" {
			at = a
		}
	}
	if at == "" {
		at = firstAddress(v, tree, 0)
	}
	return at
}

func address(v *element.Value, tree *message.Tree) string {
	if v == nil || v.Origin.Node == 0 {
		return ""
	}
	return tree.Node(v.Origin.Node - 1).Address()
}

// firstAddress is the address of the first part of v that came from the
// message; depth bounds the walk as Parse bounds the tree.
func firstAddress(v *element.Value, tree *message.Tree, depth int) string {
	if v == nil || depth > 40 {
		return ""
	}
	if a := address(v, tree); a != "" {
		return a
	}
	for _, f := range v.Fields {
		if a := firstAddress(f.Value, tree, depth+1); a != "" {
			return a
		}
	}
	for _, it := range v.Items {
		if a := firstAddress(it, tree, depth+1); a != "" {
			return a
		}
	}
	return ""
}

// placeOf is where a resource is identified in the source.
func placeOf(root *element.Value, tree *message.Tree) string {
	return cmp.Or(firstAddress(root.Get("identifier"), tree, 0), firstAddress(root.Get("name"), tree, 0))
}
