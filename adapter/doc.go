// Package adapter is the house of linkloop; each room below it is one package.
//
// It has no code. Its tests are the house rules: which package lives on which
// layer, which package alone may import a heavy dependency, that every plug-in
// is wired and that every package says what it is for.
//
// The way of one referral, from the street to the record:
//
//	gateway, mllp    an edge reads bytes within limits and knows who sent them
//	intake           archives, decodes, maps, checks, identifies, decides, commits
//	inbound/...      one wire format each: bytes to a message tree, and its kind of answer
//	mapping          the tree to FHIR, with an explanation of every element
//	fhir, profile    the one door to FHIR resources, and the rules they must keep
//	referral         what a Task may become and who may move it
//	worklist         read, search and update Tasks; a finished one owes an outcome
//	outcome          a finished Task as coded resources
//	relay            what is owed, delivered once and proven, or put before a human
//	outbound/...     one write-back channel each
//	store/...        durable state; one transaction for each decision
//
// Below all of them are fault (the closed set of errors), nhs (identifiers),
// message (the tree of a received message), element (FHIR JSON in memory) and
// markup (XML, read within limits).
// Above them app wires everything, load measures it and demo tells its story.
package adapter
