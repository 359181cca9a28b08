// Package hive writes the statements with which a table is laid over the folders of a topic. The sink keeps no tables: who
// wants one runs these.
//
// # Invariants
//
//  1. Types are those that Confluent's sink gives to its tables. Names are quoted, and never end the quotes.
//  2. What is not known is said in a comment, and the statement is not valid before somebody has written it.
//
// # Neighbours
//
// connectors/hdfs prints the statements where hive.integration is set.
package hive

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Table is what there is to say of one.
type Table struct {
	Database string // default
	Name     string // hive.table.name, in which ${topic} stands for the topic
	Topic    string
	Location string   // URL of the topic's folder
	Format   string   // AvroFormat, ParquetFormat, JsonFormat, StringFormat, ByteArrayFormat
	Columns  []string // of the partitions, in the order of the folders
	Schema   []byte   // of the values, in the form of Kafka Connect's JsonConverter; nil where it is not known
}

var notWord = regexp.MustCompile(`[^\p{L}\p{N}_]`)

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func text(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, ";", `\;`).Replace(s) + "'"
}

// Statements make the table and find its partitions.
func (t Table) Statements() string {
	name := notWord.ReplaceAllString(strings.ReplaceAll(t.Name, "${topic}", t.Topic), "_")
	full := quote(name)
	if t.Database != "" {
		full = quote(t.Database) + "." + full
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (%s)\n", full, t.columns())
	if len(t.Columns) > 0 {
		quoted := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			quoted[i] = quote(c) + " string"
		}
		fmt.Fprintf(&b, "PARTITIONED BY (%s)\n", strings.Join(quoted, ", "))
	}
	switch t.Format {
	case "AvroFormat":
		b.WriteString("STORED AS AVRO\n")
	case "ParquetFormat":
		b.WriteString("STORED AS PARQUET\n")
	case "JsonFormat":
		b.WriteString("ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\nSTORED AS TEXTFILE\n")
	default:
		b.WriteString("STORED AS TEXTFILE\n")
	}
	fmt.Fprintf(&b, "LOCATION %s;\n", text(t.Location))
	if len(t.Columns) > 0 {
		fmt.Fprintf(&b, "MSCK REPAIR TABLE %s;\n", full)
	}
	return b.String()
}

func (t Table) columns() string {
	switch t.Format {
	case "StringFormat", "ByteArrayFormat":
		return "`value` string"
	}
	var s schema
	if len(t.Schema) == 0 || json.Unmarshal(t.Schema, &s) != nil {
		return "/* the fields of the records and their types */"
	}
	if s.Type != "struct" {
		return "`value` " + s.hive()
	}
	fields := make([]string, 0, len(s.Fields))
	for _, f := range s.Fields {
		if !contains(t.Columns, f.Field) { // a column of a partition hides the field of the same name
			fields = append(fields, quote(f.Field)+" "+f.hive())
		}
	}
	return strings.Join(fields, ", ")
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// schema is one in the form of Kafka Connect's JsonConverter.
type schema struct {
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	Field      string            `json:"field"`
	Fields     []schema          `json:"fields"`
	Items      *schema           `json:"items"`
	Keys       *schema           `json:"keys"`
	Values     *schema           `json:"values"`
	Parameters map[string]string `json:"parameters"`
}

var plain = map[string]string{
	"int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "float": "float", "double": "double",
	"float32": "float", "float64": "double", "boolean": "boolean", "string": "string", "bytes": "binary",
}

// hive gives the type of a column.
func (s *schema) hive() string {
	switch s.Name {
	case "org.apache.kafka.connect.data.Decimal":
		return "decimal(38," + digits(s.Parameters["scale"]) + ")"
	case "org.apache.kafka.connect.data.Date":
		return "date"
	case "org.apache.kafka.connect.data.Timestamp":
		return "timestamp"
	}
	switch s.Type {
	case "array":
		return "array<" + s.Items.orString() + ">"
	case "map":
		return "map<" + s.Keys.orString() + "," + s.Values.orString() + ">"
	case "struct":
		fields := make([]string, len(s.Fields))
		for i, f := range s.Fields {
			fields[i] = quote(f.Field) + ":" + f.hive()
		}
		return "struct<" + strings.Join(fields, ",") + ">"
	}
	if p, ok := plain[s.Type]; ok {
		return p
	}
	return "string"
}

func (s *schema) orString() string {
	if s == nil {
		return "string"
	}
	return s.hive()
}

// digits keeps a number from being anything else.
func digits(s string) string {
	for _, c := range s {
		if c < '0' || c > '9' {
			return "0"
		}
	}
	if s == "" {
		return "0"
	}
	return s
}

// TimeColumns are those of a time-based partitioner's path.format, like 'year'=YYYY/'month'=MM.
func TimeColumns(pathFormat string) (columns []string) {
	for part := range strings.SplitSeq(pathFormat, "/") {
		name := strings.SplitN(strings.NewReplacer("'", "").Replace(part), "=", 2)
		if len(name) == 2 {
			columns = append(columns, strings.TrimSpace(name[0]))
		}
	}
	return columns
}
