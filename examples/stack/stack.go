package stack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Service names a service, or one process of it, as the script does.
type Service string

// The services. HDFS is the namenode and all datanodes; DataNode names a datanode alone.
const (
	Kafka         Service = "kafka"
	Connect       Service = "connect"
	HDFS          Service = "hdfs"
	Elasticsearch Service = "elasticsearch"
	NameNode      Service = "namenode"
	NameNode2     Service = "namenode2" // of a pair, STACK_NAMENODES=2
	KDC           Service = "kdc"       // the Kerberos server, STACK_HDFS_SECURITY=kerberos
	DataNode1     Service = "datanode1"
	DataNode2     Service = "datanode2"
	DataNode3     Service = "datanode3"
)

// Options of a stack of one's own.
type Options struct {
	// Env sets variables of the script, such as STACK_DATANODES or STACK_ES_SETTINGS. Variables of that kind in the
	// process's own environment have no effect, but for STACK_CACHE, STACK_TIMEOUT and STACK_JAVA_HOME.
	Env map[string]string
	// Log receives what the script tells while it works; nil discards it.
	Log io.Writer
	// Wipe removes the data too when this process ends without Down.
	Wipe bool
}

// Stack is a running stack. Its methods may be called from several goroutines.
type Stack struct {
	script string
	dir    string
	log    io.Writer
	urls   map[string]string
	guard  *guard // nil when the stack was attached to

	mu  sync.Mutex
	env []string // the script's whole environment
}

// Start brings up services in a stack of its own with free ports. The stack keeps its data in dir and ends with this
// process, or before that with Down. Services that were not named can be added with the method Start.
func Start(ctx context.Context, dir string, opts Options, services ...Service) (*Stack, error) {
	s, err := open(dir, opts)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("start stack: %w", err)
	}
	s.guard, err = s.startGuard(opts.Wipe)
	if err != nil {
		return nil, err
	}
	if err = s.run(ctx, "up", services...); err == nil {
		err = s.readURLs(ctx)
	}
	if err != nil {
		// the caller's context may be what ended the start
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
		defer cancel()
		return nil, errors.Join(err, s.Down(down, opts.Wipe))
	}
	return s, nil
}

// Attach uses the stack in dir that someone else has started and will take down.
func Attach(dir string) (*Stack, error) {
	s, err := open(dir, Options{})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(s.dir, "env")); err != nil {
		return nil, fmt.Errorf("attach to the stack in %s: %w; start it with STACK_DIR=%s %s up", s.dir, err, s.dir, s.script)
	}
	return s, s.readURLs(context.Background())
}

// Dir returns the folder of the stack: data, and log/PART.log for each part.
func (s *Stack) Dir() string { return s.dir }

// KafkaBootstrap returns host:port of the broker.
func (s *Stack) KafkaBootstrap() string { return s.urls["KAFKA_BOOTSTRAP"] }

// ConnectURL returns the address of Kafka Connect's REST API, http://host:port.
func (s *Stack) ConnectURL() string { return s.urls["CONNECT_URL"] }

// HDFSURL returns the address of the namenode, hdfs://host:port; of a pair its nameservice, hdfs://stack.
func (s *Stack) HDFSURL() string { return s.urls["HDFS_URL"] }

// WebHDFSURL returns the HTTP address of the namenode, http://host:port.
func (s *Stack) WebHDFSURL() string { return s.urls["WEBHDFS_URL"] }

// WebHDFSURL2 returns the HTTP address of the second namenode of a pair.
func (s *Stack) WebHDFSURL2() string { return s.urls["WEBHDFS2_URL"] }

// HadoopConfDir returns a folder with core-site.xml and hdfs-site.xml for clients of the stack's HDFS.
func (s *Stack) HadoopConfDir() string { return s.urls["HADOOP_CONF_DIR"] }

// HadoopClasspath returns the class path of Java programs that are clients of the stack's HDFS.
func (s *Stack) HadoopClasspath() string { return s.urls["HADOOP_CLASSPATH"] }

// ElasticsearchURL returns the address of the node, http://host:port.
func (s *Stack) ElasticsearchURL() string { return s.urls["ELASTICSEARCH_URL"] }

// Kill ends services with SIGKILL and returns when they are gone.
func (s *Stack) Kill(ctx context.Context, services ...Service) error {
	return s.run(ctx, "kill", services...)
}

// Pause stops services with SIGSTOP: connections stay, answers do not come.
func (s *Stack) Pause(ctx context.Context, services ...Service) error {
	return s.run(ctx, "pause", services...)
}

// Resume wakes paused services.
func (s *Stack) Resume(ctx context.Context, services ...Service) error {
	return s.run(ctx, "resume", services...)
}

// Start starts services on the data that they have, and returns when they are ready. It leaves alone what runs.
func (s *Stack) Start(ctx context.Context, services ...Service) error {
	return s.run(ctx, "up", services...)
}

// Stop stops services in good order and keeps the rest of the stack.
func (s *Stack) Stop(ctx context.Context, services ...Service) error {
	if len(services) == 0 {
		return errors.New("stack stop: no service named; Down stops them all")
	}
	return s.run(ctx, "down", services...)
}

// Restart stops services in good order and starts them again, and returns when they are ready.
func (s *Stack) Restart(ctx context.Context, services ...Service) error {
	return s.run(ctx, "restart", services...)
}

