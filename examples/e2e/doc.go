// Package e2e tests the whole pipeline as its users run it: real processes, killed and paused for real, and readers that
// share no code with what wrote.
//
// # Invariants
//
//  1. Every random choice comes from a seed that is printed; SLUICE_SEED plays it again.
//  2. Faults come at observed progress, not at times, so that a slow machine tests the same thing.
//  3. The readers use HTTP and the files' contents only: WebHDFS and Elasticsearch's search, never the sinks' clients.
//  4. Every fault test ends by healing and waiting for progress.
//  5. What is to take no longer than some seconds may take longer only by as much as the machine is measured to be slower meanwhile.
//
// # Neighbours
//
// Services come from examples/stack, binaries from the module itself.
package e2e
