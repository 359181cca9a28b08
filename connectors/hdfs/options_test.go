package hdfs

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
)

// The whole definition, so that a default, a name or a text that changes is seen in the diff. Run with -update to accept.
func TestDefinition(t *testing.T) {
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(definition().Keys()); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "definition.golden.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("the definition changed; go test -update accepts it:\n%s", d)
	}
}

// Confluent's names and defaults; "-" stands for null or none. Where this sink has another default on purpose, it is listed
// with it and the reason.
func TestConfluentsNamesAndDefaults(t *testing.T) {
	want := map[string]string{
		"store.url": "-", "hdfs.url": "-", "hadoop.conf.dir": "", "hadoop.home": "", "topics.dir": "topics", "logs.dir": "logs",
		"topic.capture.groups.regex": "-", "directory.delim": "/", "file.delim": "+", "filename.offset.zero.pad.width": "10",
		"flush.size": "-", "rotate.interval.ms": "-1", "rotate.schedule.interval.ms": "-1", "retry.backoff.ms": "5000",
		"shutdown.timeout.ms": "3000", "schemas.cache.config": "1000", "schema.compatibility": "NONE",
		"enhanced.avro.schema.support": "true", "allow.optional.map.keys": "false", "connect.meta.data": "true", "partition.field.name": "",
		"partition.duration.ms": "-1", "path.format": "", "locale": "", "timezone": "", "timestamp.extractor": "Wallclock",
		"timestamp.field": "timestamp", "hdfs.authentication.kerberos": "false", "connect.hdfs.principal": "",
		"connect.hdfs.keytab": "", "hdfs.namenode.principal": "", "kerberos.ticket.renew.period.ms": "3600000",
		"hive.integration": "false", "hive.metastore.uris": "", "hive.conf.dir": "", "hive.home": "", "hive.database": "default",
		"partitioner.class": "io.confluent.connect.storage.partitioner.DefaultPartitioner",
		"format.class":      "io.confluent.connect.hdfs.avro.AvroFormat",
	}
	got := map[string]string{}
	for _, k := range definition().Keys() {
		if _, ok := want[k.Name]; !ok {
			continue
		}
		got[k.Name] = "-"
		if k.Default != nil {
			got[k.Name] = *k.Default
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOptionValues(t *testing.T) {
	rows := map[string]bool{}
	for _, tc := range []struct {
		key  string
		good []string
		bad  map[string]string // value → part of the message
	}{
		{
			"store.url",
			[]string{"hdfs://nn:8020", "hdfs://a:1,b:2/data", "hdfs://nameservice", "HDFS://nn", "file:///data", "file://localhost/data", "hdfs://nn/with%20blank", ""},
			map[string]string{
				"nn:8020": "URL must be like hdfs://namenode:8020 or file:///folder", "/data": "URL must be like", "file:data": "URL must be like",
				"file://data/x": "three slashes", "file://./data": "three slashes", "hdfs://": "must name a namenode", "hdfs:///data": "must name a namenode",
				"hdfs://a,,b": "must name a namenode", "hdfs://user@nn:8020": "must name a namenode", "hdfs://a b": "must name a namenode",
				"hdfs://a:1:2": "malformed address a:1:2", "hdfs://nn/%zz": "malformed path", "viewfs://c/": "viewfs has a mount table",
				"s3a://bucket": "has the scheme s3a; hdfs and file are known",
			},
		},
		{"hdfs.url", []string{"hdfs://nn:8020", ""}, map[string]string{"nn": "URL must be like"}},
		{"hadoop.conf.dir", []string{"", "/etc/hadoop"}, nil},
		{"sluice.hdfs.user", []string{"", "alice"}, nil},
		{"sluice.hdfs.timeout.ms", []string{"1000", "86400000"}, map[string]string{"999": "at least 1000", "-1": "at least 1000", "1s": "Not a number of type LONG"}},
		{"topics.dir", []string{"t", "/t", "a/b"}, map[string]string{"": "String must be non-empty"}},
		{"logs.dir", []string{"l", "a/b"}, map[string]string{"": "String must be non-empty"}},
		{"file.delim", []string{"+", "-", "_", "~", "="}, map[string]string{"": "one of +, -, _, ~, =", "++": "one of", "/": "one of", ".": "one of", "1": "one of", "a": "one of"}},
		{"directory.delim", []string{"/"}, map[string]string{"\\": "must be one of (case insensitive): /", "": "must be one of"}},
		{"filename.offset.zero.pad.width", []string{"0", "20"}, map[string]string{"-1": "at least 0", "21": "no more than 20", "x": "Not a number of type INT"}},
		{"topic.capture.groups.regex", []string{"", `(\w+)\.(\w+)`}, map[string]string{"(": "missing closing"}},
		{
			"format.class",
			[]string{
				"JsonFormat", "io.confluent.connect.hdfs.json.JsonFormat", "io.confluent.connect.hdfs3.string.StringFormat", "ByteArrayFormat",
				"io.confluent.connect.hdfs.avro.AvroFormat", "ParquetFormat",
			},
			map[string]string{"": "must be one of AvroFormat", "json": "JsonFormat, StringFormat", "x.JsonFormatter": "must be one of", "x.OrcFormat": "ORC cannot be written; use ParquetFormat"},
		},
		{"format.bytearray.extension", []string{"", ".bin", "dat", ".tar.gz"}, map[string]string{"a/b": "must not hold a slash", "/": "must not hold a slash"}},
		{"format.bytearray.separator", []string{"", "\n", "--", "\x00"}, nil},
		{"avro.codec", []string{"null", "deflate", "snappy", "zstandard"}, map[string]string{"bzip2": "must be one of (case insensitive): null, deflate, snappy, zstandard"}},
		{"parquet.codec", []string{"snappy", "gzip", "zstd", "brotli", "none"}, map[string]string{"lzo": "must be one of", "": "must be one of"}},
		{"schema.compatibility", []string{"NONE", "backward", "FORWARD", "FULL"}, map[string]string{"": "must be one of", "TRANSITIVE": "NONE, BACKWARD, FORWARD, FULL"}},
		{"enhanced.avro.schema.support", []string{"true", "false"}, map[string]string{"maybe": "either true or false"}},
		{"allow.optional.map.keys", []string{"true", "FALSE"}, map[string]string{"": "either true or false"}},
		{"connect.meta.data", []string{"true", "FALSE"}, map[string]string{"": "either true or false"}},
		{"schemas.cache.config", []string{"1", "1000"}, map[string]string{"0": "at least 1", "many": "Not a number of type INT"}},
		{"sluice.compression", []string{"none", "gzip", "ZSTD", "snappy", "deflate"}, map[string]string{"": "must be one of", "lz4": "none, gzip, zstd, snappy, deflate"}},
		{"behavior.on.null.values", []string{"fail", "IGNORE"}, map[string]string{"delete": "must be one of (case insensitive): fail, ignore"}},
		{"flush.size", []string{"1", "2147483647"}, map[string]string{"0": "at least 1", "-5": "at least 1", "": "Not a number of type INT", "3000000000": "Not a number of type INT"}},
		{"rotate.interval.ms", []string{"-1", "0", "1"}, map[string]string{"1m": "Not a number of type LONG"}},
		{"rotate.schedule.interval.ms", []string{"-1", "0", "3600000"}, map[string]string{"hourly": "Not a number of type LONG"}},
		{"timezone", []string{"", "UTC", "Europe/Berlin", "+05:30"}, map[string]string{"Mars/Olympus": "is not recognised", "local": "is not recognised"}},
		{"retry.backoff.ms", []string{"0", "1", "5000"}, map[string]string{"-1": "at least 0"}},
		{"sluice.write.mode", []string{"flush", "append", "APPEND"}, map[string]string{"": "must be one of", "overwrite": "flush, append"}},
		{"sluice.buffer.bytes", []string{"65536", "8388608"}, map[string]string{"65535": "at least 65536"}},
		{"sluice.file.bytes", []string{"1048576", "8589934592"}, map[string]string{"1048575": "at least 1048576", "8589934593": "no more than 8589934592"}},
		{
			"partitioner.class",
			[]string{"DefaultPartitioner", "io.confluent.connect.storage.partitioner.HourlyPartitioner", "x.DailyPartitioner", "TimeBasedPartitioner", "FieldPartitioner"},
			map[string]string{"com.acme.MyPartitioner": "must be one of DefaultPartitioner, FieldPartitioner", "": "must be one of DefaultPartitioner"},
		},
		{"partition.field.name", []string{"", "a", "a.b, c"}, nil},
		{"partition.duration.ms", []string{"-1", "3600000"}, map[string]string{"1h": "Not a number of type LONG"}},
		{"path.format", []string{"", "'year'=YYYY"}, nil},
		{"locale", []string{"", "en"}, nil},
		{"timestamp.extractor", []string{"Wallclock", "Record", "RecordField"}, nil},
		{"timestamp.field", []string{"timestamp", "a.b"}, nil},
		{"sluice.open.files.max", []string{"1", "10000"}, map[string]string{"0": "at least 1", "10001": "no more than 10000"}},
		{"hdfs.authentication.kerberos", []string{"false", "False", "true"}, map[string]string{"maybe": "either true or false"}},
		{"sluice.compact.after.ms", []string{"-1", "0", "60000"}, map[string]string{"1h": "Not a number of type LONG"}},
		{"sluice.compact.target.bytes", []string{"1048576", "134217728"}, map[string]string{"1": "at least 1048576"}},
		{"sluice.compact.files.min", []string{"2", "100"}, map[string]string{"1": "at least 2"}},
		{"sluice.compact.interval.ms", []string{"100", "3600000"}, map[string]string{"99": "at least 100"}},
		{"hive.integration", []string{"true", "false"}, map[string]string{"yes": "either true or false"}},
		{"hive.database", []string{"default", "x"}, nil},
		{"hive.table.name", []string{"${topic}", "t_${topic}"}, map[string]string{"static": "has to contain topic substitution '${topic}'", "${topic}-${extra}": "invalid ${} substitution '${extra}'"}},
		{"connect.hdfs.principal", []string{"", "connect/_HOST@REALM"}, nil},
		{"connect.hdfs.keytab", []string{"", "/etc/connect.keytab"}, nil},
		{"hdfs.namenode.principal", []string{"", "nn/_HOST@REALM"}, nil},
		{"sluice.hdfs.krb5.conf", []string{"", "/etc/krb5.conf"}, nil},
		{"sluice.hdfs.ticket.cache", []string{"", "/tmp/krb5cc_0"}, nil},
	} {
		rows[tc.key] = true
		t.Run(tc.key, func(t *testing.T) {
			try := func(value string) error {
				raw := map[string]string{"store.url": "hdfs://nn:8020", "flush.size": "1"}
				raw[tc.key] = value
				_, err := definition().Parse(raw)
				return err
			}
			for _, v := range tc.good {
				if err := try(v); err != nil {
					t.Errorf("%q: %v", v, err)
				}
			}
			for v, part := range tc.bad {
				err := try(v)
				if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "for configuration "+tc.key+": ") {
					t.Errorf("%q: %v; want %q in it", v, err, part)
				}
				if err != nil && connectors.CodeOf(err) != connectors.CodeMisconfigured {
					t.Errorf("%q: code %v", v, connectors.CodeOf(err))
				}
			}
		})
	}
	for _, k := range definition().Keys() {
		if k.Ignored == "" && !rows[k.Name] {
			t.Errorf("%s has no row here", k.Name)
		}
	}
}

func TestIgnoredOptions(t *testing.T) {
	for _, k := range definition().Keys() {
		if k.Ignored == "" {
			continue
		}
		raw := map[string]string{"store.url": "hdfs://nn:8020", "flush.size": "1", k.Name: "whatever"}
		if _, err := definition().Parse(raw); err != nil {
			t.Errorf("%s is ignored and must take any value: %v", k.Name, err)
		}
	}
	for name, want := range map[string]string{
		"hadoop.home": "JVM", "hive.metastore.uris": "not kept",
		"kerberos.ticket.renew.period.ms": "when they are due", "shutdown.timeout.ms": "task.shutdown.graceful.timeout.ms", "storage.class": "URL",
	} {
		i := slices.IndexFunc(definition().Keys(), func(k connectors.KeyDef) bool { return k.Name == name })
		if i < 0 || !strings.Contains(definition().Keys()[i].Ignored, want) {
			t.Errorf("%s: its reason has no %q", name, want)
		}
	}
}

func TestCombinations(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  map[string]string
		want map[string]string // key → part of the message
	}{
		{name: "store.url", set: map[string]string{"store.url": "hdfs://nn:8020"}},
		{name: "hdfs.url", set: map[string]string{"hdfs.url": "hdfs://nn:8020"}},
		{name: "both URLs alike", set: map[string]string{"hdfs.url": "hdfs://nn", "store.url": "hdfs://nn"}},
		{name: "no URL", want: map[string]string{"store.url": `Missing required configuration "store.url"`}},
		{name: "empty URLs", set: map[string]string{"hdfs.url": "", "store.url": ""}, want: map[string]string{"store.url": "Missing required"}},
		{
			name: "two URLs", set: map[string]string{"hdfs.url": "hdfs://a", "store.url": "hdfs://b"},
			want: map[string]string{"hdfs.url": "store.url says something else; remove one of them"},
		},
		{name: "tilde in flush mode", set: map[string]string{"store.url": "hdfs://nn", "file.delim": "~"}},
		{
			name: "Avro in append mode", set: map[string]string{"store.url": "hdfs://nn", "format.class": "AvroFormat", "sluice.write.mode": "append"},
			want: map[string]string{"sluice.write.mode": "files of AvroFormat cannot be appended to"},
		},
		{
			name: "tilde in append mode", set: map[string]string{"store.url": "hdfs://nn", "file.delim": "~", "sluice.write.mode": "Append"},
			want: map[string]string{"file.delim": "~ marks the growing files of append mode"},
		},
		{name: "hourly", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "HourlyPartitioner", "locale": "en", "timezone": "UTC"}},
		{
			name: "hourly without zone", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "HourlyPartitioner", "locale": "en"},
			want: map[string]string{"timezone": "Timezone cannot be empty"},
		},
		{
			name: "time-based without duration", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "TimeBasedPartitioner", "locale": "en", "timezone": "UTC", "path.format": "yyyy"},
			want: map[string]string{"partition.duration.ms": "needs to be a positive"},
		},
		{
			name: "field without a name", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "FieldPartitioner"},
			want: map[string]string{"partition.field.name": "cannot be null or empty when using FieldPartitioner"},
		},
		{
			name: "unknown extractor", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "DailyPartitioner", "locale": "en", "timezone": "UTC", "timestamp.extractor": "Mine"},
			want: map[string]string{"timestamp.extractor": "must be one of Wallclock, Record, RecordField"},
		},
		{
			name: "append mode by field", set: map[string]string{"store.url": "hdfs://nn", "partitioner.class": "FieldPartitioner", "partition.field.name": "a", "sluice.write.mode": "append"},
			want: map[string]string{"partitioner.class": "append mode has one growing file per Kafka partition"},
		},
		{
			name: "principal without keytab", set: map[string]string{"store.url": "hdfs://nn", "connect.hdfs.principal": "c@R"},
			want: map[string]string{"connect.hdfs.keytab": "belong together"},
		},
		{
			name: "keytab without principal", set: map[string]string{"store.url": "hdfs://nn", "connect.hdfs.keytab": "/k"},
			want: map[string]string{"connect.hdfs.principal": "belong together"},
		},
		{
			name: "groups without an expression", set: map[string]string{"store.url": "hdfs://nn", "topics.dir": "${1}", "logs.dir": "${x}"},
			want: map[string]string{"topics.dir": "cannot contain ${} without a valid topic.capture.groups.regex", "logs.dir": "invalid ${} substitution ${x}"},
		},
		{
			name: "merges in append mode", set: map[string]string{"store.url": "hdfs://nn", "sluice.compact.after.ms": "60000", "sluice.write.mode": "append"},
			want: map[string]string{"sluice.compact.after.ms": "no small files"},
		},
		{
			name: "user of another realm with Kerberos", set: map[string]string{"store.url": "hdfs://nn", "hdfs.authentication.kerberos": "true", "sluice.hdfs.user": "alice@ELSEWHERE"},
			want: map[string]string{"sluice.hdfs.user": "without @"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := map[string]string{"flush.size": "3", "format.class": "JsonFormat"}
			maps.Copy(raw, tc.set)
			cfg, err := definition().Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for _, e := range New().Validate(t.Context(), cfg) {
				found[e.Key] = e.Message
			}
			for k, part := range tc.want {
				if !strings.Contains(found[k], part) {
					t.Errorf("%s: %q, want %q in it", k, found[k], part)
				}
				delete(found, k)
			}
			if len(found) > 0 {
				t.Errorf("more than was to be found: %v", found)
			}
			_, err = New().Start(t.Context(), cfg, runtime{})
			if (err != nil) != (len(tc.want) > 0) || err != nil && connectors.CodeOf(err) != connectors.CodeMisconfigured {
				t.Errorf("start: %v", err)
			}
		})
	}
}

