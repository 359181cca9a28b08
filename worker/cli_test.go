package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/cli anew")

// answers is a worker that says the same thing again and again: a status and a body for each method and path.
type answers map[string]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, ok := a[r.Method+" "+r.URL.RequestURI()]
	if !ok {
		text = fmt.Sprintf(`404 {"error_code":404,"message":"no answer to %s %s is prepared"}`, r.Method, r.URL.RequestURI())
	}
	code, body, _ := strings.Cut(text, " ")
	var status int
	_, _ = fmt.Sscan(code, &status)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

const (
	coloursStatus = `{"name":"colours","connector":{"state":"RUNNING","worker_id":"10.0.0.1:8083","version":"1.0.0"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"10.0.0.1:8083","version":"1.0.0"}],"type":"sink"}`
	coloursConfig = `{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","file":"/data/colours.txt","name":"colours","tasks.max":"1","topics":"select-color"}`
	ordersStatus  = `{"name":"orders","connector":{"state":"RUNNING","worker_id":"10.0.0.1:8083"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"10.0.0.1:8083","trace":"sending a bulk request: connection refused; trying again in 4s"},{"id":1,"state":"FAILED","worker_id":"10.0.0.2:8083","trace":"task orders-1 failed: storing record (orders-1 offset 42)\n\tat \u001b[31mline 2\nIt waits for you."},{"id":2,"state":"UNASSIGNED","worker_id":""}],"type":"sink"}`
	ordersConfig  = `{"connector.class":"search","connection.password":"********","linger.ms":"5","name":"orders","pin":"********","topics":"orders"}`
	strange       = `{"name":"a/b \u001b[2Jc","connector":{"state":"PAUSED","worker_id":"10.0.0.1:8083"},"tasks":[],"type":"sink"}`
	notThere      = `404 {"error_code":404,"message":"Connector none not found"}`
	invalidConfig = `{"error_code":400,"message":"Connector configuration is invalid and contains the following 2 error(s):\nMust configure one of topics or topics.regex\nMissing required configuration \"file\"\nYou can also find the above list of errors at the endpoint ` + "`/connector-plugins/{connectorType}/config/validate`" + `"}`
	keys          = `[{"name":"pin","type":"PASSWORD","required":false,"default_value":null,"documentation":"Number of the safe.","group":"Safe"},{"name":"connection.url","type":"LIST","required":true,"default_value":null,"documentation":"Where.","group":null},{"name":"batch.size","type":"INT","required":false,"default_value":"2000","documentation":"Records in a request.","group":"Safe"},{"name":"prefix","type":"STRING","required":false,"default_value":"","documentation":"Before names.","group":null}]`
	verdictBad    = `{"name":"search","error_count":2,"groups":[],"configs":[{"definition":{"name":"topics"},"value":{"name":"topics","value":"","errors":["Must configure one of topics or topics.regex"]}},{"definition":{"name":"pin"},"value":{"name":"pin","value":"********","errors":["must be a number"]}},{"definition":{"name":"file"},"value":{"name":"file","errors":[]}}]}`
	verdictGood   = `{"name":"search","error_count":0,"groups":[],"configs":[]}`
)

