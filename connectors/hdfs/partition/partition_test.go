package partition

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// one makes a batch of one record.
func one(t testing.TB, value, schema string, at int64) *connectors.Batch {
	t.Helper()
	c := connectors.Columns{Records: 1, BaseTimestamp: at, ValueLengths: []int32{int32(len(value))}, Arena: []byte(value)}
	if schema != "" {
		c.ValueSchema = []byte(schema)
	}
	b, err := connectors.NewBatch(connectors.Partition{Topic: "t", ID: 7}, c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const order = `{"type":"struct","fields":[{"field":"id","type":"int64"},{"field":"small","type":"int8"},{"field":"color","type":"string","optional":true},
{"field":"ok","type":"boolean"},{"field":"price","type":"double"},{"field":"at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp"},
{"field":"day","type":"int32","name":"org.apache.kafka.connect.data.Date"},{"field":"from","type":"struct","fields":[{"field":"city","type":"string"}]}]}`

func TestFolders(t *testing.T) {
	const now = 1767612030123 // 2026-01-05T11:20:30.123Z
	long := strings.Repeat("x", 250)
	fields := func(names ...string) Options { return Options{Class: Field, Fields: names} }
	byField := func(name string) Options {
		return Options{Class: Hourly, Locale: "en", Zone: "UTC", Extractor: RecordField, TimestampField: name}
	}
	for _, tc := range []struct {
		name          string
		o             Options
		value, schema string
		at            int64
		want, refused string
	}{
		{"default", Options{Class: "io.confluent.connect.storage.partitioner.DefaultPartitioner"}, `x`, "", 0, "partition=7", ""},
		{"text", fields("color"), `{"color":"red"}`, "", 0, "color=red", ""},
		{"number", fields("n"), `{"n": 12 }`, "", 0, "n=12", ""},
		{"negative number", fields("n"), `{"n":-12}`, "", 0, "n=-12", ""},
		{"negative zero", fields("n"), `{"n":-0}`, "", 0, "n=0", ""},
		{"boolean", fields("b"), `{"b":true}`, "", 0, "b=true", ""},
		{"null", fields("b"), `{"b":null}`, "", 0, "b=null", ""},
		{"missing", fields("b"), `{"a":1}`, "", 0, "b=null", ""},
		{"empty object", fields("b"), `{}`, "", 0, "b=null", ""},
		{"empty text", fields("b"), `{"b":""}`, "", 0, "b=", ""},
		{"several", fields("a", "b", "c"), `{"c":3,"b":"2","a":1}`, "", 0, "a=1/b=2/c=3", ""},
		{"nested", fields("a.b.c"), `{"a":{"x":[1,{"b":0}],"b":{"c":"deep"}},"b":1}`, "", 0, "a.b.c=deep", ""},
		{"nested in what is no object", fields("a.b"), `{"a":[{"b":1}]}`, "", 0, "a.b=null", ""},
		{"the last of two", fields("a"), `{"a":1,"a":2}`, "", 0, "a=2", ""},
		{"a name in a text", fields("a"), `{"z":"\"a\":1,","a":2}`, "", 0, "a=2", ""},
		{"escaped name", fields("ä"), `{"\u00e4":1}`, "", 0, "ä=1", ""},
		{"escaped text", fields("a"), `{"a":"\u00fc \"q\" \\ \ud83d\ude00"}`, "", 0, `a=ü "q" \ 😀`, ""},
		{"slash as Confluent has it", fields("a"), `{"a":"x/y"}`, "", 0, "a=x/y", ""},
		{"slashes are one", fields("a"), `{"a":"x//y/"}`, "", 0, "a=x/y", ""},
		{"up and away", fields("a"), `{"a":"/../../../etc"}`, "", 0, "", "called .., which leads elsewhere"},
		{"a dot at the end", fields("a"), `{"a":"x/."}`, "", 0, "", "called ., which leads elsewhere"},
		{"dots within", fields("a"), `{"a":"..x"}`, "", 0, "a=..x", ""},
		{"colon", fields("a"), `{"a":"11:20"}`, "", 0, "", "which HDFS does not take"},
		{"zero byte", fields("a"), `{"a":"\u0000"}`, "", 0, "", "which HDFS does not take"},
		{"just short enough", fields("a"), `{"a":"` + long + `xxx"}`, "", 0, "a=" + long + "xxx", ""},
		{"too long", fields("a"), `{"a":"` + long + `xxxx"}`, "", 0, "", "a name of 256 bytes"},
		{"fraction", fields("n"), `{"n":1.5}`, "", 0, "", "its field n is 1.5; folders are named by"},
		{"object", fields("n"), `{"n":{"a":1}}`, "", 0, "", `its field n is {"a":1}; folders are named by`},
		{"no object", fields("n"), `[1]`, "", 0, "", "is no object"},
		{"schema", fields("id", "color", "ok", "small", "from.city"), `{"id":5,"color":"red","ok":false,"small":-3,"from":{"city":"Ulm"}}`, order, 0, "id=5/color=red/ok=false/small=-3/from.city=Ulm", ""},
		{"schema and null", fields("color"), `{"color":null}`, order, 0, "color=null", ""},
		{"schema without the field", fields("colour"), `{"color":null}`, order, 0, "", "its schema has no field colour"},
		{"schema of a double", fields("price"), `{"price":1}`, order, 0, "", "its field price is double"},
		{"schema of a struct", fields("from"), `{"from":{}}`, order, 0, "", "its field from is struct"},
		{"schema that is none", fields("a"), `{"a":1}`, `{`, 0, "", "its schema cannot be read"},

		{"hourly by the clock", Options{Class: Hourly, Locale: "en", Zone: "Europe/Berlin", Extractor: Wallclock}, `x`, "", 0, "year=2026/month=01/day=05/hour=12", ""},
		{"daily by the record", Options{Class: Daily, Locale: "en", Zone: "UTC", Extractor: Record}, `x`, "", 86400000, "year=1970/month=01/day=02", ""},
		{"class of an extractor", Options{Class: Daily, Locale: "en", Zone: "UTC", Extractor: "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$RecordTimestampExtractor"}, `x`, "", 0, "year=1970/month=01/day=01", ""},
		{"no timestamp", Options{Class: Daily, Locale: "en", Zone: "UTC", Extractor: Record}, `x`, "", -1, "", "the record has no timestamp"},
		{"quarters of an hour", Options{Class: TimeBased, PathFormat: "'dt'=yyyyMMdd/HHmm/", Duration: 15 * time.Minute, Locale: "en", Zone: "UTC", Extractor: Wallclock}, `x`, "", 0, "dt=20260105/1115", ""},
		{"a colon in the format", Options{Class: TimeBased, PathFormat: "HH:mm", Duration: time.Minute, Locale: "en", Zone: "UTC", Extractor: Wallclock}, `x`, "", 0, "", "does not take"},
		{"field of milliseconds", byField("at"), `{"at":1767612030123}`, "", 0, "year=2026/month=01/day=05/hour=11", ""},
		{"field of a fraction", byField("at"), `{"at":1.767612030123E12}`, "", 0, "year=2026/month=01/day=05/hour=11", ""},
		{"field of a text", byField("a.t"), `{"a":{"t":"2026-01-05T12:20:30.1+01:00"}}`, "", 0, "year=2026/month=01/day=05/hour=11", ""},
		{"field of a text of milliseconds", byField("at"), `{"at":"1767612030123"}`, "", 0, "year=2026/month=01/day=05/hour=11", ""},
		{"field that is missing", byField("at"), `{"to":1}`, "", 0, "", "it has no field at"},
		{"field of null", byField("at"), `{"at":null}`, "", 0, "", "it has no field at"},
		{"field of another text", byField("at"), `{"at":"yesterday"}`, "", 0, "", `"yesterday": it is no date`},
		{"field of a boolean", byField("at"), `{"at":true}`, "", 0, "", "times are numbers and strings"},
		{"field beyond 64 bits", byField("at"), `{"at":99999999999999999999}`, "", 0, "", "beyond 64 bits"},
		{"timestamp of a schema", byField("at"), `{"at":1767612030123}`, order, 0, "year=2026/month=01/day=05/hour=11", ""},
		{"date of a schema", byField("day"), `{"day":20000}`, order, 0, "", "its field day is int32 org.apache.kafka.connect.data.Date"},
		{"text of a schema", byField("color"), `{"color":"2026-01-05"}`, order, 0, "year=2026/month=01/day=05/hour=00", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := New(tc.o)
			if err != nil {
				t.Fatal(err)
			}
			l := p.Locator(7, connectors.PayloadJSON)
			for range 2 { // the second time from what is kept
				got, _, err := l.Locate([]byte("before/"), one(t, tc.value, tc.schema, tc.at), 0, now)
				if tc.refused != "" {
					if err == nil || !strings.Contains(err.Error(), tc.refused) {
						t.Errorf("%s, %v; want an error with %q", got, err, tc.refused)
					}
					continue
				}
				if err != nil || string(got) != "before/"+tc.want {
					t.Errorf("%s, %v; want before/%s", got, err, tc.want)
				}
			}
		})
	}
}

func TestFieldsOfOtherPayloads(t *testing.T) {
	p, err := New(Options{Class: Field, Fields: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []connectors.Payload{connectors.PayloadString, connectors.PayloadBytes} {
		if _, _, err := p.Locator(1, payload).Locate(nil, one(t, `{"a":1}`, "", 0), 0, 0); err == nil || !strings.Contains(err.Error(), payload.String()) {
			t.Errorf("%v", err)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	ok := Options{Class: TimeBased, PathFormat: "yyyy", Duration: time.Hour, Locale: "en", Zone: "UTC", Extractor: Wallclock}
	for _, tc := range []struct {
		name   string
		change func(*Options)
		option string
	}{
		{"nothing", func(*Options) {}, ""},
		{"class", func(o *Options) { o.Class = "MyPartitioner" }, "Class"},
		{"no fields", func(o *Options) { o.Class = Field }, "Fields"},
		{"empty field", func(o *Options) { o.Class, o.Fields = Field, []string{"a", " "} }, "Fields"},
		{"empty part", func(o *Options) { o.Class, o.Fields = Field, []string{"a..b"} }, "Fields"},
		{"no duration", func(o *Options) { o.Duration = 0 }, "Duration"},
		{"negative duration", func(o *Options) { o.Duration = -1 }, "Duration"},
		{"no format", func(o *Options) { o.PathFormat = "" }, "PathFormat"},
		{"a slash as format", func(o *Options) { o.PathFormat = "/" }, "PathFormat"},
		{"unknown letter", func(o *Options) { o.PathFormat = "year=yyyy" }, "PathFormat"},
		{"long zone", func(o *Options) { o.PathFormat = "zzzz" }, "PathFormat"},
		{"no locale", func(o *Options) { o.Locale = "" }, "Locale"},
		{"no zone", func(o *Options) { o.Zone = " " }, "Zone"},
		{"unknown zone", func(o *Options) { o.Zone = "Mars/Olympus" }, "Zone"},
		{"hourly without zone", func(o *Options) { o.Class, o.Zone = Hourly, "" }, "Zone"},
		{"extractor", func(o *Options) { o.Extractor = "my.Extractor" }, "Extractor"},
		{"field of the extractor", func(o *Options) { o.Extractor = RecordField }, "TimestampField"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := ok
			tc.change(&o)
			_, err := New(o)
			e, _ := errors.AsType[*Error](err)
			if got := ""; e == nil && tc.option != got || e != nil && e.Option != tc.option {
				t.Errorf("%v, want one of %q", err, tc.option)
			}
		})
	}
}

// A schema is read once, and another one when it changes.
func TestSchemaChanges(t *testing.T) {
	p, err := New(Options{Class: Field, Fields: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	l := p.Locator(1, connectors.PayloadJSON)
	for range 2 {
		for typ, want := range map[string]bool{"int32": true, "double": false} {
			_, _, err := l.Locate(nil, one(t, `{"a":1}`, `{"type":"struct","fields":[{"field":"a","type":"`+typ+`"}]}`, 0), 0, 0)
			if (err == nil) != want {
				t.Errorf("%s: %v", typ, err)
			}
		}
	}
}

func FuzzMember(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":{"b":[1,2,{"c":"d"}]}}`, `{"a" : "\"" , "b":null}`, `{`, `{"a`, `{"a":`, `{"a":[`, `{"\u0061":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		fl, err := newField("a.b")
		if err != nil {
			t.Fatal(err)
		}
		_ = fl.find([]byte(doc))
	})
}

func BenchmarkLocate(b *testing.B) {
	value := `{"user":12345,"color":"red","comment":"` + strings.Repeat("x", 120) + `","at":1767612030123}`
	var builder connectors.Builder
	for o := range int64(1000) {
		builder.Append(o, 1767612030123+o, nil, []byte(value))
	}
	batch := builder.Batch(connectors.Partition{Topic: "t"})
	for name, o := range map[string]Options{
		"default": {Class: Default}, "field": {Class: Field, Fields: []string{"color"}},
		"hourly by record": {Class: Hourly, Locale: "en", Zone: "Europe/Berlin", Extractor: Record},
		"hourly by field":  {Class: Hourly, Locale: "en", Zone: "Europe/Berlin", Extractor: RecordField, TimestampField: "at"},
	} {
		b.Run(name, func(b *testing.B) {
			p, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			l := p.Locator(0, connectors.PayloadJSON)
			var dst []byte
			b.ReportAllocs()
			for n := 0; b.Loop(); n = (n + 1) % 1000 {
				if dst, _, err = l.Locate(dst[:0], batch, n, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNamesOfLanguages(t *testing.T) {
	for language, n := range languages() {
		if got := []string{strconv.Itoa(len(n.months)), strconv.Itoa(len(n.shortMonths)), strconv.Itoa(len(n.days)), strconv.Itoa(len(n.shortDays)), strconv.Itoa(len(n.halves)), strconv.Itoa(len(n.eras))}; !slices.Equal(got, []string{"12", "12", "7", "7", "2", "2"}) {
			t.Errorf("%s: %v", language, got)
		}
	}
}
