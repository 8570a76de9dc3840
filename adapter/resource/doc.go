// Package resource defines the served FHIR types: their search parameters,
// what they are indexed by, what may be written. Adding a type is adding a
// definition; the CapabilityStatement is derived from them.
package resource
