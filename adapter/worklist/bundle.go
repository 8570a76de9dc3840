package worklist

import (
	"net/url"
	"strconv"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/store"
)

// bundle writes a Bundle around stored bytes, which are copied as they are and
// never parsed. Links come before entries, as they are known first.
type bundle struct {
	base    string
	head    []byte
	links   []byte
	entries []byte
}

func newBundle(typ, base string) *bundle {
	return &bundle{base: base, head: append([]byte(`{"resourceType":"Bundle","type":"`), typ+`"`...), entries: make([]byte, 0, 4096)}
}

func (b *bundle) total(n int64) {
	b.head = strconv.AppendInt(append(b.head, `,"total":`...), n, 10)
}

func (b *bundle) link(relation, path string, params url.Values) {
	u := b.base + "/" + path
	if q := params.Encode(); q != "" {
		u += "?" + q
	}
	if len(b.links) > 0 {
		b.links = append(b.links, ',')
	}
	b.links = element.NewObject(element.S("relation", relation), element.S("url", u)).AppendJSON(b.links)
}

func (b *bundle) entry() {
	if len(b.entries) > 0 {
		b.entries = append(b.entries, ',')
	}
	b.entries = append(b.entries, '{')
}

func (b *bundle) fullURL(k store.Key) {
	b.entries = append(b.entries, `"fullUrl":"`...)
	b.entries = append(append(append(append(append(b.entries, b.base...), '/'), k.Type...), '/'), k.ID...)
	b.entries = append(b.entries, '"')
}

func (b *bundle) match(v store.Version, mode string) {
	b.entry()
	b.fullURL(v.Key)
	b.entries = append(append(b.entries, `,"resource":`...), v.Body...)
	b.entries = append(append(append(b.entries, `,"search":{"mode":"`...), mode...), `"}}`...)
}

func (b *bundle) outcome(issues []fault.Issue) {
	b.entry()
	b.entries = append(b.entries, `"resource":`...)
	b.entries = fhir.OperationOutcome(fault.Unsupported, issues).AppendJSON(b.entries)
	b.entries = append(b.entries, `,"search":{"mode":"outcome"}}`...)
}

func (b *bundle) history(v store.Version) {
	method, status := "PUT", "200"
	switch {
	case v.Deleted:
		method, status = "DELETE", "204"
	case v.Number == 1:
		method, status = "POST", "201"
	}
	b.entry()
	b.fullURL(v.Key)
	if !v.Deleted {
		b.entries = append(append(b.entries, `,"resource":`...), v.Body...)
	}
	target := v.Key.String()
	if method == "POST" {
		target = v.Type
	}
	b.entries = append(b.entries, `,"request":`...)
	b.entries = element.NewObject(element.S("method", method), element.S("url", target)).AppendJSON(b.entries)
	b.entries = append(b.entries, `,"response":`...)
	b.entries = element.NewObject(
		element.S("status", status),
		element.S("etag", `W/"`+strconv.FormatInt(v.Number, 10)+`"`),
		element.S("lastModified", v.Updated.UTC().Format(element.InstantLayout)),
	).AppendJSON(b.entries)
	b.entries = append(b.entries, '}')
}

// bytes closes the bundle; empty lists are left out, as FHIR has none.
func (b *bundle) bytes() []byte {
	out := make([]byte, 0, len(b.head)+len(b.links)+len(b.entries)+40)
	out = append(out, b.head...)
	if len(b.links) > 0 {
		out = append(append(append(out, `,"link":[`...), b.links...), ']')
	}
	if len(b.entries) > 0 {
		out = append(append(append(out, `,"entry":[`...), b.entries...), ']')
	}
	return append(out, '}')
}
