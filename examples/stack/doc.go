// Package stack runs real Kafka, Kafka Connect, HDFS and Elasticsearch for tests, and breaks them on request. It drives
// the script of the same name in this folder, which people use by hand; what it needs is Linux, bash, curl, a JDK 17 and,
// the first time, Maven.
//
// Tests that use it carry the build tag "stack".
//
// Invariants:
//
//  1. Two stacks never meet: each has its own folder and, when started from here, its own block of free ports.
//  2. A port belongs to its stack until the stack is wiped, so that a killed service finds it free again.
//  3. A service counts as ready only when it does its work: the broker is unfenced, the namenode is out of safe mode and
//     lists its datanodes, the node's health is at least yellow, the worker answers for its connectors.
//  4. A signal goes only to a process that was recorded by its id and start time, so never to a stranger.
//  5. Data survives Kill, Down and a new start; only Down with wipe removes it.
//  6. A stack that was started from here ends with this process, however this process ends.
//
// Neighbours: none of this module; connectors and worker use it in their tests.
package stack
