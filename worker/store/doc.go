// Package store keeps the worker's shared state in Kafka: what is wanted (config topic), what is so (status topic) and who does
// it (assignment topic). Each is a compacted topic that is read to its end when it is opened, tailed afterwards and written with
// a producer that all three share.
//
// The config and status topics have the record formats of Kafka Connect 4.3 (its KafkaConfigBackingStore and
// KafkaStatusBackingStore): keys are plain text, values are JSON without a schema, a record without a value is a tombstone. Workers
// of either kind can therefore be stopped and the other kind started on the same topics.
//
//	config      session-key                       {"key":…,"algorithm":…,"creation-timestamp":…}
//	            connector-<name>                  {"properties":{…}}
//	            task-<name>-<n>                   {"properties":{…}}
//	            commit-<name>                     {"tasks":<count>}
//	            target-state-<name>               {"state":…,"state.v2":STARTED|PAUSED|STOPPED}
//	            restart-connector-<name>          {"include-tasks":…,"only-failed":…}
//	            logger-cluster-<logger>           {"level":…}
//	            tasks-fencing-<name>              read past; only source connectors have it
//	status      status-connector-<name>           {"state":…,"trace":…,"worker_id":…,"generation":…,"version":…}
//	            status-task-<name>-<n>            the same
//	            status-topic-<topic>:connector-<name>  {"topic":{"name":…,"connector":…,"task":…,"discoverTimestamp":…}}
//	assignment  placement                         [Placement], as JSON
//	            worker-<host:port>                [Member], as JSON
//
// # Invariants
//
//  1. What a Put of [ConfigStore] or [AssignmentStore] wrote, the same store has read back when the call returns without an error:
//     a snapshot taken after it contains the write.
//  2. Records are applied in the order of the topic, by one goroutine, and nothing else changes the state of [ConfigStore]; two
//     stores that have read as far hold the same state.
//  3. Task configurations take effect only together, by the commit record that follows them. A commit without all of its tasks
//     (compaction removed some) marks the connector inconsistent.
//  4. A tombstone of connector-<name> forgets its tasks, applied or waiting. Task and commit records stay in the topic, as Connect
//     leaves them, and do not come back to life when the connector is created again, because a commit counts only while its connector
//     exists and only with the task records since.
//  5. A record that does not parse is passed over with a warning that names topic, partition, offset and key. No record can stop or
//     crash the worker.
//  6. A snapshot never changes.
//  7. Writes of [StatusStore] to one key reach the topic in their order, and one that fails is sent again unless a later one to the
//     same key has been made.
//  8. The assignment and status topics hold nothing that the workers who run do not know: where one is deleted meanwhile, they make it anew
//     and each writes again what it has written. The config topic is never made anew, and writes to it are refused, while a worker runs.
//  9. No call waits longer than its context, or [DefaultTimeout] when that has no deadline.
//
// Neighbours: worker/herder uses the stores; worker/cluster elects who writes the assignment topic, and places the work.
package store
