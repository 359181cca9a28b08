package stack

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" {
		own(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// The script declares its variables once; the README repeats them.
func TestReadmeListsEveryVariable(t *testing.T) {
	help, err := exec.Command("./stack", "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	variables := regexp.MustCompile(`(?m)^  (STACK_[A-Z_]+) +(?:[a-z]+: )?(.*) \[(.*)\]$`).FindAllStringSubmatch(string(help), -1)
	if len(variables) < 20 {
		t.Fatalf("stack help lists %d variables only:\n%s", len(variables), help)
	}
	for _, v := range variables {
		row := regexp.MustCompile("(?m)^\\| `" + v[1] + "` \\| (.*?) \\| (.*) \\|$").FindStringSubmatch(string(readme))
		if row == nil {
			t.Errorf("README.md has no row for %s", v[1])
			continue
		}
		want := v[3]
		if want == "none" {
			want = ""
		}
		if got := strings.Trim(row[1], "` "); got != want {
			t.Errorf("README.md: default of %s is %q, the script says %q", v[1], got, want)
		}
		if !strings.HasSuffix(row[2], v[2]) {
			t.Errorf("README.md: %s means %q, the script says %q", v[1], row[2], v[2])
		}
	}
}

func TestScriptRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"unknown command", nil, []string{"fly"}, `unknown command "fly"`},
		{"unknown service", nil, []string{"up", "zookeeper"}, `unknown service "zookeeper"`},
		{"no service", nil, []string{"kill"}, "usage: stack kill SERVICE"},
		{"kill of what does not run", nil, []string{"kill", "kafka"}, "kafka is not running"},
		{"a datanode too many", nil, []string{"pause", "datanode4"}, "no datanode4: STACK_DATANODES is 3"},
		{"folder that is no URI path", []string{"STACK_DIR=/tmp/a b"}, []string{"up"}, `STACK_DIR "/tmp/a b"`},
		{"ports neither fixed nor free", []string{"STACK_PORTS=any"}, []string{"up"}, `STACK_PORTS "any"`},
		{"datanodes out of range", []string{"STACK_DATANODES=20"}, []string{"up", "kafka"}, `STACK_DATANODES "20": 1 to 18`},
		{"namenodes out of range", []string{"STACK_NAMENODES=3"}, []string{"up", "kafka"}, `STACK_NAMENODES "3": 1 or 2`},
		{"no second namenode", nil, []string{"kill", "namenode2"}, "no namenode2: STACK_NAMENODES is 1"},
		{"activate without a pair", nil, []string{"activate", "namenode"}, "activate needs a pair"},
		{"no java", []string{"STACK_JAVA_HOME=/nowhere"}, []string{"up", "kafka"}, "set STACK_JAVA_HOME"},
		{"wipe of one service", nil, []string{"down", "--wipe", "kafka"}, "name no service with it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := exec.Command("./stack", tc.args...)
			cmd.Env = append(os.Environ(), append([]string{"STACK_DIR=" + dir, "STACK_CACHE=" + dir}, tc.env...)...)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("succeeded: %s", out)
			}
			if got := strings.TrimSpace(string(out)); !strings.Contains(got, tc.want) || strings.Contains(got, "\n") {
				t.Errorf("got %q, want one line with %q", got, tc.want)
			}
		})
	}
}
