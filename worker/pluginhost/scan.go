package pluginhost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	describeWithin = 10 * time.Second // for a plugin to start and say what it is
	describeBeside = 4                // plugins described at the same time
	retryAfter     = 30 * time.Second // before a file is tried again that failed for a reason that may pass
	pinSuffix      = ".sha256"
	maxPin         = 4 << 10
)

// stamp tells whether a file is still the same without reading it.
type stamp struct {
	size    int64
	changed int64
	inode   uint64
	pin     string // expected checksum, if it is pinned
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s := stamp{size: info.Size(), changed: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	s.pin = readPin(path)
	return s
}

// readPin gives the checksum that a file is pinned to, "" where it is not. What cannot be read as one pins to nothing
// that a file could have.
func readPin(path string) string {
	f, err := os.Open(path + pinSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		return "unreadable"
	}
	defer f.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(f, maxPin))
	if err != nil {
		return "unreadable"
	}
	fields := bytes.Fields(text) // the format of sha256sum: checksum, name
	if len(fields) == 0 {
		return "empty"
	}
	return strings.ToLower(string(fields[0]))
}

// inspected is what is known of a file.
type inspected struct {
	stamp    stamp
	plugin   Plugin
	reason   string         // why it cannot be used; empty if it can
	again    time.Time      // when to try again, for reasons that may pass
	trying   chan inspected // what a new try finds out; nil while there is none
	reported bool
}

// Rescan looks at the plugin folders and describes what is new or changed. Scans do not overlap: who comes while one is
// under way waits for it and looks again, which is cheap.
func (h *Host) Rescan(ctx context.Context) error {
	select {
	case h.scanning <- struct{}{}:
		defer func() { <-h.scanning }()
	case <-ctx.Done():
		return fmt.Errorf("looking for plugins: %w", ctx.Err())
	}
	h.mu.Lock()
	before := h.found
	h.mu.Unlock()

	paths := h.candidates()
	results := make([]inspected, len(paths))
	g := new(errgroup.Group)
	g.SetLimit(describeBeside)
	for i, path := range paths {
		old, known := before[path]
		now := stampOf(path)
		if known && old.stamp == now {
			results[i] = old
			if !old.again.IsZero() && time.Now().After(old.again) {
				results[i] = h.tryAgain(path, old)
			}
			continue
		}
		g.Go(func() error {
			results[i] = h.inspect(ctx, path, now)
			return nil
		})
	}
	_ = g.Wait() // inspections report through their results
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("looking for plugins: %w", err)
	}
	h.adopt(paths, results)
	return nil
}

// tryAgain inspects a file once more, for which nobody waits: one that hangs would hang whoever looks at the folders. What comes
// out is there for the next scan.
func (h *Host) tryAgain(path string, old inspected) inspected {
	if old.trying == nil {
		old.trying = make(chan inspected, 1)
		if h.begin() {
			go func() {
				defer h.launches.Done()
				old.trying <- h.inspect(h.stopping, path, old.stamp)
			}()
		}
		return old
	}
	select {
	case now := <-old.trying:
		now.reported = now.reason == old.reason
		return now
	default:
		return old
	}
}

// candidates lists the files that may be plugins, in the order of the folders. Files that plainly are something else
// (hidden ones, pins, texts) are passed over in silence.
func (h *Host) candidates() []string {
	var paths []string
	for _, dir := range h.cfg.Paths {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				h.log.Warn("cannot read a folder of plugin.path", "folder", dir, "error", err)
			}
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, ".") || e.IsDir() || isSomethingElse(name) {
				continue
			}
			path, err := filepath.Abs(filepath.Join(dir, name))
			if err == nil {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func isSomethingElse(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case pinSuffix, ".md", ".txt", ".json", ".yaml", ".yml", ".properties", ".html", ".jar", ".proto", ".pyc", ".tmp", ".part":
		return true
	}
	switch strings.ToUpper(name) {
	case "LICENSE", "NOTICE", "README", "CHANGELOG":
		return true
	}
	return false
}

