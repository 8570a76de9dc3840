// Package load puts a running linkloop under load over HTTP and reports what a
// caller would have seen: throughput, latencies, errors by kind, the processor
// time the server spent, and whether the server holds exactly what it said it
// took.
//
// A phase does one kind of work. With a rate it is open-loop: requests have
// intended times, whatever the server does, and a latency counts from the
// intended time. A server that stalls for a second then shows a second in every
// request that was due, and not in the one that happened to be sent
// ("coordinated omission"). Without a rate it is closed-loop: each client sends
// its next request when the last one is answered, which measures what the server
// can do and not what a caller waits.
//
// A phase of mixed work has everything by turns, and shows each kind of work by
// itself and what the server used in its first and in its last third. When the
// server delivers to a record of ours, the books go on to the end: Tasks that
// were completed, deliveries owed and proven, outcomes in the record, once each.
//
// The tests of this package also kill servers: see make crash. SIGKILL ends a
// process at any moment and leaves to the operating system what was written; a
// loss of power, which does not, is imitated in the tests of the stores.
//
// Referrals are made up from a seed. NHS numbers are valid and from the range
// 999 000 0000 to 999 999 9999, which is never given to a person.
package load
