package hdfs

import (
	"errors"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/partition"
)

// The keys of the layout: in which folders records go, and how many files are open at a time.
var (
	partitioner = connectors.ClassName("partitioner.class", "Into which folders of their topic records go: DefaultPartitioner (partition=<Kafka partition>), FieldPartitioner (<field>=<value>/…), HourlyPartitioner, DailyPartitioner or TimeBasedPartitioner. Only the last part of the name counts.",
		connectors.Group(groupPartition), connectors.Default("io.confluent.connect.storage.partitioner.DefaultPartitioner"), connectors.WithImportance(connectors.High),
		connectors.Check("DefaultPartitioner, FieldPartitioner, HourlyPartitioner, DailyPartitioner, TimeBasedPartitioner", func(s string) error {
			switch lastPart(s) {
			case partition.Default, partition.Field, partition.Hourly, partition.Daily, partition.TimeBased:
				return nil
			}
			return errors.New("String must be one of DefaultPartitioner, FieldPartitioner, HourlyPartitioner, DailyPartitioner, TimeBasedPartitioner, with or without the package before it")
		}), connectors.Recommend(
			"io.confluent.connect.storage.partitioner.DefaultPartitioner", "io.confluent.connect.storage.partitioner.FieldPartitioner",
			"io.confluent.connect.storage.partitioner.HourlyPartitioner", "io.confluent.connect.storage.partitioner.DailyPartitioner",
			"io.confluent.connect.storage.partitioner.TimeBasedPartitioner"),
		connectors.Dependents("partition.field.name", "partition.duration.ms", "path.format", "locale", "timezone"))
	partitionFields = connectors.List("partition.field.name", "Fields of FieldPartitioner, in the order of the folders. A dot leads into a nested field.",
		connectors.Group(groupPartition), connectors.Default(""))
	partitionDuration = connectors.Millis("partition.duration.ms", "How long a folder's time is, of TimeBasedPartitioner.",
		connectors.Group(groupPartition), connectors.Default("-1"))
	pathFormat = connectors.String("path.format", "Names of the folders of TimeBasedPartitioner, in the letters of Joda-Time, for example 'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH.",
		connectors.Group(groupPartition), connectors.Default(""), connectors.WithWidth(connectors.WidthLong))
	locale = connectors.String("locale", "Language of the names of months and days in path.format, for example en. The hourly, daily and time-based partitioners need it.",
		connectors.Group(groupPartition), connectors.Default(""))
	timezone = connectors.String("timezone", "Time zone of folders and of rotate.schedule.interval.ms, for example Europe/Berlin. The hourly, daily and time-based partitioners need it. Default: UTC.",
		connectors.Group(groupPartition), connectors.Default(""), connectors.Check("name of a time zone", checkZone))
	extractor = connectors.String("timestamp.extractor", "Where the hourly, daily and time-based partitioners take the time from: Wallclock, Record (the record's timestamp), or RecordField (timestamp.field).",
		connectors.Group(groupPartition), connectors.Default(partition.Wallclock))
	timestampField = connectors.String("timestamp.field", "Field with the time, of RecordField: milliseconds since 1970, a text in ISO 8601 (UTC where it says no zone), or a timestamp. A dot leads into a nested field.",
		connectors.Group(groupPartition), connectors.Default("timestamp"))
	openFilesMax = connectors.Int("sluice.open.files.max", "Files that a Kafka partition has open at a time. When one more is needed, that which has waited longest for a record is finished, and shows itself with the next commit.",
		connectors.Group(groupFiles), connectors.Default("100"), connectors.Between(1, 10000))
)

// layoutKeys are the keys of the layout.
func layoutKeys() []connectors.AnyKey {
	return []connectors.AnyKey{
		partitioner, partitionFields, partitionDuration, pathFormat, locale, timezone, extractor, timestampField, openFilesMax,
	}
}

func checkZone(s string) error {
	if s == "" {
		return nil
	}
	_, err := partition.Zone(s)
	return err
}

// newPartitioner makes the configured one; the key is that of the value which is wrong.
func newPartitioner(cfg connectors.Config) (p *partition.Partitioner, key string, err error) {
	p, err = partition.New(partition.Options{
		Class: partitioner.Get(cfg), Fields: partitionFields.Get(cfg), Duration: partitionDuration.Get(cfg), PathFormat: pathFormat.Get(cfg),
		Locale: locale.Get(cfg), Zone: timezone.Get(cfg), Extractor: extractor.Get(cfg), TimestampField: timestampField.Get(cfg),
	})
	if e, ok := errors.AsType[*partition.Error](err); ok {
		return nil, map[string]string{
			"Class": partitioner.Name(), "Fields": partitionFields.Name(), "Duration": partitionDuration.Name(), "PathFormat": pathFormat.Name(),
			"Locale": locale.Name(), "Zone": timezone.Name(), "Extractor": extractor.Name(), "TimestampField": timestampField.Name(),
		}[e.Option], e.Err
	}
	return p, "", err
}

// checkLayout looks at what several keys say together.
func checkLayout(cfg connectors.Config) []connectors.ConfigError {
	p, key, err := newPartitioner(cfg)
	if err != nil {
		value, _ := cfg.Raw(key)
		return []connectors.ConfigError{{Key: key, Message: "Invalid value " + value + " for configuration " + key + ": " + err.Error()}}
	}
	if !p.Fixed() && isAppend(cfg) {
		value, _ := cfg.Raw(partitioner.Name())
		return []connectors.ConfigError{{Key: partitioner.Name(), Message: "Invalid value " + value + " for configuration partitioner.class: append mode has one growing file per Kafka partition; use DefaultPartitioner, or sluice.write.mode=flush"}}
	}
	return nil
}
