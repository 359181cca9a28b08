// Package cluster makes one worker of many: who is there, who leads, who does what.
//
// It uses Kafka's group coordinator and nothing else. Every worker joins a consumer group, group.id, that is subscribed to the
// assignment topic. The topic has one partition; who is assigned it leads. The leader reads the members from the group's
// description (a member's client id is the URL that its worker advertises), places connectors and tasks on them with [Place], and
// writes the [Placement] to the topic, which every worker tails. In the same topic each worker tells the others of itself ([Member]): its
// URL, its plugins, what it has let go of. A single worker is a cluster of one and takes the same way.
//
// A worker is a static member, named after its advertised address: one that is killed and starts again before its session has
// timed out has its place back at once, and nothing moves. One that leaves in order gives its place up.
//
// # Invariants
//
//  1. A placement gives every wanted connector and every task to exactly one worker, unless there is none, or the task is revoked from one
//     that has not let go of it yet. A task goes where its plugin is, if that is anywhere.
//  2. Only the holder of the partition writes placements, while its lease is good, and it reads the topic to its end before it does; while
//     the group is still forming, so does a worker that found it empty and is alone in the last placement.
//  3. Generations rise: a placement has a higher one than any that its writer has read, and of two with the same the first counts.
//  4. Work moves only when its worker is gone, or when it takes that to spread connectors and the weights of tasks evenly.
//  5. The work of a worker that went without a word waits for it for RebalanceDelay; that of one that said good-bye does not wait.
//  6. What moves between living workers is with nobody until the first has said that it has ended, or ReleaseTimeout is over.
//  7. A lease is the session timeout after a request was sent that the coordinator has answered, so that it ends before Kafka gives the
//     worker up. Active is false for the last third of it, and after it until all placements that were made meanwhile have been read.
//  8. A worker does not start with the address of one that is alive, nor in a group that is in use by anybody else.
//  9. While nothing changes nothing is written.
//  10. A worker that has left is out of the group, where there is time for it: one that the group still counted would be waited for.
//
// Correctness of what the sinks write does not rest on this package: a process that is paused ends nothing while it is, and
// the consumer groups of the connectors and the sinks themselves fence it.
//
// Neighbours: worker/store holds the topic; worker/herder says what is wanted and starts what is placed here.
package cluster
