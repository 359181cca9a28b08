package convert

import "testing"

func TestDescribe(t *testing.T) {
	for name, keys := range map[string]int{
		JSONClass: 6, "JsonConverter": 6, "Json": 6, StringClass: 2, "String": 2, BytesClass: 1, "Long": 1, "Nope": 0, "": 0, SimpleHeaderClass: 0,
	} {
		if _, def, ok := Describe(name); ok != (keys > 0) || len(def.Keys()) != keys {
			t.Errorf("%q: %d keys, %v", name, len(def.Keys()), ok)
		}
	}
	for name, want := range map[string]bool{SimpleHeaderClass: true, "SimpleHeaderConverter": true, "Long": true, JSONClass: true, "Nope": false, "": false} {
		if _, _, ok := DescribeHeader(name); ok != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
