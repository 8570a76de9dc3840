// Package config reads the deployment settings of linkloop: one YAML file and
// the environment over embedded defaults, into one typed Config.
//
// Three layers, the later wins: Default, the file, the environment. The
// environment variable of a setting is its key in capitals with underscores
// for dots, after LINKLOOP_: http.read_timeout is LINKLOOP_HTTP_READ_TIMEOUT.
// A list of the file replaces a default list as a whole; in the environment a
// list is written as YAML.
//
// Nothing is guessed. Text is text (ods: 012345 is refused, because a number
// would lose its zero), a duration and a size carry a unit, a boolean is true
// or false, and a key nobody knows is refused with the nearest known one. All
// problems of a configuration come back at once, each with its key and with
// the line of the file or the variable that caused it.
//
// Secrets never stand in the file: a setting ending in _file names a file that
// holds one, a setting ending in _env an environment variable.
//
// Mappings, code lists and workflow tables are not deployment settings. They
// have packages of their own, which keep case, order and positions; viper keeps
// none of them.
package config

//go:generate go test -count=1 -run ^TestReferenceIsFresh$ . -update
