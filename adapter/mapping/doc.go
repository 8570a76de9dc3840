// Package mapping turns a decoded message into FHIR resources by the rules of
// a mapping, and explains every element it made.
//
// A mapping is a folder: mapping.yaml, shaped like the resources it makes;
// vocabulary/*.json, code tables as FHIR ConceptMaps; examples/*.txtar,
// messages with the resources they must give. How to read and write one is in
// mappings/README.md; why the language is as it is, in
// adapter/doc/adr/0001-mapping-language.md.
//
// Compile checks all that can be checked without a message and reports every
// problem at once, with file, line and column. Apply is total and bounded: it
// does no I/O, asks no clock, and the same message always gives the same
// resources. A value that cannot be converted is left out and reported as a
// Finding; only a rule marked required refuses a message. Each element keeps
// the rule and the source node it came from (element.Origin), two numbers that
// cost nothing until Explain turns them into text.
package mapping
