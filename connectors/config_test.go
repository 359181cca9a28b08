package connectors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	testName  = String("name", "A name.", Required(), NonEmpty(), Group("A"))
	testCount = Int("count", "A count.", Default("3"), Between(1, 10), Group("A"))
	testWait  = Millis("wait.ms", "A time.", Default("-1"), AtLeast(-1), Group("B"))
	testMode  = String("mode", "A mode.", Default("fast"), OneOf("fast", "safe"), Group("B"))
	testList  = List("list", "A list.", Group("B"))
	testPass  = Secret("pass", "A password.", Check("long", func(s string) error {
		if len(s) < 3 {
			return errors.New("too short")
		}
		return nil
	}))
	testFlag = Bool("flag", "A flag.", Default("false"))
)

func testDef() ConfigDef {
	return Define(testName, testCount, testWait, testMode, testList, testPass, testFlag)
}

func TestConfigValues(t *testing.T) {
	cfg, err := testDef().Parse(map[string]string{"name": "n", "wait.ms": "1500", "list": "a, b ,c", "pass": "geheim", "mode": "SAFE", "other": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if testName.Get(cfg) != "n" || testCount.Get(cfg) != 3 || testWait.Get(cfg) != 1500*time.Millisecond || testMode.Get(cfg) != "SAFE" || testFlag.Get(cfg) {
		t.Fatalf("%q %d %s %q", testName.Get(cfg), testCount.Get(cfg), testWait.Get(cfg), testMode.Get(cfg))
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, testList.Get(cfg)); diff != "" {
		t.Fatal(diff)
	}
	if got := fmt.Sprintf("%v %s %#v", testPass.Get(cfg), testPass.Get(cfg), testPass.Get(cfg)); strings.Contains(got, "geheim") {
		t.Fatalf("password is printed: %s", got)
	}
	if testPass.Get(cfg).Reveal() != "geheim" {
		t.Fatal("password is lost")
	}
	if v, ok := cfg.Raw("other"); !ok || v != "x" || cfg.IsSet("count") {
		t.Fatalf("raw %q %v", v, ok)
	}
}

// Values are shown as Kafka writes them back, and no passwords.
func TestShownValues(t *testing.T) {
	raw := map[string]string{"name": " http://ada:geheim@host ", "count": " +5", "wait.ms": "007", "list": " a ,, b", "flag": "TRUE", "mode": "SAFE"}
	want := map[string]string{"name": "http://********@host", "count": "5", "wait.ms": "7", "list": "a,,b", "flag": "true", "mode": "SAFE"}
	got := map[string]string{}
	for _, v := range testDef().Validate(raw) {
		if v.Value != nil {
			got[v.Name] = *v.Value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		raw  map[string]string
		want []string
	}{
		{"missing", map[string]string{}, []string{`Missing required configuration "name" which has no default value.`}},
		{"empty", map[string]string{"name": ""}, []string{"Invalid value  for configuration name: String must be non-empty"}},
		{"no number", map[string]string{"name": "n", "count": "x"}, []string{
			"Invalid value x for configuration count: Not a number of type INT",
			"Invalid value null for configuration count: Value must be non-null",
		}},
		{"too small", map[string]string{"name": "n", "count": "0"}, []string{"Invalid value 0 for configuration count: Value must be at least 1"}},
		{"too large", map[string]string{"name": "n", "count": "11"}, []string{"Invalid value 11 for configuration count: Value must be no more than 10"}},
		{"beyond 32 bits", map[string]string{"name": "n", "count": "3000000000"}, []string{
			"Invalid value 3000000000 for configuration count: Not a number of type INT",
			"Invalid value null for configuration count: Value must be non-null",
		}},
		{"unknown mode", map[string]string{"name": "n", "mode": "slow"}, []string{"Invalid value slow for configuration mode: String must be one of (case insensitive): fast, safe"}},
		{"no boolean", map[string]string{"name": "n", "flag": "yes"}, []string{"Invalid value yes for configuration flag: Expected value to be either true or false"}},
		{"blanks are no name", map[string]string{"name": " \t"}, []string{"Invalid value  for configuration name: String must be non-empty"}},
		{"password in a URL not shown", map[string]string{"name": "n", "mode": "http://ada:geheim@host/a@b"}, []string{"Invalid value http://********@host/a@b for configuration mode: String must be one of (case insensitive): fast, safe"}},
		{"password not shown", map[string]string{"name": "n", "pass": "ab"}, []string{"Invalid value ******** for configuration pass: too short"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, v := range testDef().Validate(tc.raw) {
				got = append(got, v.Errors...)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatal(diff)
			}
			if _, err := testDef().Parse(tc.raw); CodeOf(err) != CodeMisconfigured {
				t.Fatalf("parse says %v", err)
			}
		})
	}
}

func TestDefineNumbersKeysWithinTheirGroup(t *testing.T) {
	got := map[string]int{}
	for _, k := range testDef().Keys() {
		got[k.Name] = k.OrderInGroup
	}
	want := map[string]int{"name": 1, "count": 2, "wait.ms": 1, "mode": 2, "list": 3, "pass": 1, "flag": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	err := Retriable("renaming /a to /b", errors.New("connection refused"), "start the namenode").At(Partition{"colours", 2}, 17)
	const want = "renaming /a to /b (colours-2 offset 17): connection refused; start the namenode"
	if err.Error() != want {
		t.Fatalf("got  %s\nwant %s", err, want)
	}
	wrapped := fmt.Errorf("outer: %w", err)
	if CodeOf(wrapped) != CodeRetriable || AsError("x", wrapped) != err {
		t.Fatal("a wrapped error lost its code")
	}
	if CodeOf(errors.New("x")) != CodeFatal || CodeOf(nil) != 0 {
		t.Fatal("plain errors are fatal, and nil is none")
	}
}
