package fhir

import "github.com/linkloop/linkloop/adapter/element"

// https://hl7.org/fhir/R4/bundle.html#invs
var bundleRules = []invariant{
	{"bdl-1", "total is for a searchset or a history", func(v *element.Value) bool {
		return !exists(v, "total") || isType(v, "searchset", "history")
	}},
	{"bdl-2", "search is for entries of a searchset", func(v *element.Value) bool {
		return isType(v, "searchset") || !inItems(v, "entry", "search")
	}},
	{"bdl-3", "each entry of a batch, a transaction or a history has a request, and no entry of others", func(v *element.Value) bool {
		return allEntries(v, "request", isType(v, "batch", "transaction", "history"))
	}},
	{"bdl-4", "each entry of a batch-response, a transaction-response or a history has a response, and no entry of others", func(v *element.Value) bool {
		return allEntries(v, "response", isType(v, "batch-response", "transaction-response", "history"))
	}},
	{"bdl-7", "no two entries have the same fullUrl and the same version", func(v *element.Value) bool {
		return isType(v, "history") || distinct(versions(v))
	}},
	{"bdl-9", "a document has an identifier with a system and a value", func(v *element.Value) bool {
		id := v.Get("identifier")
		return !isType(v, "document") || id != nil && exists(id, "system") && exists(id, "value")
	}},
	{"bdl-10", "a document has a timestamp", func(v *element.Value) bool {
		return !isType(v, "document") || v.Get("timestamp") != nil
	}},
	{"bdl-11", "the first resource of a document is a Composition", func(v *element.Value) bool {
		return !isType(v, "document") || firstIs(v, "Composition")
	}},
	{"bdl-12", "the first resource of a message is a MessageHeader", func(v *element.Value) bool {
		return !isType(v, "message") || firstIs(v, "MessageHeader")
	}},
}

var entryRules = []invariant{
	{"bdl-5", "a resource, a request or a response is needed", func(v *element.Value) bool {
		return exists(v, "resource") || exists(v, "request") || exists(v, "response")
	}},
}

// allEntries reports whether every entry has an element, or none.
func allEntries(v *element.Value, name string, want bool) bool {
	for _, e := range v.List("entry") {
		if exists(e, name) != want {
			return false
		}
	}
	return true
}

// versions are the entries of a Bundle by address and version.
func versions(v *element.Value) (out []string) {
	for _, e := range v.List("entry") {
		if url := e.Str("fullUrl"); url != "" {
			out = append(out, url+" "+e.TextAt("resource.meta.versionId"))
		}
	}
	return out
}

func firstIs(v *element.Value, resourceType string) bool {
	entries := v.List("entry")
	return len(entries) > 0 && entries[0].Get("resource").ResourceType() == resourceType
}
