// Package postgres is the store for several instances of linkloop on one
// PostgreSQL database. It keeps the promises of package store so:
//
//   - Whoever holds the one row of the table clock decides. A group of decisions
//     is one transaction that takes the row, reads what the decisions said they
//     would read, runs them one after the other on what is then in memory, and
//     writes everything with one statement for each table: two round trips for
//     the whole group, whatever its size.
//   - The row is held until the commit is on disk, so commit times increase over
//     all instances in the order in which commits become visible: who has seen
//     one time never later sees something with an earlier one.
//   - Nothing is kept in a session, so a connection pooler in transaction mode
//     may stand between.
//   - A View that reads once is one statement; only one that reads again runs
//     once more in a transaction of its own.
//
// The reasons and the measurements are in adapter/doc/adr/0006-postgres.md.
package postgres
