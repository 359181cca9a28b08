package convert

import (
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		name, class, use string
		props            map[string]string
		payload          connectors.Payload
		direct           bool
		wantErr          string
	}{
		{name: "json", class: JSONClass, props: map[string]string{"schemas.enable": "false"}, payload: connectors.PayloadJSON, direct: true},
		{name: "json by alias", class: " Json ", props: map[string]string{"schemas.enable": " False "}, payload: connectors.PayloadJSON, direct: true},
		{name: "json with schemas", class: "JsonConverter", payload: connectors.PayloadJSON},
		{name: "json with odd switch", class: JSONClass, props: map[string]string{"schemas.enable": "maybe"}, wantErr: "schemas.enable"},
		{name: "json with odd decimals", class: JSONClass, props: map[string]string{"decimal.format": "x"}, wantErr: "String must be one of (case insensitive): NUMERIC, BASE64"},
		{name: "json with a schema that is none", class: JSONClass, props: map[string]string{"schema.content": "{"}, wantErr: "Failed to parse schema in converter config"},
		{name: "json with an odd schema", class: JSONClass, props: map[string]string{"schema.content": "{}"}, wantErr: "Schema must contain 'type' field"},
		{name: "string", class: StringClass, payload: connectors.PayloadString, direct: true},
		{name: "string in utf8", class: "String", props: map[string]string{"converter.encoding": "UTF8"}, payload: connectors.PayloadString, direct: true},
		{name: "string in latin 1", class: StringClass, props: map[string]string{"converter.encoding": "ISO-8859-1"}, wantErr: "must be UTF-8"},
		{name: "bytes", class: "ByteArray", payload: connectors.PayloadBytes, direct: true},
		{name: "long", class: "Long", payload: connectors.PayloadJSON},
		{name: "headers", class: "SimpleHeaderConverter", use: "header", payload: connectors.PayloadString, direct: true},
		{name: "headers by another", class: "Long", use: "header", payload: connectors.PayloadJSON},
		{name: "keys by that of headers", class: SimpleHeaderClass, wantErr: "is not known"},
		{name: "avro", class: "io.confluent.connect.avro.AvroConverter", wantErr: "schema registry are not supported"},
		{name: "nothing", class: "", wantErr: "is not known; use one of " + BooleanClass},
		{name: "package only", class: "org.apache.kafka.connect.json", wantErr: "is not known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.use == "" {
				tc.use = "value"
			}
			c, err := New(tc.class, tc.use, tc.props)
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Fatalf("error %v, wanted %q", err, tc.wantErr)
			}
			if err == nil && (c.Payload() != tc.payload || c.Direct() != tc.direct) {
				t.Errorf("payload %s, direct %v", c.Payload(), c.Direct())
			}
		})
	}
}
