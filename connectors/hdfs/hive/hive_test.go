package hive

import (
	"slices"
	"testing"
)

func TestStatements(t *testing.T) {
	const fields = `{"type":"struct","fields":[
		{"type":"int32","field":"id"},{"type":"string","field":"it` + "`" + `s"},{"type":"string","field":"colour"},
		{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"price"},
		{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","field":"at"},{"type":"int32","name":"org.apache.kafka.connect.data.Date","field":"day"},
		{"type":"array","items":{"type":"double"},"field":"list"},{"type":"map","keys":{"type":"string"},"values":{"type":"float"},"field":"map"},
		{"type":"struct","fields":[{"type":"boolean","field":"yes"},{"type":"int8","field":"small"}],"field":"inner"}]}`
	for _, tc := range []struct {
		name string
		t    Table
		want string
	}{
		{
			"Avro by a field",
			Table{
				Database: "default", Name: "${topic}", Topic: "my.topic-1", Location: "hdfs://nn:8020/topics/my.topic-1", Format: "AvroFormat",
				Folders: []string{"colour"}, Schema: []byte(fields),
			},
			"CREATE EXTERNAL TABLE IF NOT EXISTS `default`.`my_topic_1` (`id` int, `it``s` string, `price` decimal(38,2), `at` timestamp, `day` date, " +
				"`list` array<double>, `map` map<string,float>, `inner` struct<`yes`:boolean,`small`:tinyint>)\n" +
				"PARTITIONED BY (`colour` string)\nSTORED AS AVRO\nLOCATION 'hdfs://nn:8020/topics/my.topic-1';\nMSCK REPAIR TABLE `default`.`my_topic_1`;\n",
		},
		{
			"JSON without a schema",
			Table{Name: "t", Topic: "x", Location: "hdfs://nn/o'brien", Format: "JsonFormat"},
			"CREATE EXTERNAL TABLE IF NOT EXISTS `t` (/* the fields of the records and their types */)\n" +
				"ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\nSTORED AS TEXTFILE\nLOCATION 'hdfs://nn/o\\'brien';\n",
		},
		{
			"text",
			Table{Name: "logs_${topic}", Topic: "x", Location: "hdfs://nn/x", Format: "StringFormat", Folders: []string{"partition"}},
			"CREATE EXTERNAL TABLE IF NOT EXISTS `logs_x` (`value` string)\nPARTITIONED BY (`partition` string)\nSTORED AS TEXTFILE\nLOCATION 'hdfs://nn/x';\nMSCK REPAIR TABLE `logs_x`;\n",
		},
		{
			"JSON by nested fields",
			Table{
				Name: "t", Location: "hdfs://nn/t", Format: "JsonFormat", Folders: []string{"user.id", "user:kind", "colour"},
				Schema: []byte(`{"type":"struct","fields":[{"type":"string","field":"user_id"},{"type":"int8","field":"x.y"},{"type":"int8","field":"x:\ny"},{"type":"bytes","field":"raw"},{"type":"string","field":"colour"},
					{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","field":"at"},{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","field":"price"},
					{"type":"int32","name":"org.apache.kafka.connect.data.Date","field":"day"},{"type":"struct","fields":[{"type":"int32","field":"id"}],"field":"user"}]}`),
			},
			"-- Hive takes no columns for the fields `x.y`, `x: y`\nCREATE EXTERNAL TABLE IF NOT EXISTS `t` (`user_id` string, `raw` string, `at` bigint, `price` string, `day` int, `user` struct<`id`:int>)\n" +
				"PARTITIONED BY (`user_id_` string, `user_kind` string, `colour` string)\n" +
				"ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\nSTORED AS TEXTFILE\nLOCATION 'hdfs://nn/t';\n" +
				"-- for each folder: ALTER TABLE `t` ADD IF NOT EXISTS PARTITION (`user_id_`='<user_id_>', `user_kind`='<user_kind>', `colour`='<colour>') " +
				"LOCATION 'hdfs://nn/t/user.id=<user_id_>/user:kind=<user_kind>/colour=<colour>';\n",
		},
		{
			"Parquet by times without names",
			Table{
				Name: "t", Location: "l", Format: "ParquetFormat", Folders: []string{"", "month"},
				Schema: []byte(`{"type":"struct","fields":[{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","field":"at"},{"type":"int32","name":"org.apache.kafka.connect.data.Date","field":"day"}]}`),
			},
			"CREATE EXTERNAL TABLE IF NOT EXISTS `t` (`at` bigint, `day` date)\nPARTITIONED BY (`level_1` string, `month` string)\nSTORED AS PARQUET\nLOCATION 'l';\n" +
				"-- for each folder: ALTER TABLE `t` ADD IF NOT EXISTS PARTITION (`level_1`='<level_1>', `month`='<month>') LOCATION 'l/<level_1>/month=<month>';\n",
		},
		{
			"Parquet of a number, of a strange scale",
			Table{
				Name: "x", Location: "l", Format: "ParquetFormat",
				Schema: []byte(`{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2) --"}}`),
			},
			"CREATE EXTERNAL TABLE IF NOT EXISTS `x` (`value` decimal(38,0))\nSTORED AS PARQUET\nLOCATION 'l';\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.t.Statements(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestTimeFolders(t *testing.T) {
	for format, want := range map[string][]string{
		"'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH": {"year", "month", "day", "hour"},
		"'dt='YYYY-MM-dd": {"dt"},
		"YYYY/MM":         {"", ""},
		"/'y'=YYYY/MM/":   {"y", ""},
	} {
		if got := TimeFolders(format); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}