func TestLocations(t *testing.T) {
	for _, tc := range []struct {
		url, dir string
		want     location
		topics   string
	}{
		{"hdfs://nn:9000", "topics", location{addresses: []string{"nn:9000"}, root: "/"}, "/topics"},
		{"hdfs://nn:9000/", "/topics", location{addresses: []string{"nn:9000"}, root: "/"}, "/topics"},
		{"hdfs://a:1, b:2/x/y/", "t", location{addresses: []string{"a:1", "b:2"}, root: "/x/y"}, "/x/y/t"},
		{"hdfs://cluster/x", "a//b/", location{addresses: []string{"cluster"}, root: "/x"}, "/x/a/b"},
		{"file:///tmp/a%20b", "t", location{local: true, root: "/tmp/a b"}, "/tmp/a b/t"},
		{"file:///", "t", location{local: true, root: "/"}, "/t"},
	} {
		t.Run(tc.url, func(t *testing.T) {
			cfg, err := definition().Parse(map[string]string{"store.url": tc.url, "topics.dir": tc.dir, "flush.size": "1"})
			if err != nil {
				t.Fatal(err)
			}
			set, err := newSettings(cfg, connectors.Format{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, set.where, cmp.AllowUnexported(location{})); d != "" {
				t.Error(d)
			}
			if set.names.topics != tc.topics {
				t.Errorf("topics are in %s, want %s", set.names.topics, tc.topics)
			}
		})
	}
}
