// Package herder turns desired state into running tasks on this worker, and reports how they are. It is the one place
// with rules about lifecycles: what a connector's configuration, its target state and the placement of its tasks mean
// for processes and tasks here, what happens after a failure, and what users are told.
//
// # Invariants
//
//  1. Desired state lives in the config topic and nowhere else. A request over REST writes there, and the reconcile loop
//     acts on what it reads back; what a restart of the worker finds is what every worker acts on.
//  2. A task runs here only while the placement gives it to this worker, and at most once: its successor waits until it
//     has ended.
//  3. Only the leader writes task configurations. Every worker says what work there is to place, because any can become
//     the leader.
//  4. A failed task starts again by itself where its failure allows (the plugin died, the other side is away), with
//     growing, jittered pauses; a plugin that keeps dying stays FAILED. A wrong record or configuration is never tried
//     again without a change.
//  5. A FAILED status has a trace that says what was tried, why it failed and what to do.
//  6. No call to a plugin holds a lock, and each has a deadline: a plugin that hangs costs its own connector only.
//  7. Configurations leave this package masked, and reach a plugin resolved.
//  8. A worker that may not be a member of the cluster any more runs nothing: its tasks end while Kafka still counts it as one,
//     and plugins that are not done by then are ended. What it says of them afterwards counts for nobody.
//  9. A task that goes to another worker has ended before that one starts it.
//
// # Neighbours
//
// Above it package api, whose Herder interface it implements; below it worker/store (state), worker/cluster (placement),
// worker/pluginhost (processes) and worker/task (one running task). It knows neither HTTP nor gRPC.
package herder
