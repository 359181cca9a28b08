// Package convert has Kafka Connect's converters: they make values ([Converter], package worker/data) of the bytes of keys, values and
// headers. Most tasks need no values. The bytes that converters pass ([Converter.Direct]), those of StringConverter, ByteArrayConverter
// and JsonConverter without schemas, go to the sink as they lie in the topic, checked where they must follow rules
// ([JSON]). For the others, JsonConverter with schemas and the converters of numbers and booleans, [Wire] makes a payload of
// the value, and the JSON form of its schema.
//
// They follow Kafka Connect 4.3.1 and its Jackson 2.21, whose answers are in testdata: json.golden to some 600 documents
// without schemas, converters.golden to a thousand with and without, exceptions and their messages among them. JsonCases.java and
// ConverterCases.java are the programs that asked. Like JsonConverter, [JSON] takes the first document and ignores what
// follows, takes an empty value and the document null as null, drops a byte order mark, takes numbers with leading zeros (and gives
// them on without), and keeps Jackson's limits on depth, numbers, names and strings. With a schema, a number is forced into its
// type as in Java, the low bits of one that is too large; text where a number should be is 0.
//
// Differences on purpose, where Connect's answer could not be handed on as valid JSON in UTF-8, or would lose something:
//
//   - documents in UTF-16 and UTF-32, which Jackson detects, are refused;
//   - UTF-8 that is overlong or beyond U+10FFFF, which Jackson decodes to something else, is refused;
//   - true, false or null as the whole value with a non-ASCII character right behind is refused, whatever the character;
//   - StringConverter passes bytes through where Java would replace what is not valid UTF-8 by U+FFFD, and knows UTF-8 only;
//   - a decimal that is written as a number with another scale than its schema's reaches the sink as a number;
//   - a name or text of documentation of a schema that is empty counts as none.
//
// # Invariants
//
//  1. What JSON gives back is one valid document by RFC 8259 in valid UTF-8, without anything before or behind it, or nil for
//     null. It is part of the input, and nothing is allocated, unless a number had leading zeros.
//  2. JSON refuses whatever Connect's JsonConverter refuses, and beyond that only what is listed above.
//  3. Memory and time are linear in the input; depth is bounded, and so is the number of schemas that are kept.
//  4. What Wire gives are documents as Kafka Connect's JsonConverter writes them.
//
// # Neighbours
//
// Package worker/task converts records; the herder makes converters of configurations and describes them.
package convert
