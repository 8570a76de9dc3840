package hl7v2

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// numbers are the names of fields and components, made once.
var numbers = func() (n [512]string) {
	for i := range n {
		n[i] = strconv.Itoa(i)
	}
	return n
}()

func number(i int) string {
	if i < len(numbers) {
		return numbers[i]
	}
	return strconv.Itoa(i)
}

// addField adds one field that is not empty. seen says which classes of bytes
// occur in it, so that the common field, one plain text, is added at once.
func (d *decoder) addField(seg message.Node, n int, value string, class *[256]uint8, seen uint8) error {
	list := d.tree.Add(seg, number(n), message.List, "")
	if seen&endOfRepetition == 0 {
		if seen&(endOfComponent|endOfSubcomponent) == 0 {
			d.leaf(list, "", value, seen&escaping != 0)
			return d.full(list)
		}
		return d.repetition(list, value, class, seen)
	}
	if d.sep.repetition != 0 {
		value = strings.TrimRight(value, string(rune(d.sep.repetition)))
	}
	for count := 1; ; count++ {
		if count > d.limits.Repetitions {
			return fault.New(fault.TooLarge, list.Address(), "more than %d repetitions", d.limits.Repetitions)
		}
		one, rest, more := strings.Cut(value, string(rune(d.sep.repetition)))
		if err := d.repetition(list, one, class, seen); err != nil || !more {
			return err
		}
		value = rest
	}
}

// full reports a tree that has reached its bound.
func (d *decoder) full(at message.Node) error {
	if d.tree.Len() > d.limits.Nodes {
		return fault.New(fault.TooLarge, at.Address(), "more than %d values", d.limits.Nodes)
	}
	return nil
}

// repetition adds one item of a field's list.
func (d *decoder) repetition(list message.Node, value string, class *[256]uint8, seen uint8) error {
	return d.group(list, "", value, class, seen, endOfComponent)
}

// group adds a repetition made of components, or a component made of
// subcomponents; with a single part of no structure it is a leaf.
func (d *decoder) group(parent message.Node, name, value string, class *[256]uint8, seen uint8, level uint8) error {
	inside := uint8(0)
	for i := range len(value) {
		inside |= class[value[i]]
	}
	nested := inside&endOfSubcomponent != 0
	if inside&(level|endOfSubcomponent) == 0 {
		d.leaf(parent, name, value, seen&escaping != 0)
		return d.full(parent)
	}
	group := d.tree.Add(parent, name, message.Object, "")
	part, start := 0, 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) && class[value[i]] != level {
			continue
		}
		if part++; part > d.limits.Components {
			return fault.New(fault.TooLarge, group.Address(), "more than %d components", d.limits.Components)
		}
		if text := value[start:i]; text != "" {
			if level == endOfComponent && nested {
				if err := d.group(group, number(part), text, class, seen, endOfSubcomponent); err != nil {
					return err
				}
			} else {
				d.leaf(group, number(part), text, seen&escaping != 0)
			}
		}
		start = i + 1
	}
	return d.full(group)
}

// leaf adds a value. Two quotes are the HL7 null: the sender asks to delete
// what the receiver has (v2.5.1 section 2.5.3.5).
func (d *decoder) leaf(parent message.Node, name, value string, escapes bool) {
	if value == `""` {
		d.tree.Add(parent, name, message.Null, "")
		return
	}
	unknown := false
	if escapes {
		value, unknown = d.sep.unescape(value)
	}
	leaf := d.tree.Add(parent, name, message.Text, value)
	if unknown {
		d.flag(FlagEscape, leaf.Address(), "the text has an escape sequence of HL7 v2 that is not known here; it stays in the text as it was sent")
	}
}
