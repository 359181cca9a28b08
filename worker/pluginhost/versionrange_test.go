package pluginhost

import (
	"errors"
	"testing"
)

func TestVersionRange(t *testing.T) {
	tests := []struct {
		spec    string
		in, out []string
	}{
		{"", []string{"0.0.1", "9.9.9"}, nil},
		{"latest", []string{"1.0.0"}, nil},
		{"1.2", []string{"1.2", "1.2.0"}, []string{"1.2.1", "1.1.9", "1.2.0-rc1"}},
		{" 1.2.3 ", []string{"1.2.3"}, []string{"1.2.4"}},
		{"[1.2]", []string{"1.2.0"}, []string{"1.3.0"}},
		{"[1.0,2.0)", []string{"1.0.0", "1.99.0"}, []string{"0.9.0", "2.0.0"}},
		{"(1.0,2.0]", []string{"1.0.1", "2.0.0"}, []string{"1.0.0", "2.0.1"}},
		{"(,1.5]", []string{"0.0.1", "1.5.0"}, []string{"1.5.1"}},
		{"[1.5,)", []string{"1.5.0", "10.0.0"}, []string{"1.4.9"}},
		{"(,1.0],[1.2,)", []string{"1.0.0", "1.2.0"}, []string{"1.1.0"}},
		{"[1.0, 2.0), [3.0]", []string{"1.5.0", "3.0.0"}, []string{"2.0.0", "3.0.1"}},
		{"1.0,2.0", []string{"1.0.0", "2.0.0"}, []string{"2.0.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			r, err := parseVersionRange(tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range tt.in {
				if !r.has(v) {
					t.Errorf("%s is not in %s", v, tt.spec)
				}
			}
			for _, v := range tt.out {
				if r.has(v) {
					t.Errorf("%s is in %s", v, tt.spec)
				}
			}
		})
	}
	for _, spec := range []string{"[1.0", "[5,4]", "[", "]", "()", "(1.0)", "[1,1)", "[3,4],[1,2]", "[1,3],[2,4]", "[1,2]x", "[1,2][3"} {
		if _, err := parseVersionRange(spec); err == nil || err.Error() != "Invalid version specification: "+spec {
			t.Errorf("%s: error %v", spec, err)
		}
	}
}

// Kafka Connect 4.3.1 shows ranges, and what is wrong with them, in these words.
func TestVersionRangeText(t *testing.T) {
	for spec, want := range map[string]string{
		"4.3": "[4.3,4.3]", " x y ": "[x y,x y]", "[1],[2]": "[1,1],[2,2]", "1,2": "[1,2]", "[1,2], [3,4)": "[1,2],[3,4)",
		"(,)": "(,)", "[]": "[,]", "latest": "",
	} {
		if r, err := parseVersionRange(spec); err != nil || r.String() != want {
			t.Errorf("%q is shown as %q, %v; want %q", spec, r, err, want)
		}
	}
	for spec, want := range map[string]string{
		"[1": "Unbounded range: [1", "[2,1]": "Range defies version ordering: [2,1]", "(1)": "Single version must be surrounded by []: (1)",
		"[1,3],[2,4]": "Ranges overlap: [1,3],[2,4]", "[1,2]x": "Only fully-qualified sets allowed in multiple set scenario: [1,2]x",
	} {
		_, err := parseVersionRange(spec)
		if wrong, ok := errors.AsType[*RangeError](err); !ok || wrong.Why != want {
			t.Errorf("%q: error %v; want %q", spec, err, want)
		}
	}
	if err := InVersionRange("some.Converter", "4.3.1", "[]"); err == nil || err.Error() != "Plugin some.Converter not found that matches the version range [,], available versions: [4.3.1]" {
		t.Errorf("no version at all: %v", err)
	}
}
