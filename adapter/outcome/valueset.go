package outcome

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// ValueSet is what may leave as a FHIR R4 ValueSet, for a terminology server
// that is to say which of the codes are active. Codes that are off are not in
// it. https://hl7.org/fhir/R4/valueset.html
func (l *List) ValueSet() []byte {
	concepts := element.NewArray()
	for _, c := range l.Codes {
		if c.Off {
			continue
		}
		v := element.NewObject(element.S("code", c.Code), element.S("display", c.Display))
		for _, s := range c.Synonyms {
			v.Append("designation", element.NewObject(element.S("value", s)))
		}
		concepts.Items = append(concepts.Items, v)
	}
	return element.NewObject(element.S("resourceType", "ValueSet"), element.S("id", l.Name),
		element.S("url", "urn:linkloop:valueset:"+l.Name), element.S("version", l.Version),
		element.S("name", strings.ReplaceAll(l.Name, "-", "_")),
		element.S("status", "active"),
		element.F("compose", element.NewObject(element.F("include", element.NewArray(element.NewObject(
			element.S("system", nhs.SystemSNOMED), element.F("concept", concepts))))))).JSON()
}
