package pluginhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// elf is the beginning of a program for a machine that nobody has.
func elf() string {
	h := make([]byte, 64)
	copy(h, "\x7fELF\x02\x01\x01")
	h[16], h[18], h[19], h[20] = 2, 0xfe, 0xca, 1
	return string(h)
}

func TestUnfitFiles(t *testing.T) {
	dir := t.TempDir()
	cases := map[string]struct {
		make func(path string)
		want string
	}{
		"not-executable": {func(p string) {
			if err := os.Chmod(drop(t, dir, filepath.Base(p), "good"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is not executable; make it so (chmod +x)"},
		"empty":          {func(p string) { dropText(t, dir, filepath.Base(p), "") }, "is empty"},
		"a-text":         {func(p string) { dropText(t, dir, filepath.Base(p), "just some text, with no interpreter") }, "not a program for this system"},
		"other-machine":  {func(p string) { dropText(t, dir, filepath.Base(p), elf()) }, "not a program for this system"},
		"no-interpreter": {func(p string) { dropText(t, dir, filepath.Base(p), "#!/no/such/interpreter\n") }, "no such file"},
		"fifo": {func(p string) {
			if err := syscall.Mkfifo(p, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
		"dangling": {func(p string) {
			if err := os.Symlink(filepath.Join(dir, "nowhere"), p); err != nil {
				t.Fatal(err)
			}
		}, "cannot be looked at"},
		"exits":          {func(p string) { drop(t, dir, filepath.Base(p), "exit") }, "cannot find libmagic.so.7"},
		"exits-with":     {func(p string) { drop(t, dir, filepath.Base(p), "exit") }, "exit status 3"},
		"silent":         {func(p string) { drop(t, dir, filepath.Base(p), "silent") }, "it was not ready in time"},
		"deaf":           {func(p string) { drop(t, dir, filepath.Base(p), "deaf") }, "it was not ready in time"},
		"garbage":        {func(p string) { drop(t, dir, filepath.Base(p), "garbage") }, "it printed"},
		"other-protocol": {func(p string) { drop(t, dir, filepath.Base(p), "'hello:1|99|unix|/x|grpc'") }, "it speaks version 99 of the plugin protocol, this worker version 1"},
		"other-core":     {func(p string) { drop(t, dir, filepath.Base(p), "'hello:7|1|unix|/x|grpc'") }, "it printed"},
		"netrpc":         {func(p string) { drop(t, dir, filepath.Base(p), "'hello:1|1|unix|/x|netrpc'") }, "it printed"},
		"by-tcp":         {func(p string) { drop(t, dir, filepath.Base(p), "'hello:1|1|tcp|127.0.0.1:1|grpc'") }, "a plugin listens on a unix socket"},
		"says-hello":     {func(p string) { drop(t, dir, filepath.Base(p), "'helloend:Hello World!'") }, "Hello World!"},
		"a-shell":        {func(p string) { dropText(t, dir, filepath.Base(p), "#!/bin/sh\necho started by hand?\nexit 0\n") }, "started by hand?"},
		"hangs":          {func(p string) { drop(t, dir, filepath.Base(p), "hangdescribe") }, "did not answer in time"},
		"panics":         {func(p string) { drop(t, dir, filepath.Base(p), "panicdescribe") }, "no spec today"},
		"bad-name":       {func(p string) { drop(t, dir, filepath.Base(p), "'named:Bad Name@1.0.0'") }, `calls itself "Bad Name"`},
		"bad-version":    {func(p string) { drop(t, dir, filepath.Base(p), "named:fine@newest") }, `gives its version as "newest"`},
		"pinned-other": {func(p string) {
			if err := os.WriteFile(drop(t, dir, filepath.Base(p), "good")+".sha256", []byte(strings.Repeat("0", 64)+"  x\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "pinned-other.sha256 wants 000000"},
		"pinned-empty": {func(p string) {
			if err := os.WriteFile(drop(t, dir, filepath.Base(p), "good")+".sha256", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "pinned-empty.sha256 wants empty"},
	}
	for name, c := range cases {
		c.make(filepath.Join(dir, name))
	}
	drop(t, dir, "zz-good", "good") // between all of these one that works

	h, log := newHost(t, nil, dir)
	scan(t, h)
	reasons := map[string]string{}
	for _, r := range h.Rejected() {
		reasons[filepath.Base(r.Path)] = r.Reason
	}
	for name, c := range cases {
		if !strings.Contains(reasons[name], c.want) {
			t.Errorf("%s: the reason is %q, want %q", name, reasons[name], c.want)
		}
		if len(reasons[name]) > 8<<10 {
			t.Errorf("%s: the reason has %d bytes", name, len(reasons[name]))
		}
		if !log.has(filepath.Join(dir, name)) {
			t.Errorf("%s: not in the log", name)
		}
	}
	if len(reasons) != len(cases) {
		t.Errorf("rejected: %v", reasons)
	}
	if p, err := h.Find("testing", ""); err != nil || filepath.Base(p.Path) != "zz-good" {
		t.Errorf("the good one: %v, %v", p, err)
	}
}

func TestFilesPassedOver(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".hidden", "README.md", "notes.txt", "LICENSE", "old.jar", "sluice.proto", "half.part", "x.sha256", "config.json"} {
		dropText(t, dir, name, "#!/bin/sh\ntouch '"+dir+"/started'\n")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, log := newHost(t, nil, dir, filepath.Join(dir, "no-such-folder"))
	scan(t, h)
	if len(h.Plugins())+len(h.Rejected())+len(log.all()) > 0 {
		t.Errorf("found %v, rejected %v, logged %v", h.Plugins(), h.Rejected(), log.all())
	}
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("one of them was started")
	}
}

func TestVersionsAndOrder(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	drop(t, first, "a", "named:alpha@1.2.0")
	drop(t, first, "b", "named:alpha@1.10.0-rc1")
	drop(t, second, "c", "named:alpha@1.10.0")
	drop(t, second, "d", "named:alpha@1.2.0") // as a, in a later folder
	drop(t, second, "e", "named:beta@0.1.0")
	h, _ := newHost(t, nil, first, second)
	scan(t, h)
	var got []string
	for _, p := range h.Plugins() {
		got = append(got, p.Name+" "+p.Version)
	}
	if want := "alpha 1.10.0,alpha 1.10.0-rc1,alpha 1.2.0,beta 0.1.0"; strings.Join(got, ",") != want {
		t.Errorf("listed %v", got)
	}
	if r := h.Rejected(); len(r) != 1 || filepath.Base(r[0].Path) != "d" || !strings.Contains(r[0].Reason, "is alpha 1.2.0, as "+filepath.Join(first, "a")+" is already") {
		t.Errorf("rejected %v", r)
	}
	for _, class := range []string{"alpha", "com.example.TestingSinkConnector", "TestingSinkConnector", "TestingSink"} {
		if p, err := h.Find(class, ""); err != nil || p.Version != "1.10.0" {
			t.Errorf("%s is %s %s, %v", class, p.Name, p.Version, err)
		}
	}
	for version, want := range map[string]string{
		"": "1.10.0", "latest": "1.10.0", "1.2.0": "1.2.0", "[1.2,1.3)": "1.2.0", "(,1.10.0)": "1.10.0-rc1", "(1.2.0,)": "1.10.0",
	} {
		if p, err := h.Find("TestingSink", version); err != nil || p.Version != want {
			t.Errorf("%q is %s, %v; want %s", version, p.Version, err, want)
		}
	}
	_, err := h.Find("TestingSink", "[2,3]")
	const unfit = "Plugin com.example.TestingSinkConnector not found that matches the version range [2,3], available versions: [1.10.0, 1.10.0-rc1, 1.2.0]"
	if err == nil || !strings.HasPrefix(err.Error(), unfit[:len(unfit)-1]) {
		t.Errorf("error %v, want %s", err, unfit)
	}
	if _, err := h.Find("TestingSink", "[2"); err == nil || err.Error() != "Invalid version specification: [2" {
		t.Errorf("error %v", err)
	}
	for _, class := range []string{"", "Testing", "example.TestingSinkConnector", filepath.Join(first, "a"), "a"} {
		if p, err := h.Find(class, ""); err == nil {
			t.Errorf("%q is found as %s", class, p.Path)
		}
	}
}

func TestComeReplacedAndGone(t *testing.T) {
	dir := t.TempDir()
	h, log := newHost(t, nil, dir)
	scan(t, h)
	ctx := t.Context()
	if _, err := h.FindCurrent(ctx, "alpha", ""); err == nil {
		t.Fatal("found before it is there")
	}
	drop(t, dir, "alpha", "named:alpha@1.0.0")
	old, err := h.FindCurrent(ctx, "alpha", "")
	if err != nil {
		t.Fatal(err)
	}
	drop(t, dir, "alpha", "named:alpha@2.0.0")
	if _, err := h.Launch(ctx, old, "x"); err == nil || !strings.Contains(err.Error(), "was changed or removed since it was found") {
		t.Errorf("launching what was replaced: %v", err)
	}
	p, err := h.FindCurrent(ctx, "alpha", "")
	if err != nil || p.Version != "2.0.0" {
		t.Fatalf("after the replacement: %s, %v", p.Version, err)
	}
	proc, err := h.Launch(ctx, p, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Kill()

	// What runs goes on when its file is gone.
	if err := os.Remove(p.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.FindCurrent(ctx, "alpha", ""); err == nil {
		t.Error("found after it was removed")
	}
	if !log.has("plugin is gone") {
		t.Error("its end is not in the log")
	}
	if d, err := proc.Client().Describe(ctx); err != nil || d.Version != "2.0.0" {
		t.Errorf("the running process: %v, %v", d, err)
	}
}

// What failed for a reason that may pass is tried again, and nobody waits for that: one that hangs hangs nobody.
func TestTriedAgainInTheBackground(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dropText(t, dir, "moody", fmt.Sprintf("#!/bin/sh\ncd '%s'\n[ -e hang ] && { : >hung; exec sleep 1000; }\n[ -e well ] || exit 1\n%s=named:moody@1.0.0 exec '%s'\n", dir, roleKey, self))
	touch := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h, _ := newHost(t, nil, dir)
	due := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for path, in := range h.found {
			if in.reason != "" && !in.again.IsZero() {
				in.again = time.Now().Add(-time.Second)
				h.found[path] = in
			}
		}
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: rejected %v", what, h.Rejected())
			}
		}
	}
	scan(t, h)
	if _, err := h.Find("moody", ""); err == nil {
		t.Fatal("found what ends at once")
	}

	touch("hang")
	due()
	began := time.Now()
	scan(t, h)
	if took := time.Since(began); took >= describeWithin {
		t.Errorf("a scan waited %s for a file that hangs", took)
	}
	until("the new try", func() bool { _, err := os.Stat(filepath.Join(dir, "hung")); return err == nil })

	if err := os.Remove(filepath.Join(dir, "hang")); err != nil {
		t.Fatal(err)
	}
	touch("well")
	until("the plugin that got well", func() bool {
		due()
		scan(t, h)
		_, err := h.Find("moody", "")
		return err == nil
	})
}

func TestPin(t *testing.T) {
	dir := t.TempDir()
	path := drop(t, dir, "alpha", "named:alpha@1.0.0")
	pin := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if err := os.WriteFile(filepath.Join(dir, "alpha.sha256"), []byte(strings.ToUpper(hex.EncodeToString(sum[:]))+"  alpha\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pin(path)
	h, _ := newHost(t, nil, dir)
	p, err := h.FindCurrent(t.Context(), "alpha", "")
	if err != nil || len(p.SHA256) != 64 {
		t.Fatal(p, err, h.Rejected())
	}
	drop(t, dir, "alpha", "named:alpha@6.6.6")
	if _, err := h.FindCurrent(t.Context(), "alpha", ""); err == nil {
		t.Fatal("a replaced binary is used against its pin")
	}
	pin(path)
	if p, err := h.FindCurrent(t.Context(), "alpha", ""); err != nil || p.Version != "6.6.6" {
		t.Fatal(p, err, h.Rejected())
	}
}

func TestSecondScanIsCheap(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "starts")
	path := drop(t, dir, "alpha", "good")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dropText(t, dir, "alpha", strings.Replace(string(text), "\n", "\necho x >>'"+log+"'\n", 1))
	h, _ := newHost(t, nil, dir)
	for range 3 {
		scan(t, h)
	}
	if got, err := os.ReadFile(log); err != nil || string(got) != "x\n" {
		t.Errorf("started %q, %v", got, err)
	}
}

func TestScanIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "silent", "silent") // which is waited for as long as describeWithin
	h, _ := newHost(t, nil, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := h.Rescan(ctx); err == nil || time.Since(began) > describeWithin {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestCompareVersions(t *testing.T) {
	ascending := []string{"0.0.1", "0.1.0", "0.9.0", "0.10.0-rc1", "0.10.0-rc2", "0.10.0", "1", "1.0.1", "2.0"}
	for i := range ascending {
		for j := range ascending {
			got := compareVersions(ascending[i], ascending[j])
			if got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s against %s gives %d", ascending[i], ascending[j], got)
			}
		}
	}
	for _, v := range []string{"", "1.2.3.4", "v1.0.0", "1..2", "1.x", "-1", "99999999999999999999"} {
		if _, ok := parseVersion(v); ok {
			t.Errorf("%q counts as a version", v)
		}
	}
}
