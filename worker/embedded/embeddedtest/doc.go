// Package embeddedtest starts embedded brokers for tests, fills them with records and reads back what consumers committed, and looks for
// goroutines that tests with brokers leave.
// A broker that it starts is gone when the test ends.
//
// # Invariants
//
//  1. Every broker has a free port and, where it keeps data, a folder of the test's own: tests run side by side.
//  2. Every helper ends the test with a message when it does not succeed within two minutes.
//
// # Neighbours
//
// Package embedded is the broker itself.
package embeddedtest
