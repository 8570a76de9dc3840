package hl7v2

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// decoder walks the text once and cuts every value out of it without a copy.
type decoder struct {
	sep    separators
	limits Limits
	text   string
	tree   *message.Tree
	header message.Node // MSH
	kind   string       // MSH-9 as sent
	echo   map[string]string
	flags  []fault.Issue
}

// maxFlags bounds what is said of one message; the first ones say enough.
const maxFlags = 20

func (d *decoder) flag(code, place, text string) {
	if len(d.flags) < maxFlags {
		d.flags = append(d.flags, fault.Issue{Severity: "warning", Code: code, Place: place, Text: text})
	}
}

// Classes of bytes, so that one look-up decides what a byte means here. Each is
// a bit, so that the classes seen in a field are one number.
const (
	plain      uint8 = 0
	endOfField uint8 = 1 << iota
	endOfRepetition
	endOfComponent
	endOfSubcomponent
	escaping
)

func (s separators) classes() (c [256]uint8) {
	c[s.truncation] = plain
	c[s.escape] = escaping
	c[s.subcomponent] = endOfSubcomponent
	c[s.repetition] = endOfRepetition
	c[s.component] = endOfComponent
	c[s.field] = endOfField
	c[0] = plain // a separator nobody declared; a message holds no zero byte
	return c
}

// sizeHint is about how many nodes the tree will have, so that it is allocated
// once: a node for every five bytes in real messages, unless they are mostly
// text, when separators are few.
func (d *decoder) sizeHint() int {
	n := strings.Count(d.text, d.text[3:4]) // at least MSH-1 is there
	for _, c := range []byte{d.sep.component, d.sep.repetition, d.sep.subcomponent} {
		if c != 0 {
			n += strings.Count(d.text, string(rune(c)))
		}
	}
	return min(2*n, len(d.text)*2/9, d.limits.Nodes) + 16
}

// segments reads the text line by line. Its faults say "segment 3", or the
// field where one is at fault.
func (d *decoder) segments() error {
	class := d.sep.byDivision()
	number, start := 0, 0
	for i := 0; i <= len(d.text); i++ {
		if i < len(d.text) && d.text[i] != '\r' && d.text[i] != '\n' {
			continue
		}
		line := d.text[start:i]
		start = i + 1
		if blank(line) {
			continue
		}
		number++
		if number > d.limits.Segments {
			return fault.New(fault.TooLarge, segmentPlace(number), "more than %d segments", d.limits.Segments)
		}
		if err := d.segment(&class, line, number); err != nil {
			return err
		}
	}
	return nil
}

func blank(line string) bool {
	for i := range len(line) {
		if line[i] != ' ' && line[i] != '\t' && line[i] != 0x1c {
			return false
		}
	}
	return true
}

func segmentPlace(number int) string { return "segment " + strconv.Itoa(number) }

// segment adds one segment: its Object, then field after field.
func (d *decoder) segment(class *classes, line string, number int) error {
	if !named(line) || len(line) > 3 && line[3] != d.sep.field {
		return fault.New(fault.Malformed, segmentPlace(number),
			"the line does not start with a segment name and a field separator; a line break inside a text is written \\.br\\")
	}
	seg := d.tree.Add(d.tree.Root(), line[:3], message.Object, "")
	field, i := 0, 4
	if line[:3] == "MSH" {
		if number > 1 {
			return fault.New(fault.Malformed, segmentPlace(number), "a second MSH; send one message at a time")
		}
		i = d.openHeader(seg, line)
		field = 2
	}
	for i <= len(line) {
		field++
		if field > d.limits.Fields {
			return fault.New(fault.TooLarge, segmentPlace(number), "more than %d fields", d.limits.Fields)
		}
		start := i
		seen := uint8(0)
		for i < len(line) {
			c := class[composite][line[i]]
			if c == endOfField {
				break
			}
			seen |= c
			i++
		}
		if value := line[start:i]; value != "" {
			within := composite
			if seen&(endOfComponent|endOfSubcomponent) != 0 {
				within = divisionOf(line[:3], field, seg.Child("2").Value())
			}
			if err := d.addField(seg, field, value, &class[within], seen&^without[within]); err != nil {
				return err
			}
			if number == 1 {
				d.keep(field, value)
			}
		}
		i++
	}
	return nil
}

// openHeader adds MSH-1 and MSH-2, which are not encoded like other fields,
// and returns where MSH-3 starts.
func (d *decoder) openHeader(seg message.Node, line string) int {
	d.header = seg
	end := 4
	for end < len(line) && line[end] != d.sep.field {
		end++
	}
	d.tree.Add(d.tree.Add(seg, "1", message.List, ""), "", message.Text, line[3:4])
	d.tree.Add(d.tree.Add(seg, "2", message.List, ""), "", message.Text, line[4:end])
	d.echo = make(map[string]string, 8)
	d.echo["separators"] = line[3:end]
	return end + 1
}

// keep remembers, as sent, the fields of MSH that an answer repeats.
func (d *decoder) keep(field int, value string) {
	switch field {
	case 3, 4, 5, 6, 11, 12, 15, 16, 18:
		d.echo[echoKeys[field]] = clip(value)
	case 9:
		d.kind = value
	case 10:
		d.echo[echoKeys[field]] = value
	}
}

var echoKeys = [...]string{3: "MSH-3", 4: "MSH-4", 5: "MSH-5", 6: "MSH-6", 10: "MSH-10", 11: "MSH-11", 12: "MSH-12", 15: "MSH-15", 16: "MSH-16", 18: "MSH-18"}

// named reports a segment name: a letter and two letters or digits, capitals.
func named(line string) bool {
	if len(line) < 3 || line[0] < 'A' || line[0] > 'Z' {
		return false
	}
	for i := 1; i < 3; i++ {
		if c := line[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
