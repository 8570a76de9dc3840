// Package conformance is data only: the code systems of this house, its rules
// and workflow tables, the list of standards that linkloop is held against and
// of the places where it departs from them. What the program needs is embedded,
// so that one binary carries it.
package conformance

import "embed"

// Files is the folder: rules and workflows as YAML, FHIR resources as JSON.
//
//go:embed *.yaml *.json
var Files embed.FS
