package hdfs

import (
	"errors"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// The keys that say what is in a file.
var (
	formatClass = connectors.ClassName("format.class", "Format of the files: AvroFormat, ParquetFormat, JsonFormat (one document to a line), StringFormat (one text to a line) or ByteArrayFormat (values as they are). Only the last part of the name counts.",
		connectors.Group(groupConnector), connectors.Default("io.confluent.connect.hdfs.avro.AvroFormat"), connectors.WithImportance(connectors.High),
		connectors.Check("AvroFormat, ParquetFormat, JsonFormat, StringFormat, ByteArrayFormat", checkFormat), connectors.Recommend(
			"io.confluent.connect.hdfs.avro.AvroFormat", "io.confluent.connect.hdfs.parquet.ParquetFormat", "io.confluent.connect.hdfs.json.JsonFormat", "io.confluent.connect.hdfs.string.StringFormat", "io.confluent.connect.hdfs.bytearray.ByteArrayFormat"))
	bytesExtension = connectors.String("format.bytearray.extension", "Extension of the files of ByteArrayFormat.",
		connectors.Group(groupConnector), connectors.Default(".bin"), connectors.Check("without /", func(s string) error {
			if strings.Contains(s, "/") {
				return errors.New("String must not hold a slash")
			}
			return nil
		}))
	bytesSeparator = connectors.String("format.bytearray.separator", "What follows each value in the files of ByteArrayFormat; empty for a line feed.",
		connectors.Group(groupConnector), connectors.Default(""))
	compression = connectors.String("sluice.compression", "Compression of the files of JsonFormat, StringFormat and ByteArrayFormat. It adds its extension to their names, by which Hadoop's tools know it: .gz, .zst, .snappy, .deflate.",
		connectors.Group(groupConnector), connectors.Default(encode.None), connectors.OneOf(encode.Codecs()...))
	avroCodec = connectors.String("avro.codec", "Compression of the blocks of Avro files: null (none), deflate, snappy or zstandard. Confluent's bzip2 is not supported.",
		connectors.Group(groupConnector), connectors.Default("null"), connectors.OneOf("null", encode.Deflate, encode.Snappy, "zstandard"))
	parquetCodec = connectors.String("parquet.codec", "Compression of the pages of Parquet files.",
		connectors.Group(groupConnector), connectors.Default(encode.Snappy), connectors.OneOf(encode.ParquetCodecs()...))
	compatibility = connectors.String("schema.compatibility", "What becomes of a record whose schema is not that of the open files. NONE: the files are committed and the record begins new ones. "+
		"BACKWARD, FULL: the same for newer schemas; records of older ones are projected to the newest. FORWARD: the same for older schemas; records of newer ones are projected to the oldest. All but NONE need versions in the schemas.",
		connectors.Group(groupSchema), connectors.Default("NONE"), connectors.OneOf(encode.Compatibilities()...))
	enhancedAvro = connectors.Bool("enhanced.avro.schema.support", "Whether values that were enums in Avro are enums again in Avro files. Otherwise they are strings.",
		connectors.Group(groupSchema), connectors.Default("true"), connectors.WithImportance(connectors.Low))
	avroMetadata = connectors.Bool("connect.meta.data", "Whether the schemas in Avro files say what only Kafka Connect understands: names, versions, documentation and parameters, as properties that begin with connect.",
		connectors.Group(groupSchema), connectors.Default("true"), connectors.WithImportance(connectors.Low))
	optionalKeys = connectors.Bool("allow.optional.map.keys", "Whether a map with optional texts for keys is a map in Avro and Parquet files, as one with required ones is; a record with a null key is rejected then. Otherwise it is a list of entries.",
		connectors.Group(groupSchema), connectors.Default("false"), connectors.WithImportance(connectors.Low))
	schemaCache = connectors.Int("schemas.cache.config", "How many schemas each Kafka partition keeps ready.",
		connectors.Group(groupSchema), connectors.Default("1000"), connectors.AtLeast(1), connectors.WithImportance(connectors.Low))
)

// formatKeys are those keys in their order.
func formatKeys() []connectors.AnyKey {
	return []connectors.AnyKey{formatClass, bytesExtension, bytesSeparator, compression, avroCodec, parquetCodec, compatibility, enhancedAvro, avroMetadata, optionalKeys, schemaCache}
}

// newFormat makes the configured format for values of a payload.
func newFormat(cfg connectors.Config, payload connectors.Payload) (*encode.Format, error) {
	return encode.New(encode.Options{
		Class: formatClass.Get(cfg), Payload: payload,
		Separator: bytesSeparator.Get(cfg), Extension: bytesExtension.Get(cfg), Compression: compression.Get(cfg),
		AvroCodec: avroCodec.Get(cfg), ParquetCodec: parquetCodec.Get(cfg), Compatibility: compatibility.Get(cfg),
		NoMetadata: !avroMetadata.Get(cfg), PlainEnums: !enhancedAvro.Get(cfg), OptionalKeys: optionalKeys.Get(cfg), Cache: schemaCache.Get(cfg),
	})
}

// growable says whether a file of a format can be appended to for ever.
func growable(class string) bool {
	switch encode.LastPart(class) {
	case encode.Avro, encode.Parquet:
		return false
	default:
		return true
	}
}

func checkFormat(class string) error {
	switch lastPart(class) {
	case encode.JSON, encode.String, encode.ByteArray, encode.Avro, encode.Parquet:
		return nil
	case "OrcFormat":
		return errors.New("ORC cannot be written; use ParquetFormat, AvroFormat, JsonFormat, StringFormat or ByteArrayFormat")
	default:
		return errors.New("String must be one of AvroFormat, ParquetFormat, JsonFormat, StringFormat, ByteArrayFormat, with or without the package before it")
	}
}

// checkGrowing looks at whether the format allows append mode.
func checkGrowing(cfg connectors.Config) []connectors.ConfigError {
	if !strings.EqualFold(writeMode.Get(cfg), modeAppend) || growable(formatClass.Get(cfg)) {
		return nil
	}
	return []connectors.ConfigError{{Key: writeMode.Name(), Message: "Invalid value append for configuration sluice.write.mode: files of " + lastPart(formatClass.Get(cfg)) +
		" cannot be appended to; use flush, or another format"}}
}
