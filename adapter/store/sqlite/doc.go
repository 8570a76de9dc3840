// Package sqlite is the embedded store: one SQLite file in a data folder, no
// server, no cgo. It keeps the promises of package store so:
//
//   - One goroutine writes. Decisions wait in a bounded queue and share commits,
//     up to Config.Group of them each; every one runs in a savepoint of its own,
//     so that one that fails changes nothing of its neighbours. All are answered
//     after the shared COMMIT, which with synchronous=FULL is on disk.
//   - Readers have connections of their own and never wait for the writer.
//   - Every version has a commit time that no other version has. That number
//     names it in all tables, and all lists are in its order, so that "newest
//     first" is how they lie on disk.
//   - A search is a merge of posting lists (lists.go), not a query plan: its cost
//     is known from the query alone.
//   - What is too old is removed in bounded steps (prune.go) and its space given
//     back (space.go).
//   - After the disk has failed nothing that this process remembers of the data
//     is trusted (recover.go).
//
// Backup copies a store that is in use, Restore puts the copy into an empty
// folder, Compact rewrites a folder that is not in use.
//
// The reasons and the measurements are in adapter/doc/adr/0002-store.md.
package sqlite
