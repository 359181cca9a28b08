// Package plugins is both ends of the wire between a worker and a sink plugin. [Serve] turns a [connectors.Sink] into a
// plugin process; [Client] and [Task] are how the worker's side talks to one.
//
// # Invariants
//
//  1. A writer is called by one goroutine, which owns it from Open to Close; a slow partition delays no other.
//  2. What a plugin says of one opening keeps its order. Only news that older news would be replaced by anyway is merged:
//     progress (Durable), returned credit (Taken) and troubles.
//  3. The memory that a plugin holds for a task is bounded by the task's credit, or one larger record: batches that its writers
//     have not taken, and what it has to say about records that were under way.
//  4. A panic in a sink ends its task as fatal, with the place where it happened; the process and its other tasks go on.
//  5. A plugin ends when its worker does, however that happens: it watches a pipe that only the worker holds. It also ends when the
//     worker has been silent for so long, because it is paused, that another may run its tasks: the worker writes to the pipe until
//     when that is out of the question. It ignores SIGINT and SIGTERM meanwhile, so that a signal to the whole group does not cut off a flush.
//  6. Every unary call ends at its deadline, even when the sink does not.
//  7. Nothing is allocated for a record, and memory serves one batch after the other: the worker's is gRPC's until the batch was sent, the
//     plugin's is the sink's until Write returns, or for good where the sink keeps the batch. The bytes of records are copied by the
//     transport only.
//
// # Neighbours
//
// Package protocol is the wire format; connectors is what authors see; worker/pluginhost starts and watches the processes.
package plugins
