// Command sluice-web serves a page where a person picks a favourite colour, and publishes every pick to a Kafka topic.
//
// It is the collecting end of the pipeline: nothing that happens behind it may slow the page down or take a click away.
//
//	browser ── GET / ──> page ── GET /api/select ──> publish.Publisher ──> Kafka topic select-color
//
// # Invariants
//
//  1. No request waits for Kafka. A pick is answered as soon as it is in the buffer, or refused at once when the buffer is
//     full (503 with Retry-After).
//  2. An event has exactly the keys timestamp, userAgent, colorName and userName, in this order, and no Kafka key.
//  3. What a person sends is bounded before it is kept: a colour to 64 characters, a name to 128, a browser's name to 1,024 bytes.
//     A parameter out of bounds is refused with its name; a strange browser is cut and repaired, never refused.
//  4. Every answer under /api, errors too, is JSON and may be read by pages of any origin.
//  5. The page needs nothing from elsewhere, and its Content-Security-Policy forbids it.
//  6. After a stop signal no event is accepted any more, and those accepted have the shutdown timeout to reach Kafka; what
//     does not is counted and logged. A second signal ends the process at once.
//
// Neighbours: package publish (beside this one) is the buffer and the way to Kafka. Nothing of the worker is used.
package main
