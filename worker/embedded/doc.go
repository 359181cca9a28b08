// Package embedded is a Kafka broker inside this process: what `sluice dev` runs on a machine that has no Kafka, and what
// the tests of the worker run against. It is franz-go's kfake with a data folder, a lock on that folder, and one address.
// It is one broker without replication: good for trying and testing, not for keeping what must not be lost.
//
// # Invariants
//
//  1. With a data folder, everything that was acknowledged survives the end of the process, however it ends. Only with
//     Sync does it survive the end of the machine too.
//  2. A data folder belongs to one broker at a time: a second one is refused.
//  3. Topics are never created by being asked for. A missing topic is an error, as on a well-kept cluster.
//  4. The broker listens on one address, which is also the one it advertises; without another wish that is loopback.
//  5. After Close no goroutine and no file of the broker is left.
//
// # Neighbours
//
// Package embeddedtest starts brokers for tests and helps to fill and to inspect them.
package embedded
