package fhir

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// reference checks what a reference points to, as far as the reference and
// what is contained tell. https://hl7.org/fhir/R4/references.html
func (c *checker) reference(x *element.Value, targets []string) {
	ref := x.Str("reference")
	if !printable(ref) {
		c.reportOf("reference", "value", "a reference without spaces is expected")
		return
	}
	typ, rest, ok := strings.Cut(ref, "/")
	if id, version, has := strings.Cut(rest, "/_history/"); has && !strings.Contains(id, "/") && Known(typ) && (version == "" || !isID(version)) {
		c.reportOf("reference", "value", "the version in a reference is 1 to 64 letters, digits, dashes and dots")
		return
	}
	if !ok || !Known(typ) {
		typ = ""
	}
	if id, local := strings.CutPrefix(ref, "#"); local && id != "" {
		target := c.within[id]
		if target == nil {
			c.reportOf("reference", "invariant", "nothing that is contained in this resource has the id behind the # (ref-1)")
			return
		}
		typ = target.ResourceType()
	}
	says := referenceType(x.Str("type"))
	switch {
	case typ != "" && targets != nil && !slices.Contains(targets, typ) && Known(typ):
		c.reportOf("reference", "value", "the reference must point to "+strings.Join(targets, ", "))
	case says != "" && targets != nil && !slices.Contains(targets, says):
		c.reportOf("type", "value", "the reference must point to "+strings.Join(targets, ", "))
	case says != "" && typ != "" && says != typ:
		c.reportOf("type", "value", "the reference itself points to another type")
	}
}

// referenceType is the resource type that Reference.type names, "" when it is
// none of R4. https://hl7.org/fhir/R4/references-definitions.html#Reference.type
func referenceType(s string) string {
	s = strings.TrimPrefix(s, "http://hl7.org/fhir/StructureDefinition/")
	if !Known(s) {
		return ""
	}
	return s
}

// contained checks what holds of all that a resource contains, and keeps it for
// its references. https://hl7.org/fhir/R4/domainresource.html#invs
func (c *checker) contained(holder *element.Value) {
	c.within = nil
	list := holder.List("contained")
	if len(list) == 0 {
		return
	}
	c.within = make(map[string]*element.Value, len(list))
	referred := map[string]bool{}
	localReferences(holder, referred)
	c.push("contained", -1)
	for i, v := range list {
		if v.Kind != element.Object {
			continue // what is no resource is reported as such
		}
		c.path[len(c.path)-1].index = i
		id := v.ID()
		if c.within[id] == nil {
			c.within[id] = v
		}
		if (id == "" || !referred[id]) && !refersBack(v) {
			c.report("invariant", "the resource does not refer to what is contained here (dom-3)")
		}
		if v.Get("contained") != nil {
			c.report("invariant", "what is contained contains nothing itself (dom-2)")
		}
		meta := v.Get("meta")
		if meta.Get("versionId") != nil || meta.Get("lastUpdated") != nil {
			c.report("invariant", "what is contained has no meta.versionId and no meta.lastUpdated (dom-4)")
		}
		if meta.Get("security") != nil {
			c.report("invariant", "what is contained has no meta.security (dom-5)")
		}
	}
	c.pop()
}

// localReferences collects what stands behind # in references, URIs and
// canonicals, "" for the resource itself.
func localReferences(v *element.Value, ids map[string]bool) {
	if v.Kind == element.String {
		if id, local := strings.CutPrefix(v.Text, "#"); local {
			ids[id] = true
		}
	}
	for i := range v.Fields {
		localReferences(v.Fields[i].Value, ids)
	}
	for _, it := range v.Items {
		localReferences(it, ids)
	}
}

// refersBack reports whether what is contained refers to what contains it.
func refersBack(v *element.Value) bool {
	ids := map[string]bool{}
	localReferences(v, ids)
	return ids[""]
}