// inspect finds out what a file is.
func (h *Host) inspect(ctx context.Context, path string, s stamp) inspected {
	in := inspected{stamp: s}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		in.reason = "cannot be looked at: " + err.Error()
		return in
	case !info.Mode().IsRegular():
		in.reason = "is not a regular file"
		return in
	case info.Mode().Perm()&0o111 == 0:
		in.reason = "is not executable; make it so (chmod +x) if it is a plugin"
		return in
	case info.Size() == 0:
		in.reason = "is empty"
		return in
	}
	sum, err := checksum(path)
	if err != nil {
		in.reason = "cannot be read: " + err.Error()
		return in
	}
	if s.pin != "" && s.pin != sum {
		in.reason = fmt.Sprintf("has the checksum %s, but %s wants %s", sum, filepath.Base(path)+pinSuffix, s.pin)
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	proc, err := h.launch(ctx, path, filepath.Base(path), "describe")
	if err != nil {
		in.reason, in.again = err.Error(), time.Now().Add(retryAfter)
		return in
	}
	defer proc.Kill()
	d, err := proc.Client().Describe(ctx)
	if err != nil {
		in.reason, in.again = proc.explain(err).Error(), time.Now().Add(retryAfter)
		return in
	}
	if err := checkDescription(d.Name, d.Version); err != nil {
		in.reason = err.Error()
		return in
	}
	in.plugin = Plugin{Description: d, Path: path, SHA256: sum, stamp: s}
	return in
}

func checkDescription(name, version string) error {
	ok := name != "" && len(name) <= 100
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return fmt.Errorf("calls itself %.100q; a plugin's name has small letters, digits and dashes", name)
	}
	if _, ok := parseVersion(version); !ok {
		return fmt.Errorf("gives its version as %.100q; a version is like 1.2.3", version)
	}
	return nil
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // read only
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// adopt makes the results known. Of two files with the same name and version the earlier counts.
func (h *Host) adopt(paths []string, results []inspected) {
	found := make(map[string]inspected, len(paths))
	var list []Plugin
	var rejected []Rejected
	owner := map[string]string{}
	for i, path := range paths {
		in := results[i]
		reason := in.reason
		if reason == "" {
			id := in.plugin.Name + " " + in.plugin.Version
			if other, taken := owner[id]; taken {
				reason = "is " + id + ", as " + other + " is already"
			} else {
				owner[id] = path
				list = append(list, in.plugin)
			}
		}
		if reason != "" {
			rejected = append(rejected, Rejected{Path: path, Reason: reason})
		}
		if !in.reported {
			in.reported = true
			if reason != "" {
				h.log.Warn("file in plugin.path cannot be used", "file", path, "reason", reason)
			} else {
				h.log.Info("plugin found", "plugin", in.plugin.Name, "version", in.plugin.Version, "file", path)
			}
		}
		found[path] = in
	}
	slices.SortStableFunc(list, func(a, b Plugin) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), compareVersions(b.Version, a.Version))
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for path, in := range h.found {
		if _, still := found[path]; !still && in.reason == "" {
			h.log.Info("plugin is gone", "plugin", in.plugin.Name, "version", in.plugin.Version, "file", path)
		}
	}
	h.found, h.list, h.rejected = found, list, rejected
}

// parseVersion reads major.minor.patch with an optional -suffix.
func parseVersion(v string) (n [3]int, ok bool) {
	core, _, _ := strings.Cut(v, "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	if len(parts) == 0 || len(parts) > 3 {
		return n, false
	}
	for i, p := range parts {
		x, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return n, false
		}
		n[i] = int(x)
	}
	return n, true
}

// compareVersions orders versions; one with a suffix ("-rc1") stands before the one without.
func compareVersions(a, b string) int {
	x, _ := parseVersion(a)
	y, _ := parseVersion(b)
	if c := slices.Compare(x[:], y[:]); c != 0 {
		return c
	}
	_, sa, hasA := strings.Cut(a, "-")
	_, sb, hasB := strings.Cut(b, "-")
	switch {
	case hasA && !hasB:
		return -1
	case hasB && !hasA:
		return 1
	default:
		return strings.Compare(sa, sb)
	}
}
