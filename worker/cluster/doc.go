// Package cluster makes one worker of many: who is there, who leads, who does what.
//
// It uses Kafka's group coordinator and nothing else. Every worker joins a consumer group, group.id, that is subscribed to the
// assignment topic. The topic has one partition; who is assigned it leads. The leader reads the members from the group's
// description (a member's client id is the URL that its worker advertises), places connectors and tasks on them with [Place], and
// writes the [Placement] to the topic, which every worker tails. A single worker is a cluster of one and takes the same way.
//
// A worker is a static member, named after its advertised address: one that is killed and starts again before its session has
// timed out has its place back at once, and nothing moves.
//
// # Invariants
//
//  1. A placement gives every wanted connector and every task to exactly one worker, unless there is none.
//  2. Only the holder of the partition writes placements, and it reads the topic to its end before it does; while the group is
//     still forming, so does a worker that found it empty and is alone in the last placement.
//  3. Generations rise: a placement has a higher one than any that its writer has read.
//  4. Work moves only when its worker is gone, or when it takes that to spread connectors and tasks evenly.
//  5. The work of a worker that went without a word waits for it for RebalanceDelay; that of one that said good-bye does not wait.
//  6. While nothing changes nothing is written.
//
// Correctness of what the sinks write does not rest on this package: for a moment two workers may hold a placement to be the
// latest, and the consumer groups of the connectors fence them.
//
// Neighbours: worker/store holds the topic; worker/herder says what is wanted and starts what is placed here.
package cluster
