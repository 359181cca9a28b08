// Package compact merges committed files that are too small into larger ones, while readers read and whatever is killed.
//
// HDFS moves one name at a time. So the merged file appears first, and then those it was made of are removed, one by one. Its
// name has the first and the last offset of them all: a reader can tell that a file whose offsets lie within those of
// another file of the same Kafka partition in the same folder is about to go, and passes over it.
//
// # Invariants
//
//  1. No reader ever misses a record: what a merged file was made of is removed only when it is in its place.
//  2. A reader that passes over files within others sees every record once, at any time. One that takes all files can see
//     records twice from the rename of the merged file until the last of the others is removed: some milliseconds, or until
//     the partition is opened again where the process was killed then.
//  3. A journal names the merged file and those it was made of before it appears. Only what a journal names is ever
//     removed. It comes into its place by a rename out of the temporary folder of the present writer, as the merged file does:
//     one that has been fenced off can do neither.
//  4. Whoever finds a journal finishes or forgets it, as often as they like: [Folder.Recover].
//  5. Only neighbours are merged, in the order of their offsets, and only those that have not changed for a while.
//
// # Neighbours
//
// connectors/hdfs says what files there are and when to look at them; encode merges their content.
package compact
