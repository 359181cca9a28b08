// Package fetch reads the records of a Kafka consumer many at a time.
//
// The Go binding hands out one message for each call into the Kafka client, and allocates a message, its topic, key and value each
// time: that is most of what a record costs a worker. A [Reader] gives the partitions that it is told of a queue of their own,
// beside the consumer's, and takes from there what is ready with one call. Groups, offsets, errors and all else stay with the
// binding's consumer, whose Poll has to be called as well.
//
// # Invariants
//
//  1. Records of a partition come in the order of their offsets, and none by the consumer's Poll once Route was called.
//     Route is called before each assignment: the client forgets it when a partition is given up.
//  2. A [Record] is a view of the client's memory, valid until the next Read. Keep makes one that stays.
//  3. Nothing is allocated for a record.
//  4. What is taken from the client at once is bounded by a number of records; it is beside what the client's own settings
//     bound (queued.max.messages.kbytes).
//  5. Waiting takes no thread and no time of a processor, for one consumer as for a thousand: the client rings when something has
//     come ([Reader.Ready]), and its log is read when it suits ([Reader.ReadLog]), where the binding would ask ten times a second.
//
// # Neighbours
//
// It is a part of package task. What it uses of the Kafka client is declared in https://docs.confluent.io/platform/current/clients/librdkafka/html/rdkafka_8h.html,
// whose functions the binding links.
package fetch
