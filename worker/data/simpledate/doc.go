// Package simpledate formats and parses moments by the patterns of Java's java.text.SimpleDateFormat, in UTC and with English
// names, as transformations and header values of Kafka Connect use them.
//
// The letters are those of SimpleDateFormat: G y Y M L w W D d F E u a H k K h m s S z Z X, with text between apostrophes.
// Parsing is as lenient as Java's: fields may overflow (month 13 is January of the next year), what stands behind the matched
// text is ignored, blanks before a field are skipped, and two-digit years lie within 80 years before and 20 years after the
// making of the format. Dates before 15 October 1582 are Julian.
//
// It differs from Java 17 where that matters little: Y, w, W, F and u are formatted and not parsed; of time zone names only UTC,
// GMT and some thirty abbreviations are parsed, each with one offset; and a parsed zone has no effect on what is parsed next.
//
// # Invariants
//
//  1. A [Format] is immutable; any number of goroutines may use it.
//  2. Time and memory are linear in pattern and text.
//
// # Neighbours
//
// Packages worker/data and worker/transform use it; it uses nothing of the project.
package simpledate
