package resource

import (
	_ "embed"
	"strings"
)

// registry.txt is what R4 says about its search parameters: under each type the
// name, the last part of the address of its definition, and a line about it.
//
//go:embed registry.txt
var registryText string

// registered is what R4 says about one search parameter.
type registered struct {
	url  string // of the SearchParameter
	says string
}

// registryBase is in front of the addresses of R4.
const registryBase = "http://hl7.org/fhir/SearchParameter/"

// registry is what R4 says, by type and name: "Task owner". Parameters of every
// type stand under Resource.
var registry = readRegistry(registryText)

func readRegistry(text string) map[string]registered {
	out := map[string]registered{}
	typ := ""
	for _, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			typ = line
		default:
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			id, says, _ := strings.Cut(rest, " ")
			out[typ+" "+name] = registered{registryBase + id, says}
		}
	}
	return out
}

// ofGuides is what parameters of other guides than R4 are about.
var ofGuides = map[string]string{
	"ServiceRequest supporting-info": "What else there is to know for the service that is asked for",
	"Task output":                    "A resource that came of the task",
}

// about is what is said of a parameter of a type: its own words first, else those
// of R4.
func about(typ string, p *Parameter) registered {
	r, ok := registry[typ+" "+p.Name]
	if !ok {
		r = registry["Resource "+p.Name]
	}
	if p.URL != "" {
		r = registered{p.URL, ofGuides[typ+" "+p.Name]}
	}
	if p.Says != "" {
		r.says = p.Says
	}
	return r
}
