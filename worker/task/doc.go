// Package task runs one sink task: it reads the task's partitions from Kafka, hands their records in batches to a plugin,
// and commits what the plugin says is durable.
//
// One goroutine, the one that called [Task.Run], polls the consumer and owns all state. Beside it one goroutine sends to
// the plugin and one receives from it, so that a plugin that hangs cannot stop the polling; offset commits and look-ups,
// which wait for a broker, run in goroutines of their own, one at a time.
//
//	read → check → builder of the partition → (credit) → sender → plugin
//	commit ← durable offset of the partition ← receiver ← plugin
//
// # Invariants
//
//  1. An offset is committed only if everything below it is dealt with: the plugin reported it as durable, in the opening of the
//     partition that is committed for, or it was passed over; if Kafka has acknowledged the dead letters of all records
//     below it, whoever rejected them, and whatever the plugin reports; and if the partition is still this task's.
//  2. Batches of an opening hold the partition's records in the order of their offsets, from the offset where the plugin
//     wanted to resume. A record is left out only where it cannot be processed and errors.tolerance is all; with none it ends
//     the task.
//  3. Batches under way, sent and not taken, hold at most CreditBytes, unless it is one record alone that is larger. A partition
//     has its equal share of that, so that one whose writer is slow uses up its own share only and delays no other; a record
//     larger than the share may use the rest when the partition has nothing else under way. Dead letters under way are bounded
//     too: while they are too many no batch is sent, so that no more can come of them.
//  4. The consumer is polled at least once a second whatever the plugin does, except while partitions are
//     handed back, which takes at most CloseTimeout.
//  5. A partition that is taken away is closed in the plugin and committed before it is handed back; one that is lost is
//     closed and not committed. Partitions that stay are not touched.
//  6. Run returns within StopTimeout and a second after its context has ended, and at once, but for closing the consumer, when the
//     plugin is gone.
//  7. No partition stays without a task: one that the group has given to nobody, because a member came back that has forgotten
//     to hand it over, is noticed by a member that has just joined, within seconds.
//  8. Whatever the task waits for longer than ten seconds, its status says so.
//  9. A record that cannot be processed is a dead letter in Kafka before the sink can move beyond it: the plugin gets nothing that
//     comes after one that it did not get, and is told when all that it rejected are acknowledged. A sink that resumes where it left off, and
//     not at the committed offset, would otherwise pass over it for ever.
//  10. Nothing is allocated or locked for a record, beyond what the Kafka client does for its message.
//
// # Neighbours
//
// The herder makes the configuration, starts the plugin's task and reports what Run returns. Package fetch reads the
// records; package plugins has the other end of [Plugin]; package worker/convert checks records; package worker/deadletter writes those that cannot be processed; package worker/metrics shows what is counted here.
package task
