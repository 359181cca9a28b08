// Package convert stands for Kafka Connect's converters. A sink of sluice gets the bytes of keys and values as they lie in
// the topic; what a converter does here is to say what those bytes are ([Payload]) and to check them where they must
// follow rules ([JSON]).
//
// JsonConverter without schemas follows Kafka Connect 4.3.1 and its Jackson 2.21: testdata/json.golden holds its answers
// to some 600 documents, and testdata/JsonCases.java is the program that asked. Like it, [JSON] takes the first document
// and ignores what follows, takes an empty value and the document null as null, drops a byte order mark, takes numbers
// with leading zeros (and gives them on without), and keeps Jackson's limits on depth, numbers, names and strings.
//
// It differs on purpose where Connect's answer could not be handed on as valid JSON in UTF-8:
//
//   - documents in UTF-16 and UTF-32, which Jackson detects, are refused;
//   - UTF-8 that is overlong or beyond U+10FFFF, which Jackson decodes to something else, is refused;
//   - true, false or null as the whole value with a non-ASCII character right behind is refused, whatever the character.
//
// StringConverter passes bytes through. Java would replace what is not valid UTF-8 by U+FFFD; here the bytes stay as they
// are. Its encoding option is accepted for UTF-8 only. ByteArrayConverter passes bytes through as it does in Connect.
//
// # Invariants
//
//  1. What JSON gives back is one valid document by RFC 8259 in valid UTF-8, without anything before or behind it, or nil for
//     null. It is part of the input, and nothing is allocated, unless a number had leading zeros.
//  2. JSON refuses whatever Connect's JsonConverter refuses, and beyond that only what is listed above.
//  3. Memory and time are linear in the input; depth is bounded.
//
// # Neighbours
//
// Package worker/task calls JSON for every record of a task whose converter is JsonConverter; the herder calls Payload when
// it makes task configurations.
package convert
