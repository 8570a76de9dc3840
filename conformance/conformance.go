// Package conformance is data only: the profiles, code systems, workflow
// tables and the list of standards that linkloop is held against, embedded so
// that one binary carries them.
package conformance

import "embed"

// Files is the folder.
//
//go:embed *.yaml
var Files embed.FS
