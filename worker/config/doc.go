// Package config reads what users write for the worker and for connectors: worker properties by Kafka Connect's names,
// the keys that every sink connector has, references to secrets kept elsewhere, and the translation of Java client
// settings into those of librdkafka.
//
// # Invariants
//
//  1. A key is declared once, with connectors.ConfigDef; parsing, validation, REST answers and documentation read it there.
//  2. A secret is shown nowhere: Mask replaces every value whose key is declared a password, or whose name says that it
//     is one, and errors never quote it.
//  3. A masked value that comes back stands for the value that is stored (Unmask), so that a configuration read over REST
//     can be written back.
//  4. References such as ${env:NAME} are resolved when a task starts, never stored resolved.
//  5. A setting of the Java client that has no counterpart is named in a warning; one that would weaken security when
//     dropped is an error.
//
// # Neighbours
//
// worker/herder validates and masks with it; worker's commands load the worker properties with it.
package config
