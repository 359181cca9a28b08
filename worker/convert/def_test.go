package convert

import "testing"

func TestDescribe(t *testing.T) {
	for name, keys := range map[string]int{
		JSONConverter: 6, "JsonConverter": 6, "Json": 6, StringConverter: 2, "String": 2, ByteArrayConverter: 1, "Nope": 0, "": 0,
	} {
		class, def, ok := Describe(name)
		if ok != (keys > 0) || len(def.Keys()) != keys || ok && !IsHeaderClass(class) {
			t.Errorf("%q: %s with %d keys, %v", name, class, len(def.Keys()), ok)
		}
	}
}

func TestHeaderClasses(t *testing.T) {
	for name, want := range map[string]bool{SimpleHeaderConverter: true, "SimpleHeaderConverter": true, "Long": true, JSONConverter: true, "Nope": false, "": false} {
		if IsHeaderClass(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
