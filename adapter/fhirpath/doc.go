// Package fhirpath evaluates the part of FHIRPath that invariants are made of
// over resources as trees of adapter/element. It is strict where a lenient
// evaluator would answer wrongly in silence: an expression with anything that
// is not known here does not compile, and an element that the type does not
// have, a comparison of what cannot be compared and more work than was allowed
// are errors, so that who asks can say "not checked" instead of "fine".
//
// What there is: paths, indexers, literals (text, numbers, booleans, dates and
// times), $this, $index, %resource, %rootResource, %context, %ucum, %sct,
// %loinc, all operators but those of quantities, and the functions in
// functions.go. What there is not: quantities, arithmetic of dates, resolve(),
// memberOf(), conformsTo(), htmlChecks().
//
// Source: http://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html
package fhirpath
