// Command benchmark measures the file sink of sluice against Kafka Connect's FileStreamSink, on one broker and one topic.
//
//	go run ./examples/benchmark [-records 1000000] [-rounds 5] [-converters json,string]
//
// With -elasticsearch it measures the Elasticsearch sink against a loop that only sends bulk requests of 2,000 documents, four at a
// time: the same documents and ids into the same index of one shard, made anew for each round. Both share the processors with the
// server, whose own work is most of all: besides documents a second it tells documents a second of everybody's CPU time, which other
// load on the machine changes less. The loop reads no Kafka. With -server-cpus 0 the server has that processor for itself once it is
// warm, and all others have the rest: then it is the server that bounds both sides.
//
// With -hdfs it measures the HDFS sink on a namenode and three datanodes, with two sizes of files and two converters: from
// the first record that is read until the last full file is committed. What does not fill a file does not count.
// Beside each a loop writes files of the same size from memory with the same client, which says what HDFS itself takes; and the
// CPU time of Kafka and HDFS is told, because they share the machine. -replication sets the copies of a block, -workload
// measures one of them only, and -beside names folders of other builds, which are measured in turn with the first. Before all
// that the loop writes until HDFS takes less time for a file no more, because its compilers have done their work.
//
// # Invariants
//
//  1. What counts is what lies in the sink's file, or in the index: it is counted there, and every record must be there, once.
//  2. The two workers take turns, round by round, in a different order each time; the results are medians over the
//     rounds, and ratios within a round.
//  3. Both have been warmed up by rounds that are not counted (-warmups), and Java runs with all of its compilers. While one is measured the other idles.
//  4. The rate is taken from the first line or record to the last, so that it does not count the forming of consumer groups; CPU
//     and memory are those of the worker process and its children, from before the connector's creation to its last line.
//
// # Neighbours
//
// It uses the services of examples/stack and the binaries of `make build`.
package main
