// Package connectortest is the acceptance suite that every sink must pass. The author of a connector calls [Run] with a
// [Subject], which says how to make a fresh place to write to and how to read it back without the sink:
//
//	func TestAcceptance(t *testing.T) {
//		connectortest.Run(t, connectortest.Subject{
//			Sink:      mysink.New(),
//			Guarantee: connectortest.AtLeastOnce,
//			Null:      connectortest.Rejected,
//			Empty:     connectortest.Stored,
//			Target: func(tb testing.TB, _ connectors.Payload) connectortest.Target {
//				name := filepath.Join(tb.TempDir(), "out")
//				return connectortest.Target{
//					Config: map[string]string{"file": name},
//					Stored: func(context.Context) ([][]byte, error) { return readLines(name) },
//				}
//			},
//		})
//	}
//
// The suite plays the framework: it keeps the log of each partition, opens writers where they want to resume, hands them
// batches and listens to their [connectors.Ack]. Every value names its own topic, partition and offset, so that the suite
// knows from a bare list of stored values what is there, what is missing, what came twice and what is damaged.
//
// It does not ask where the sink runs. A [connectors.Sink] whose tasks are in another process passes the same cases; if
// its tasks can be killed, see [Crasher].
//
// # Invariants
//
// A sink that passes keeps these. The cases of the suite cite them by number.
//
//  1. The declaration is complete: name, semantic version, summary, classes, every key documented, of a known type and
//     not one of the framework's; defaults and recommended values are accepted, and no password has a default. It is the
//     same at every call.
//  2. Validation names every wrong key, and does not panic whatever the values are. A configuration of the subject's is
//     accepted and starts.
//  3. Whatever was written is stored after Flush, unchanged, in every payload that the sink accepts: gaps between
//     offsets, headers and large records make no difference. Null and empty values have the outcome that the subject
//     says, and end neither in silence nor in the way of their neighbours.
//  4. What was reported durable is stored at that time.
//  5. Ack.Durable never goes back and never beyond what was written. Flush has reported everything when it returns.
//  6. A successor misses nothing: after Close, after a crash, with the group's offset or without. With ExactlyOnce it
//     repeats nothing either, and a predecessor that wakes up late does no harm.
//  7. Partitions are independent: many of them at the same time lose and mix up nothing.
//  8. The memory of a batch is not looked at after Write has returned, unless Keep was called.
//  9. Every call returns soon after its context has ended, also when the service does not answer. What was reported
//     before stays true.
//  10. Stop ends everything: no goroutine of the sink is left, whether partitions were open or not.
//
// # Neighbours
//
// It uses the standard library and package connectors only, so that a connector outside of this module can use it, too.
package connectortest
