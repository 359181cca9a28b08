// Package hive writes the statements with which a table is laid over the folders of a topic. The sink keeps no tables: who
// wants one runs these.
//
// # Invariants
//
//  1. Types are those with which Hive reads what the format has in its files. Names are quoted, and never end the quotes.
//  2. What is not known is said in a comment, and the statement is not valid before somebody has written it.
//  3. Hive takes every column: since 1.2 it refuses names with a dot or a colon. A folder whose name has one, like that of a
//     nested field, or has no name=, is one that Hive does not find by itself; it is added with its location.
//
// # Neighbours
//
// connectors/hdfs prints the statements where hive.integration is set.
package hive

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The formats whose files have columns.
const (
	avroFormat    = "AvroFormat"
	parquetFormat = "ParquetFormat"
	jsonFormat    = "JsonFormat"
)

// Table is what there is to say of one.
type Table struct {
	Database string // default
	Name     string // hive.table.name, in which ${topic} stands for the topic
	Topic    string
	Location string   // URL of the topic's folder
	Format   string   // AvroFormat, ParquetFormat, JsonFormat, StringFormat, ByteArrayFormat
	Folders  []string // what stands before the equals signs in the names of the folders, in their order; "" where there is none
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
	partitions, found := t.partitions()
	columns, refused := t.columns(partitions)
	if len(refused) > 0 {
		fmt.Fprintf(&b, "-- Hive takes no columns for the fields %s\n", strings.Join(refused, ", "))
	}
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (%s)\n", full, columns)
	if len(partitions) > 0 {
		quoted := make([]string, len(partitions))
		for i, c := range partitions {
			quoted[i] = quote(c) + " string"
		}
		fmt.Fprintf(&b, "PARTITIONED BY (%s)\n", strings.Join(quoted, ", "))
	}
	switch t.Format {
	case avroFormat:
		b.WriteString("STORED AS AVRO\n")
	case parquetFormat:
		b.WriteString("STORED AS PARQUET\n")
	case jsonFormat:
		b.WriteString("ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\nSTORED AS TEXTFILE\n")
	default:
		b.WriteString("STORED AS TEXTFILE\n")
	}
	fmt.Fprintf(&b, "LOCATION %s;\n", text(t.Location))
	switch {
	case len(partitions) == 0:
	case found:
		fmt.Fprintf(&b, "MSCK REPAIR TABLE %s;\n", full)
	default:
		fmt.Fprintf(&b, "-- for each folder: %s\n", t.addition(full, partitions))
	}
	return b.String()
}

// partitions are the columns of the partitions. found tells whether Hive finds the folders by their names.
func (t Table) partitions() (columns []string, found bool) {
	taken := map[string]bool{}
	for _, f := range t.schema().Fields {
		taken[strings.ToLower(f.Field)] = true
	}
	for _, folder := range t.Folders {
		taken[strings.ToLower(folder)] = true
	}
	found = true
	for i, folder := range t.Folders {
		column := folder
		if folder == "" {
			column = "level_" + strconv.Itoa(i+1)
		}
		column = strings.NewReplacer(".", "_", ":", "_").Replace(column)
		if column != folder {
			found = false
			for taken[strings.ToLower(column)] {
				column += "_"
			}
			taken[strings.ToLower(column)] = true
		}
		columns = append(columns, column)
	}
	return columns, found
}

// addition is the form of the statement that adds a folder.
func (t Table) addition(full string, partitions []string) string {
	values, dirs := make([]string, len(partitions)), make([]string, len(partitions))
	for i, column := range partitions {
		value := "<" + column + ">"
		values[i], dirs[i] = quote(column)+"='"+value+"'", value
		if t.Folders[i] != "" {
			dirs[i] = t.Folders[i] + "=" + value
		}
	}
	return fmt.Sprintf("ALTER TABLE %s ADD IF NOT EXISTS PARTITION (%s) LOCATION %s;", full, strings.Join(values, ", "), text(t.Location+"/"+strings.Join(dirs, "/")))
}

// schema of the values; an empty one where it is not known.
func (t Table) schema() (s schema) {
	if json.Unmarshal(t.Schema, &s) != nil {
		return schema{}
	}
	return s
}

// columns are those of the fields. refused are the fields whose names Hive does not take.
func (t Table) columns(partitions []string) (columns string, refused []string) {
	switch t.Format {
	case "StringFormat", "ByteArrayFormat":
		return "`value` string", nil
	}
	s := t.schema()
	if s.Type == "" {
		return "/* the fields of the records and their types */", nil
	}
	if s.Type != "struct" {
		return "`value` " + s.hive(t.Format), nil
	}
	fields := make([]string, 0, len(s.Fields))
	for _, f := range s.Fields {
		switch {
		case strings.ContainsAny(f.Field, ".:"):
			refused = append(refused, quote(strings.ReplaceAll(f.Field, "\n", " ")))
		case !contains(partitions, f.Field): // a column of a partition hides the field of the same name
			fields = append(fields, quote(f.Field)+" "+f.hive(t.Format))
		}
	}
	return strings.Join(fields, ", "), refused
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

// logical are the types of what Kafka Connect gives a meaning, where Hive does not read the plain one. In JSON a decimal is a
// text or a number, and times are numbers. Hive before version 4 reads no Parquet times of 8 bytes but as numbers.
func (s *schema) logical(format string) string {
	switch s.Name {
	case "org.apache.kafka.connect.data.Decimal":
		if format == jsonFormat {
			return "string"
		}
		return "decimal(38," + digits(s.Parameters["scale"]) + ")"
	case "org.apache.kafka.connect.data.Date":
		if format != jsonFormat {
			return "date"
		}
	case "org.apache.kafka.connect.data.Timestamp":
		if format == avroFormat {
			return "timestamp"
		}
	}
	return ""
}

// hive gives the type of a column.
func (s *schema) hive(format string) string {
	if s == nil {
		return "string"
	}
	if l := s.logical(format); l != "" {
		return l
	}
	switch s.Type {
	case "array":
		return "array<" + s.Items.hive(format) + ">"
	case "map":
		return "map<" + s.Keys.hive(format) + "," + s.Values.hive(format) + ">"
	case "struct":
		fields := make([]string, len(s.Fields))
		for i, f := range s.Fields {
			fields[i] = quote(f.Field) + ":" + f.hive(format)
		}
		return "struct<" + strings.Join(fields, ",") + ">"
	case "bytes":
		if format == jsonFormat { // in base64
			return "string"
		}
	}
	if p, ok := plain[s.Type]; ok {
		return p
	}
	return "string"
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

// TimeFolders are those of a time-based partitioner's path.format, like 'year'=YYYY/'month'=MM.
func TimeFolders(pathFormat string) (folders []string) {
	for part := range strings.SplitSeq(strings.Trim(pathFormat, "/"), "/") {
		name, _, ok := strings.Cut(strings.ReplaceAll(part, "'", ""), "=")
		if !ok {
			name = ""
		}
		folders = append(folders, strings.TrimSpace(name))
	}
	return folders
}
