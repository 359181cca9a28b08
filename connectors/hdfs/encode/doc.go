// Package encode turns the values of records into the bytes of files: JSON and text by the line, raw bytes, Avro and
// Parquet. It knows neither HDFS nor names of files: its user asks [Schemas] whether a record belongs into the open
// file, appends it to a [File], takes what can be streamed already, and stores what Finish gives.
//
// # Invariants
//
//  1. A record is in the file as a whole, or Append has returned an error and the file is as it was before.
//  2. The bytes that Finish gave stay what they are until Reset, and Finish gives them again when it is asked again: a
//     store that fails may write them as often as it likes.
//  3. What Take gave and what Finish gives, one behind the other, is the file.
//  4. A file has one schema. A record whose schema is another one is written as the schema of the file has it where the
//     compatibility mode allows that, and begins another file otherwise.
//  5. A record is refused only for what it holds itself, and the error says what and where.
//  6. Nothing is allocated for a record, but for what a codec or Parquet's pages take.
//  7. The memory that a file holds can be asked for and taken back at any time: Held and Take.
//  8. What the user reads in a file does not depend on this package: its files are read by Python's Avro and Arrow, and its
//     schemas are compared with those of Confluent's own classes, in the tests.
//
// # Neighbours
//
// connectors/hdfs owns the configuration keys, the names and the stores.
package encode