// worker says what the golden tests are about.
func preparedWorker() answers {
	info := `{"name":"colours","config":` + coloursConfig + `,"tasks":[{"connector":"colours","task":0}],"type":"sink"}`
	return answers{
		"GET /connectors?expand=status&expand=info": `200 {"orders":{"status":` + ordersStatus + `,"info":{"name":"orders","config":` + ordersConfig + `}},"colours":{"status":` + coloursStatus + `,"info":` + info + `},"a/b":{"status":` + strange + `}}`,
		"GET /connectors":                                                   `200 ["orders","colours","fresh","old"]`,
		"GET /connectors/colours":                                           `200 ` + info,
		"GET /connectors/none":                                              notThere,
		"GET /connectors/none/config":                                       notThere,
		"GET /connectors/none/status":                                       `404 {"error_code":404,"message":"No status found for connector none"}`,
		"GET /connectors/colours/config":                                    `200 ` + coloursConfig,
		"GET /connectors/orders/config":                                     `200 ` + ordersConfig,
		"GET /connectors/fresh/config":                                      `404 {"error_code":404,"message":"Connector fresh not found"}`,
		"GET /connectors/colours/status":                                    `200 ` + coloursStatus,
		"GET /connectors/orders/status":                                     `200 ` + ordersStatus,
		"GET /connectors/colours/topics":                                    `200 {"colours":{"topics":["select-color","select-colour"]}}`,
		"PUT /connectors/colours/topics/reset":                              `202 `,
		"GET /connectors/colours/offsets":                                   `200 {"offsets":[{"partition":{"kafka_topic":"select-color","kafka_partition":0},"offset":{"kafka_offset":42}},{"partition":{"kafka_topic":"select-color","kafka_partition":1},"offset":null}]}`,
		"PATCH /connectors/colours/offsets":                                 `200 {"message":"The offsets for this connector have been altered successfully"}`,
		"DELETE /connectors/colours/offsets":                                `400 {"error_code":400,"message":"Connectors must be in the STOPPED state before their offsets can be reset. This can be done …"}`,
		"POST /connectors":                                                  `201 {"name":"fresh","config":{"name":"fresh"},"tasks":[],"type":"sink"}`,
		"PUT /connectors/orders/config":                                     `200 {"name":"orders","config":{},"tasks":[],"type":"sink"}`,
		"PUT /connectors/colours/config":                                    `200 ` + info,
		"PATCH /connectors/colours/config":                                  `200 ` + info,
		"PATCH /connectors/orders/config":                                   `400 ` + invalidConfig,
		"PUT /connectors/colours/pause":                                     `202 `,
		"PUT /connectors/none/pause":                                        `404 {"error_code":404,"message":"Unknown connector none"}`,
		"PUT /connectors/orders/pause":                                      `202 `,
		"PUT /connectors/colours/resume":                                    `202 `,
		"PUT /connectors/colours/stop":                                      `204 `,
		"DELETE /connectors/colours":                                        `204 `,
		"DELETE /connectors/old":                                            `500 {"error_code":500,"message":"Request timed out. The worker is currently placing tasks"}`,
		"POST /connectors/colours/restart":                                  `204 `,
		"POST /connectors/colours/tasks/0/restart":                          `204 `,
		"POST /connectors/colours/tasks/9/restart":                          `404 {"error_code":404,"message":"Unknown task: colours-9"}`,
		"POST /connectors/orders/restart?includeTasks=true&onlyFailed=true": `202 ` + strings.ReplaceAll(coloursStatus, "RUNNING", "RESTARTING"),
		"GET /connector-plugins?connectorsOnly=true":                        `200 [{"class":"org.apache.kafka.connect.file.FileStreamSinkConnector","type":"sink","version":"1.0.0"},{"class":"search","type":"sink","version":"2.1.0"}]`,
		"GET /connector-plugins?connectorsOnly=false":                       `200 [{"class":"search","type":"sink","version":"2.1.0"},{"class":"org.apache.kafka.connect.json.JsonConverter","type":"converter"}]`,
		"GET /connector-plugins/search/config":                              `200 ` + keys,
		"GET /connector-plugins/search/config?version=%5B3.0%2C4.0%29":      `400 {"error_code":400,"message":"Plugin search not found that matches the version range [3.0,4.0), available versions: [2.1.0]"}`,
		"GET /connector-plugins/org.apache.kafka.connect.file.FileStreamSinkConnector/config":          `200 []`,
		"PUT /connector-plugins/search/config/validate":                                                `200 ` + verdictBad,
		"PUT /connector-plugins/org.apache.kafka.connect.file.FileStreamSinkConnector/config/validate": `200 ` + verdictGood,
		"GET /admin/loggers":                    `200 {"root":{"level":"INFO","last_modified":null},"sluice":{"level":"DEBUG","last_modified":1767225600000}}`,
		"GET /admin/loggers/sluice":             `200 {"level":"DEBUG","last_modified":1767225600000}`,
		"GET /admin/loggers/none":               `404 {"error_code":404,"message":"Logger none not found."}`,
		"PUT /admin/loggers/sluice":             `200 ["sluice","sluice.task"]`,
		"PUT /admin/loggers/root?scope=cluster": `204 `,
	}
}

