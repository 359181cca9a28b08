// Package file is the sink that writes record values to a local file, one to a line: Kafka Connect's FileStreamSink. It is
// for trying things out and for measuring; it shows how small a sink can be.
//
// # Invariants
//
//  1. A line is written whole: every write to the file ends at the end of a line, goes behind what is there, and first ends
//     a line that somebody left unfinished who was killed or ran out of disk. Several partitions, tasks and processes may
//     share one file.
//  2. A record is reported durable when the operating system has its line. That survives the death of the plugin and of
//     the worker, not of the machine; Flush and Close also wait for the disk.
//  3. Delivery is at least once: what was written after the last commit is written again after a kill.
//
// # Neighbours
//
// It is served as a process by plugins/file.
package file
