// Package transform has the transformations and predicates that ship with Kafka Connect 4.3.1, and the chain that a connector
// makes of them.
//
// Behaviour, configuration keys and messages are those of org.apache.kafka.connect.transforms: testdata/cases.jsonl holds the
// answers of the Java classes to some 1,200 questions, and testdata/TransformCases.java is the program that asked.
//
// It differs where Java's own library shows through:
//
//   - what Java finds by itself (a NullPointerException, a ClassCastException) has the class of Java's exception and words of
//     this package;
//   - the message about a pattern that is no regular expression is not Java's; possessive quantifiers and intersections of
//     character classes are refused (see package javaregex), and a match that takes longer than a second is a problem of the record;
//   - patterns of dates are those of package simpledate;
//   - fields of values without a schema keep their order, where Java's HashMap loses it.
//
// # Invariants
//
//  1. A [Chain] belongs to one task; one goroutine uses it.
//  2. A record that the chain is done with shares no struct and no map with another one, apart from the configuration's own values.
//  3. A problem says in which step it was: alias and class.
//  4. What a chain keeps is bounded: results for 16 schemas, and for 64 topics, for each step.
//
// # Neighbours
//
// Package worker/data has records and values; package worker/task runs the chain between the converters; the herder lists
// the classes and validates configurations with [Keys].
package transform

// Version is the version of Kafka Connect whose classes these are.
const Version = "4.3.1"
