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
// Referrals are made up from a seed. NHS numbers are valid and from the range
// 999 000 0000 to 999 999 9999, which is never given to a person.
package load
