// Package hdfs is the HDFS sink: it writes the values of records to files in HDFS, or in a folder of this machine, and
// takes the configuration of Confluent's HDFS 2 and 3 sink connectors.
//
// # Invariants
//
//  1. A record is in exactly one committed file, or rejected. Committed is what lies under its final name; nothing else
//     is ever shown to readers of the topic's folders.
//  2. A file is written under a temporary name, closed, its length compared with what was written, and only then renamed.
//     Only then its records are reported as durable. Where a commit has several files, a manifest that lists them is put into
//     place by a rename before: that is the commit, and the renames that are left can be repeated by anyone.
//  3. Every opening of a partition works in a temporary folder of its own and first moves away those of its predecessors:
//     one atomic step of the namenode, after which nothing that they still do can succeed. Only then it looks at what is
//     committed, and resumes behind it. It looks into the newest folders, of which the last manifest knows, and into all
//     folders of the topic only where there is none, or where the files are gone that it speaks of.
//  4. The content of files stays in memory until they are committed, up to sluice.buffer.bytes for all files of a Kafka
//     partition, those being committed among them; a failed file is abandoned and written anew. A larger one is streamed, and
//     its failure sends the task back to the last committed offset; one that follows a larger one, or grows so fast that it
//     will soon be larger, is streamed from its beginning.
//  5. In append mode the length of the growing file counts as recorded in its progress file, which is replaced by a
//     rename from the temporary folder; what lies beyond was never acknowledged and is cut off by the next opening, or, from
//     a file that HDFS did not let be opened, as soon as it does. After an attempt whose outcome is not known, and after a cut,
//     nothing is appended to that file any more: another one is begun, and no record waits.
//  6. Every call to HDFS ends at its deadline or when its context does. Clients with broken files are closed, because a
//     living client would hold their leases.
//  7. While the other side is away the writer tries again by itself and says why; it gives up only when another writer
//     has taken its place, or for what no retry can mend.
//  8. A commit takes all open files of a Kafka partition. It runs in the background while the next files are filled; the
//     next commit begins when it has ended. The file system is used by one goroutine at a time.
//
// The traps of the client that stand behind these rules: its Flush waits for nothing, a failed write may be followed by
// writes that succeed, Close may succeed on a short file, a call to a hung node never returns by itself, and the goroutines
// of a file that failed would never end.
//
// # Neighbours
//
// It uses colinmarc/hdfs, gokrb5 for Kerberos, and the packages encode for the content of files, partition for their folders, compact
// for merging those that are small, hive for the statements of tables. plugins/hdfs makes a plugin binary of it.
package hdfs
