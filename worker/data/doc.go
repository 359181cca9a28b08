// Package data is Kafka Connect's data model: what a converter makes of bytes, what transformations change, and what
// becomes bytes again for a sink.
//
// A value is one of
//
//	type of the schema   Go value
//	int8 … int64         int8, int16, int32, int64
//	float, double        float32, float64
//	boolean, string      bool, string
//	bytes                []byte
//	array                []any
//	map                  *[Map]
//	struct               *[Struct]
//	Decimal (bytes)      [Decimal]
//	Date (int32), Time (int32), Timestamp (int64)   [Instant]
//
// and nil for null. Without a schema a value has the same Go types: a JSON object is a *Map with string keys in the order of
// the document, a JSON number is an int64 or a float64.
//
// # Invariants
//
//  1. A [Schema] is not changed once another goroutine, a value or a record has it; who wants another one copies it.
//  2. Schemas with equal canonical JSON ([Schema.AppendJSON]), the form that Kafka Connect's JsonConverter writes under "schema",
//     are equal; of equal schemas it differs at most in the order of parameters.
//  3. [Check] accepts a value for a schema exactly where Kafka Connect 4.3.1 does, and names problems as it does
//     (ConnectSchema.validateValue).
//  4. Values are not shared between records, and a transformation that changes a struct or map makes a new one.
//
// # Neighbours
//
// Package worker/convert makes values of bytes and bytes of values; package worker/transform has the transformations; package
// worker/task carries the records.
package data
