// Package partition says into which folder of its topic a record goes: Confluent's partitioners (default, field, hourly,
// daily, time-based) and timestamp extractors (wall clock, record, record field), with their folder names.
//
// # Invariants
//
//  1. What goes into which folder depends on the record alone, and on the clock where the extractor is Wallclock.
//  2. A folder never leads out of that of its topic, and HDFS takes each of its names. A record that would need another one
//     is refused with a reason.
//  3. Locating a record allocates nothing, unless the folder is named by time and differs from that of the record before,
//     or a field's text is escaped.
//
// # Sources
//
// Folder names, extractors and their limits are those of Confluent's kafka-connect-storage-common, patterns those of
// Joda-Time's DateTimeFormat, and names of months and days those of the JVM (names.tsv, made by testdata/Locales.java).
//
// # Neighbours
//
// connectors/hdfs locates the records of a Kafka partition by it. It knows no file system.
package partition
