package worklist

import (
	"net/url"
	"strconv"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/store"
)

// bundle writes a Bundle around stored bytes, which are copied once, as they
// are, and never parsed. The total comes before the links, and the links before
// the entries.
type bundle struct {
	base            string
	out             []byte
	linked, entered bool // the list of them is open
}

// aroundEntry is what an entry takes beside its resource, about.
const aroundEntry = 400

// newBundle begins a Bundle with room for the versions.
func newBundle(typ, base string, pages ...[]store.Version) *bundle {
	size := 2048
	for _, page := range pages {
		for _, v := range page {
			size += len(v.Body) + aroundEntry
		}
	}
	out := append(make([]byte, 0, size), `{"resourceType":"Bundle","type":"`...)
	return &bundle{base: base, out: append(append(out, typ...), '"')}
}

func (b *bundle) total(n int64) {
	b.out = strconv.AppendInt(append(b.out, `,"total":`...), n, 10)
}

func (b *bundle) link(relation, path string, params url.Values) {
	u := b.base
	if path != "" {
		u += "/" + path
	}
	if q := params.Encode(); q != "" {
		u += "?" + q
	}
	if b.linked {
		b.out = append(b.out, ',')
	} else {
		b.out = append(b.out, `,"link":[`...)
		b.linked = true
	}
	b.out = element.NewObject(element.S("relation", relation), element.S("url", u)).AppendJSON(b.out)
}

func (b *bundle) entry() {
	if b.entered {
		b.out = append(b.out, ',')
	} else {
		b.endLinks()
		b.out = append(b.out, `,"entry":[`...)
		b.entered = true
	}
	b.out = append(b.out, '{')
}

func (b *bundle) fullURL(k store.Key) {
	b.out = append(b.out, `"fullUrl":"`...)
	b.out = append(append(append(append(append(b.out, b.base...), '/'), k.Type...), '/'), k.ID...)
	b.out = append(b.out, '"')
}

func (b *bundle) match(v store.Version, mode string) {
	b.entry()
	b.fullURL(v.Key)
	b.out = append(append(b.out, `,"resource":`...), v.Body...)
	b.out = append(append(append(b.out, `,"search":{"mode":"`...), mode...), `"}}`...)
}

func (b *bundle) outcome(issues []fault.Issue) {
	b.entry()
	b.out = append(b.out, `"resource":`...)
	b.out = fhir.OperationOutcome(fault.Unsupported, issues).AppendJSON(b.out)
	b.out = append(b.out, `,"search":{"mode":"outcome"}}`...)
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
		b.out = append(append(b.out, `,"resource":`...), v.Body...)
	}
	target := v.Key.String()
	if method == "POST" {
		target = v.Type
	}
	b.out = append(b.out, `,"request":`...)
	b.out = element.NewObject(element.S("method", method), element.S("url", target)).AppendJSON(b.out)
	b.out = append(b.out, `,"response":`...)
	b.out = element.NewObject(
		element.S("status", status),
		element.S("etag", `W/"`+strconv.FormatInt(v.Number, 10)+`"`),
		element.S("lastModified", v.Updated.UTC().Format(element.InstantLayout)),
	).AppendJSON(b.out)
	b.out = append(b.out, '}')
}

func (b *bundle) endLinks() {
	if b.linked {
		b.out, b.linked = append(b.out, ']'), false
	}
}

// bytes closes the bundle; empty lists are left out, as FHIR has none.
func (b *bundle) bytes() []byte {
	b.endLinks()
	if b.entered {
		b.out = append(b.out, ']')
	}
	return append(b.out, '}')
}