// TestGolden holds what commands say, to people and to programs, and their exit codes, against testdata/cli.
func TestGolden(t *testing.T) {
	clearEnvironment(t)
	server := httptest.NewServer(preparedWorker())
	defer server.Close()
	for _, test := range []struct {
		name  string
		stdin string
		args  string
	}{
		{name: "list", args: "connector list"},
		{name: "list-json", args: "connector list -o json"},
		{name: "get", args: "connector get colours"},
		{name: "get-json", args: "connector get colours -o json"},
		{name: "get-none", args: "connector get none"},
		{name: "config", args: "connector config orders"},
		{name: "config-json", args: "connector config orders -o json"},
		{name: "status", args: "connector status colours"},
		{name: "status-failed", args: "connector status orders"},
		{name: "status-json", args: "connector status orders -o json"},
		{name: "status-none", args: "connector status none"},
		{name: "topics", args: "connector topics colours"},
		{name: "topics-reset", args: "connector topics colours --reset"},
		{name: "topics-none", args: "connector topics none"},
		{name: "offsets", args: "connector offsets colours"},
		{name: "offsets-json", args: "connector offsets colours -o json"},
		{name: "offsets-set", args: "connector offsets colours --set select-color:0=7 --remove select-color:1"},
		{name: "offsets-running", args: "connector offsets colours --reset"},
		{name: "offsets-wrong", args: "connector offsets colours --set select-color=7"},
		{name: "offsets-both", args: "connector offsets colours --reset --remove t:0"},
		{name: "create-file", args: "connector create -f testdata/connectors/fresh.json"},
		{name: "create-arguments", args: "connector create fresh connector.class=search topics=fresh --state paused"},
		{name: "create-json", args: "connector create fresh connector.class=search -o json"},
		{name: "create-nothing", args: "connector create fresh"},
		{name: "create-both", args: "connector create fresh a=b -f x.json"},
		{name: "create-no-pair", args: "connector create fresh topics"},
		{name: "create-state", args: "connector create fresh a=b --state ended"},
		{name: "patch", args: "connector patch colours tasks.max=2 file-"},
		{name: "patch-stdin", args: "connector patch colours -f -", stdin: `{"tasks.max": 2, "file": null}`},
		{name: "patch-invalid", args: "connector patch orders topics-"},
		{name: "patch-nothing", args: "connector patch orders"},
		{name: "patch-no-pair", args: "connector patch orders topics"},
		{name: "pause-some", args: "connector pause colours none orders"},
		{name: "pause-json", args: "connector pause colours -o json"},
		{name: "resume", args: "connector resume colours"},
		{name: "stop", args: "connector stop colours"},
		{name: "delete", args: "connector delete colours"},
		{name: "delete-fails", args: "connector delete old"},
		{name: "restart", args: "connector restart colours"},
		{name: "restart-task", args: "connector restart colours --task 0"},
		{name: "restart-no-task", args: "connector restart colours --task 9"},
		{name: "restart-both", args: "connector restart colours --task 0 --include-tasks"},
		{name: "restart-failed", args: "connector restart orders --include-tasks --only-failed"},
		{name: "apply", args: "connector apply -f testdata/connectors"},
		{name: "apply-json", args: "connector apply -f testdata/connectors -o json"},
		{name: "apply-dry", args: "connector apply -f testdata/connectors --dry-run --delete-others"},
		{name: "apply-force", args: "connector apply -f testdata/connectors/colours.json --force"},
		{name: "apply-delete-others", args: "connector apply -f testdata/connectors/colours.json -f testdata/connectors/orders.json -f testdata/connectors/fresh.json --delete-others"},
		{name: "apply-unchanged-secrets", args: "connector apply -f -", stdin: strings.NewReplacer(`"********"`, `"opensesame"`).Replace(ordersConfig)},
		{name: "apply-masked", args: "connector apply -f -", stdin: ordersConfig},
		{name: "apply-unknown-class", args: "connector apply -f - --dry-run", stdin: `{"name":"fresh","connector.class":"none","topics":"t","anything":"opensesame"}`},
		{name: "apply-nothing", args: "connector apply"},
		{name: "apply-no-file", args: "connector apply -f testdata/none"},
		{name: "plugin-list", args: "plugin list"},
		{name: "plugin-list-all", args: "plugin list --all"},
		{name: "plugin-describe", args: "plugin describe search"},
		{name: "plugin-describe-version", args: "plugin describe search --plugin-version [3.0,4.0)"},
		{name: "plugin-validate", args: "plugin validate -f testdata/connectors/orders.json"},
		{name: "plugin-validate-class", args: "plugin validate search topics=a"},
		{name: "create-without-class", args: "connector create fresh topics=a"},
		{name: "plugin-validate-good", args: "plugin validate -f testdata/connectors/colours.json"},
		{name: "logger-list", args: "logger list"},
		{name: "logger-get", args: "logger get sluice"},
		{name: "logger-get-none", args: "logger get none"},
		{name: "logger-set", args: "logger set sluice debug"},
		{name: "logger-set-cluster", args: "logger set root warn --cluster"},
		{name: "usage-command", args: "conector list"},
		{name: "usage-sub-command", args: "connector lits"},
		{name: "usage-flag", args: "connector list --all"},
		{name: "usage-arguments", args: "connector status"},
		{name: "usage-output", args: "connector list -o yaml"},
		{name: "usage-url", args: "connector list --url ftp://u:secret@x"},
		{name: "usage-interval", args: "connector watch --interval 0s"},
		{name: "usage-certificate", args: "connector list --cert x.pem"},
		{name: "complete-names", args: "__complete connector status "},
		{name: "complete-more-names", args: "__complete connector pause colours "},
		{name: "complete-no-more", args: "__complete connector status colours "},
		{name: "complete-classes", args: "__complete plugin describe "},
		{name: "complete-loggers", args: "__complete logger set "},
		{name: "complete-levels", args: "__complete logger set root "},
		{name: "complete-output", args: "__complete connector list -o "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SLUICE_URL", server.URL)
			said := transcript(t, test.stdin, strings.Split(test.args, " ")...)
			golden(t, test.name, strings.ReplaceAll(said, server.URL, "http://worker"))
		})
	}
}

