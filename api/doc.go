// Package api serves Kafka Connect's REST API (4.3) over HTTP, on chi.
//
// It knows the worker as a Herder, an interface of its own, and HTTP; it knows nothing of Kafka, plugins or processes.
// New makes the handler, Listen the server around it: listeners, TLS, timeouts and a graceful stop.
//
// # Invariants
//
//  1. What Kafka Connect answers is answered here: path, status, headers, JSON and the texts of errors. Where an answer
//     differs on purpose, README.md says so and why, and a test holds it against recorded answers of Kafka Connect.
//  2. A request that is wrong is answered with 4xx and a message that says where; 5xx means that the worker is at fault.
//  3. A path segment is decoded once, after routing. What Kafka Connect's server takes for ambiguous in a path is refused.
//  4. A request ends within the request timeout, holds at most MaxBody bytes of body, and one that panics takes down
//     nothing but itself.
//  5. Bodies, credentials and queries are never logged.
//  6. The routes are declared once, in routes; OPTIONS and Allow follow from them, and tests hold the table in README.md
//     and the OpenAPI document against them.
//  7. Every answer, ours and Kafka Connect's, fits the OpenAPI document, and no request makes the worker answer 5xx
//     through a fault of its own.
//
// # Neighbours
//
// worker/herder implements Herder, and the worker's main package serves it.
package api
