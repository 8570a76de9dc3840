package intake

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// national lists, per type, the identifier systems that name one person or
// organisation wherever they are met. Other identifiers name it for one sender.
var national = map[string][]string{
	"Patient":      {nhs.SystemNHSNumber},
	"Organization": {nhs.SystemODSOrganization, nhs.SystemODSSite},
	"Practitioner": {nhs.SystemSDSUser, nhs.SystemGMCNumber, nhs.SystemGMPNumber},
}

// identify gives every mapped resource its id and puts real references in the
// place of the mapping's pointers. The same NHS number gives the same Patient
// and the same ODS code the same Organization, because ids are derived from
// them with the secret of this installation; nothing has to be looked up, and
// no race can make two.
func (s *Service) identify(sender string, key [32]byte, rs []mapping.Resource) {
	refs := make(map[string]string, len(rs))
	id := func(r mapping.Resource, parts ...string) {
		v := s.deriveID(append([]string{r.Type}, parts...)...)
		r.Root.SetString("id", v)
		refs[r.Key] = r.Type + "/" + v
	}
	// Those that stand for themselves first, then those named by others.
	for _, r := range rs {
		switch r.Type {
		case "PractitionerRole", "Task", "Consent":
		default:
			id(r, s.identity(sender, key, r)...)
		}
	}
	about := "" // the request of the message, for what comes with it
	for _, r := range rs {
		if r.Type == "ServiceRequest" {
			about = refs[r.Key]
		}
	}
	for _, r := range rs {
		switch r.Type {
		case "PractitionerRole":
			who, where := refs[pointer(r.Root, "practitioner")], refs[pointer(r.Root, "organization")]
			if who == "" && where == "" {
				who = fmt.Sprintf("%x/%s", key, r.Key)
			}
			id(r, who, where)
		case "Task", "Consent":
			request := cmp.Or(refs[pointer(r.Root, "focus")], about)
			if request == "" {
				request = fmt.Sprintf("%x", key)
			}
			id(r, request, r.Key)
		}
	}
	for _, r := range rs {
		resolve(r.Root, refs)
	}
}

// identity is what a resource is recognised by: a national identifier, else an
// identifier within the sender, else this message alone.
func (s *Service) identity(sender string, key [32]byte, r mapping.Resource) []string {
	for _, system := range national[r.Type] {
		if v := r.Root.Identifier(system); v != "" {
			return []string{system, v}
		}
	}
	for _, x := range r.Root.List("identifier") {
		if v := x.Str("value"); v != "" && x.Str("system") != "" {
			return []string{"sender", sender, x.Str("system"), v}
		}
	}
	if name := r.Root.Str("name"); r.Type == "Organization" && name != "" {
		return []string{"sender", sender, "name", strings.ToLower(strings.Join(strings.Fields(name), " "))}
	}
	return []string{"message", fmt.Sprintf("%x", key), r.Key}
}

// hasIdentity reports whether a resource is recognised when it comes again in
// another message.
func hasIdentity(r mapping.Resource) bool {
	for _, system := range national[r.Type] {
		if r.Root.Identifier(system) != "" {
			return true
		}
	}
	for _, x := range r.Root.List("identifier") {
		if x.Str("value") != "" && x.Str("system") != "" {
			return true
		}
	}
	return false
}

// deriveID makes a UUID (RFC 9562, version 8) out of a keyed hash of the parts.
func (s *Service) deriveID(parts ...string) string {
	var room [256]byte
	text := room[:0]
	for _, p := range parts {
		text = append(append(strconv.AppendInt(text, int64(len(p)), 10), ':'), p...)
	}
	h, ok := s.macs.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, s.cfg.IDKey)
	}
	defer s.macs.Put(h)
	h.Reset()
	h.Write(text)
	b := h.Sum(room[:0])[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return uuid.UUID(b).String()
}

// pointer is the key that a reference element of a mapped resource points to.
func pointer(v *element.Value, name string) string {
	return strings.TrimPrefix(v.TextAt(name+".reference"), mapping.ReferencePrefix)
}

// resolve replaces pointers by references and drops pointers to resources that
// the message gave no content for. It reports whether anything is left of v.
func resolve(v *element.Value, refs map[string]string) bool {
	switch v.Kind {
	case element.Object:
		if ref := v.Get("reference"); ref != nil {
			if key, is := strings.CutPrefix(ref.Text, mapping.ReferencePrefix); is {
				if ref.Text = refs[key]; ref.Text == "" {
					return false
				}
			}
		}
		kept := v.Fields[:0]
		for _, f := range v.Fields {
			if resolve(f.Value, refs) {
				kept = append(kept, f)
			}
		}
		v.Fields = kept
		return len(kept) > 0
	case element.Array:
		kept := v.Items[:0]
		for _, it := range v.Items {
			if resolve(it, refs) {
				kept = append(kept, it)
			}
		}
		v.Items = kept
		return len(kept) > 0
	default:
		return true
	}
}

// NationalID is the id of a resource that carries a national identifier, or
// "". The API uses it too, so that a person or an organisation has one id in
// this house however it came to be known.
func (s *Service) NationalID(v *element.Value) string {
	for _, system := range national[v.ResourceType()] {
		if x := v.Identifier(system); x != "" {
			return s.deriveID(v.ResourceType(), system, x)
		}
	}
	return ""
}

// OrganizationID is the id that the Organization with an ODS code has.
func (s *Service) OrganizationID(ods string) string {
	return s.deriveID("Organization", nhs.SystemODSOrganization, ods)
}