// transcript runs a command and writes down what it says: on standard error behind "! ".
func transcript(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	var b strings.Builder
	fmt.Fprintf(&b, "$ sluice %s\n%s", strings.Join(args, " "), out.String())
	for line := range strings.Lines(errs.String()) {
		b.WriteString("! " + line)
	}
	fmt.Fprintf(&b, "exit %d\n", code)
	for _, secret := range []string{"swordfish", "opensesame", "9999", "1234"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("the secret %s is shown:\n%s", secret, b.String())
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "cli", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant (%s, -update writes it)\n%s", got, path, want)
	}
}

// clearEnvironment takes away what would lead to other workers.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"URL", "USER", "PASSWORD", "CACERT", "CERT", "KEY"} {
		t.Setenv("SLUICE_"+name, "")
	}
}

// TestSent holds what commands send against what was meant.
func TestSent(t *testing.T) {
	clearEnvironment(t)
	for _, test := range []struct {
		name, stdin, args string
		want              string
	}{
		{name: "create", args: "create fresh connector.class=C topics=a=b --state STOPPED", want: `POST /connectors {"name":"fresh","config":{"connector.class":"C","name":"fresh","topics":"a=b"},"initial_state":"STOPPED"}`},
		{name: "create with texts for numbers", args: "create -f -", stdin: `{"name":"fresh","config":{"connector.class":"C","tasks.max":3,"x":true,"f":1.50}}`, want: `POST /connectors {"name":"fresh","config":{"connector.class":"C","f":"1.50","name":"fresh","tasks.max":"3","x":"true"}}`},
		{name: "patch", args: "patch colours tasks.max=2 file- empty=", want: `PATCH /connectors/colours/config {"empty":"","file":null,"tasks.max":"2"}`},
		{name: "offsets", args: "offsets colours --set t:0=7 --remove u:1", want: `PATCH /connectors/colours/offsets {"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":7}},{"partition":{"kafka_topic":"u","kafka_partition":1},"offset":null}]}`},
		{name: "apply with secrets", args: "apply -f testdata/connectors/orders.json", want: `PUT /connectors/orders/config {"batch.size":"500","connection.password":"opensesame","connector.class":"search","name":"orders","pin":"9999","topics":"orders,returns"}`},
		{name: "a name of many characters", args: "pause a/b%", want: "PUT /connectors/a%2Fb%25/pause "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sent []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != http.MethodGet {
					sent = append(sent, r.Method+" "+r.RequestURI+" "+string(body))
				}
				preparedWorker().ServeHTTP(w, r)
			}))
			defer server.Close()
			args := append([]string{"connector", "--url", server.URL}, strings.Split(test.args, " ")...)
			execute(t.Context(), args, strings.NewReader(test.stdin), io.Discard, io.Discard)
			if got := strings.Join(sent, "\n"); got != test.want {
				t.Errorf("sent %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestCredentials takes the password from the environment, and never from an argument.
func TestCredentials(t *testing.T) {
	clearEnvironment(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "swordfish" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode([]string{})
	}))
	defer server.Close()
	t.Setenv("SLUICE_URL", server.URL)
	golden(t, "unauthorized", transcript(t, "", "plugin", "list"))
	t.Setenv("SLUICE_PASSWORD", "swordfish")
	golden(t, "authorized", transcript(t, "", "plugin", "list", "--user", "u"))
}

// TestNoWorker says what to do where nobody answers.
func TestNoWorker(t *testing.T) {
	clearEnvironment(t)
	server := httptest.NewServer(http.NotFoundHandler())
	t.Setenv("SLUICE_URL", server.URL)
	server.Close() // its port is free now
	said := transcript(t, "", "connector", "list")
	if !strings.Contains(said, "! sluice: no worker answers at "+server.URL) || !strings.Contains(said, "start one with `sluice dev`") || !strings.HasSuffix(said, "exit 1\n") {
		t.Error(said)
	}
}
