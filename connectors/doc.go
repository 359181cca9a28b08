// Package connectors is the kit that the author of a sink connector writes against. It knows nothing of processes, of
// gRPC or of Kafka: a sink is a plain library, and the plugins package turns it into a plugin binary.
//
// A sink is partition-scoped. The framework hands a [Task] its topic-partitions one by one; for each of them the task
// gives a [Writer], and every writer is called by one goroutine only. Connector code needs no locks for what belongs to
// one partition, and a slow partition delays no other.
//
// # Invariants
//
//  1. One writer, one goroutine: Write, Flush and Close of a writer never run at the same time. Writers of different
//     partitions run side by side.
//  2. Batches of one writer arrive in the order of their offsets and without overlap, beginning at the first offset that
//     is not below [Writer.Resume]. Offsets may have gaps (compaction, transactions, filtered records).
//  3. Ack.Durable(next) says that every record below next is stored for good, rejected, or was never asked for. It never
//     goes back. The framework commits no offset that was not reported this way.
//  4. A record is stored, or rejected through Ack.Reject with its reason, or it ends the task with an error. There is no
//     fourth way.
//  5. The memory of a batch belongs to the framework again when Write returns. A sink that needs it longer copies, or
//     takes the batch over with [Batch.Keep].
//  6. Every error that crosses from a sink to the framework has a [Code] out of a closed set, and says what the user can
//     do about it.
//  7. A configuration key is declared once, as a [Key]; parsing, validation, the REST answers and the tables in the
//     documentation come from that declaration.
//
// # Neighbours
//
// Package plugins serves a [Sink] as a process; package connectortest is the acceptance suite that every sink must pass;
// connectors/file, connectors/hdfs and connectors/elasticsearch are the sinks that ship with sluice.
package connectors
