// Package publish carries events to a Kafka topic without ever making the caller wait for Kafka.
//
// An event takes one way: [Publisher.Publish] admits it to the buffer and returns; the forwarder hands it to the
// Kafka client (librdkafka); the delivery report settles it. A second goroutine, the keeper, looks after the topic: it
// creates it when it is missing, and holds the forwarder back until it exists.
//
//	Publish ─> queue (a channel) ─> forwarder ─> librdkafka ─> Kafka
//	   │             ▲                                │
//	 ledger          └── refused for now: once more ── reports ─> ledger
//
// The buffer is the queue and librdkafka's own queue together. One ledger counts both, so there is one bound; the
// channel in front exists because librdkafka alone would lose events in the cases of invariant 5. Handing over is a move,
// not a copy that stays: an event is in one of the two, never in both.
//
// # Invariants
//
//  1. Publish never waits: no network, no call into the client, no full channel. The queue has a slot for every event the
//     ledger can admit, so sending to it cannot block.
//  2. Memory is bounded: the ledger never holds more than Config.BufferEvents events nor Config.BufferBytes bytes of
//     values. What does not fit is refused at once with [ErrFull] and counted as dropped. An event costs about 300 bytes
//     beside its value.
//  3. Accepted = delivered + failed + buffered in every [Counts] that can be observed, not only at rest: the ledger changes
//     all of them under one lock. Every event accepted is settled exactly once.
//  4. Accepted events do not expire: message.timeout.ms is 0, so what is buffered when Kafka goes away is delivered when it
//     is back, whenever that is. An event fails only when Kafka refuses it for its own sake, or when the service has to stop
//     while Kafka is away.
//  5. No event is handed to the client before the topic is known to exist, and one that comes back because the topic has
//     vanished, or because the service may not write to it, goes round once more. librdkafka alone would fail them all for good, and
//     its metadata requests would let a broker create the topic with the wrong number of partitions.
//  6. After [Publisher.Close] nothing is buffered and no goroutine is left; what was not delivered is counted as failed.
//  7. No value of an event and no value of a producer property is ever logged.
//
// Delivery is at least once: with acks=1 the producer cannot be idempotent, so a connection that breaks between a write and its
// acknowledgement can store an event twice. Order is not promised; a record's timestamp is the moment of its acceptance.
//
// Neighbours: package main of sluice-web, which serves the page and the API, is the only user.
package publish
