// Package deadletter writes records that cannot be processed to a connector's dead letter queue, a topic of Kafka.
//
// A dead letter is the record as it lay in its topic: key, value, headers and timestamp; with context headers, those of Kafka
// Connect 4.3.1 (__connect.errors.topic and so on) say what went wrong. A record that a sink rejects is not at hand any
// more when the sink does so, perhaps minutes after it got it: it is read again from its topic. Where it is gone from there
// in the meantime, its dead letter has no content, and always the headers.
//
// # Invariants
//
//  1. There is one result for each letter: that Kafka has it, written by an idempotent producer and acknowledged by all replicas,
//     or why it never will.
//  2. Memory is bounded: [Queue.Full] asks its user to wait, and the queue itself reads no record again before there is room.
//  3. Send, Full, Results and Stuck never wait for Kafka. A broker that is away is waited for as long as the queue is open.
//  4. Close ends all goroutines and clients.
//
// # Neighbours
//
// Package worker/task decides which records become dead letters and holds commits back until their results are there.
package deadletter