// SafeMode makes the namenode enter or leave safe mode, in which HDFS can be read only.
func (s *Stack) SafeMode(ctx context.Context, on bool) error {
	if on {
		return s.run(ctx, "safemode", "enter")
	}
	return s.run(ctx, "safemode", "leave")
}

// Activate makes a namenode of a pair the active one. The other hands over in good order; where it does not run, or is
// paused, it is killed first.
func (s *Stack) Activate(ctx context.Context, namenode Service) error {
	return s.run(ctx, "activate", namenode)
}

// DFSAdmin runs hdfs dfsadmin.
func (s *Stack) DFSAdmin(ctx context.Context, args ...string) error {
	services := make([]Service, len(args))
	for i, a := range args {
		services[i] = Service(a)
	}
	return s.run(ctx, "dfsadmin", services...)
}

// Kinit gets a Kerberos ticket of a user into a new file.
func (s *Stack) Kinit(ctx context.Context, user, file string) error {
	return s.run(ctx, "kinit", Service(user), Service(file))
}

// DFS runs hdfs dfs as the superuser and gives what it prints.
func (s *Stack) DFS(ctx context.Context, args ...string) (string, error) {
	services := make([]Service, len(args))
	for i, a := range args {
		services[i] = Service(a)
	}
	cmd := s.command(ctx, "dfs", services...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("stack dfs %v: %w\n%s", args, err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// Keytab returns the file with the keys of a Kerberos user.
func (s *Stack) Keytab(user string) string {
	return filepath.Join(s.dir, "kerberos", user+".keytab")
}

// Krb5Conf returns Kerberos' configuration for clients of the stack.
func (s *Stack) Krb5Conf() string { return s.urls["KRB5_CONFIG"] }

// Set gives a variable of the script another value. It counts from the next start of the service that it is of.
func (s *Stack) Set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env = append(slices.Clone(s.env), name+"="+value) // the last one counts
}

// Down stops all services; with wipe it does so at once and removes the data. It is the last call of a stack.
func (s *Stack) Down(ctx context.Context, wipe bool) error {
	var err error
	if wipe {
		err = s.run(ctx, "down", "--wipe")
	} else {
		err = s.run(ctx, "down")
	}
	// a stack that could not be taken down is left to its guard
	if s.guard != nil && err == nil {
		s.guard.dismiss()
		s.guard = nil
	}
	return err
}

const downTimeout = 90 * time.Second

// What the environment may say about any stack.
var inherited = []string{"STACK_CACHE=", "STACK_TIMEOUT=", "STACK_STOP_TIMEOUT=", "STACK_JAVA_HOME="}

func open(dir string, opts Options) (*Stack, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("stack folder: %w", err)
	}
	s := &Stack{script: script, dir: dir, log: opts.Log}
	if s.log == nil {
		s.log = io.Discard
	}
	s.env = append(s.env, "STACK_TIMEOUT=300") // a machine that runs tests may be slow
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "STACK_") || hasAnyPrefix(v, inherited) {
			s.env = append(s.env, v)
		}
	}
	// quick to start rather than fast in the long run: the JVM's first compiler alone halves the CPU time of a start
	s.env = append(s.env, "STACK_PORTS=free", "STACK_REBALANCE_DELAY_MS=0", "STACK_JAVA_OPTS=-XX:TieredStopAtLevel=1")
	for k, v := range opts.Env {
		s.env = append(s.env, k+"="+v)
	}
	s.env = append(s.env, "STACK_DIR="+dir)
	return s, nil
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// findScript looks for the script in the repository that the working directory belongs to; tests run inside it.
func findScript() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find examples/stack: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		script := filepath.Join(dir, "examples", "stack", "stack")
		if info, err := os.Stat(script); err == nil && info.Mode().IsRegular() {
			return script, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find examples/stack: not in %s nor above it; run inside the repository", wd)
		}
	}
}

func (s *Stack) command(ctx context.Context, verb string, args ...Service) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.script, verb)
	for _, a := range args {
		cmd.Args = append(cmd.Args, string(a))
	}
	s.mu.Lock()
	cmd.Env = s.env
	s.mu.Unlock()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs the script. Its error holds what the script said.
func (s *Stack) run(ctx context.Context, verb string, args ...Service) error {
	var said bytes.Buffer
	cmd := s.command(ctx, verb, args...)
	out := io.MultiWriter(&said, s.log)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("stack %s %v: %w\n%s", verb, args, err, strings.TrimSpace(said.String()))
	}
	return nil
}

func (s *Stack) readURLs(ctx context.Context) error {
	out, err := s.command(ctx, "env").Output()
	if err != nil {
		return fmt.Errorf("stack env: %w", err)
	}
	s.urls = make(map[string]string)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
			s.urls[name] = value
		}
	}
	return nil
}

// guard is a process that takes the stack down when the other end of its standard input is closed, which the kernel does
// at the latest when this process ends (6).
type guard struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func (s *Stack) startGuard(wipe bool) (*guard, error) {
	cmd := exec.Command(s.script, "guard")
	if wipe {
		cmd.Args = append(cmd.Args, "--wipe")
	}
	cmd.Env = s.env
	// a signal to the test's process group must not end the guard first
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the stack's guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the stack's guard: %w", err)
	}
	return &guard{cmd: cmd, stdin: stdin}, nil
}

// dismiss ends the guard without its doing anything.
func (g *guard) dismiss() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it says "killed"
	_ = g.stdin.Close()
}
