package mapping

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// HL7 v2 has two ways to send nothing: a field that is empty says nothing, and
// one that holds "" asks to delete what the receiver has (v2.5.1 section
// 2.5.3.5). A rule makes nothing of either, so an update that asks says so in a
// finding: what is here is for a person to take away.

const changes = "modify" // the intention of an update, as package referral has it

// deletion is a place that asks for one, and what a rule would have made of it.
type deletion struct {
	node, rule int32 // node: 1 + id
	path       string
}

// deletes reports whether a place of a message of HL7 v2 is, or begins with, the
// HL7 null.
func (e *eval) deletes(n message.Node) bool {
	if !e.m.hl7 || !n.Ok() {
		return false
	}
	for n.Ok() && !isLeaf(n) {
		n = n.First()
	}
	return n.Ok() && n.Kind() == message.Null
}

// nulls remembers the first place that asks for a deletion among those that a
// rule has looked at without finding a value.
func (e *eval) nulls(n message.Node) {
	if !e.null.Ok() && e.deletes(n) {
		e.null = n
	}
}

// asksDeletion notes that the rule at work has no value because of a null; as
// many are kept as there can be findings.
func (e *eval) asksDeletion() {
	if e.null.Ok() && len(e.deletions) < maxFindings {
		e.deletions = append(e.deletions, deletion{e.null.ID() + 1, e.rule, e.pathOf(e.rule)})
	}
}

// asksDeletionOf notes that a place holds a null instead of what a template
// repeats.
func (e *eval) asksDeletionOf(t *template, n message.Node) {
	if !e.deletes(n) || len(e.deletions) == maxFindings {
		return
	}
	d := deletion{n.ID() + 1, t.rule, e.pathOf(t.rule)}
	for i := 0; i < len(t.fields) && d.rule == 0; i++ {
		if d.rule = t.fields[i].value.rule; d.rule != 0 {
			d.path = e.pathOf(d.rule)
			d.path = d.path[:max(0, strings.LastIndexByte(d.path, '.'))]
		}
	}
	e.deletions = append(e.deletions, d)
}

// tellDeletions reports what an update asks to delete. In a new referral there
// is nothing to delete.
func (e *eval) tellDeletions(intention string) {
	if intention != changes {
		return
	}
	for _, d := range e.deletions {
		e.rule = d.rule
		before := len(e.findings)
		e.report(d.node, "delete-asked", `the sender asks to delete what is here ("" in HL7 v2), and it is left as it is: take it away by hand where it is wrong now`)
		if len(e.findings) > before {
			e.findings[before].Path = d.path
		}
	}
}
