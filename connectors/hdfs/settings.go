package hdfs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
	"github.com/sluice-connect/sluice/connectors/hdfs/partition"
)

// defaultPort is the namenode's.
const defaultPort = "8020"

// settings is a checked configuration as the writers use it.
type settings struct {
	where    location
	dirs     topicDirs
	cluster  *cluster // nil: a folder of this machine
	timeout  time.Duration
	names    naming
	format   *encode.Format
	skipNull bool
	records  int
	rotation rotation
	backoff  time.Duration
	appends  bool
	buffer   int
	fileSize int64

	partitioner *partition.Partitioner
	openFiles   int
	compaction  compaction
	hive        *hiveSettings // nil: no tables
}

// location is where the files go.
type location struct {
	local     bool
	addresses []string // of namenodes; a single one without a port may be a nameservice
	root      string   // absolute, without a slash at the end unless it is all
}

func urlCheck() connectors.KeyOption {
	return connectors.Check("hdfs://host:port, file:///folder", func(s string) error {
		if s == "" {
			return nil
		}
		_, err := parseURL(s)
		return err
	})
}

// parseURL reads hdfs://host[:port][,host[:port]…][/folder] and file:///folder.
func parseURL(s string) (location, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return location{}, errors.New("URL must be like hdfs://namenode:8020 or file:///folder")
	}
	host, folder, _ := strings.Cut(rest, "/")
	folder, err := url.PathUnescape("/" + folder)
	if err != nil {
		return location{}, fmt.Errorf("URL has a malformed path: %w", err)
	}
	switch strings.ToLower(scheme) {
	case "file":
		if host != "" && host != "localhost" {
			return location{}, errors.New("URL must have three slashes, like file:///folder")
		}
		return location{local: true, root: path.Clean(folder)}, nil
	case "hdfs":
		l := location{root: path.Clean(folder)}
		for a := range strings.SplitSeq(host, ",") {
			if a = strings.TrimSpace(a); a == "" || strings.ContainsAny(a, " @") {
				return location{}, errors.New("URL must name a namenode, like hdfs://namenode:8020")
			}
			if _, _, err := net.SplitHostPort(a); err != nil && strings.Contains(a, ":") {
				return location{}, fmt.Errorf("URL has a malformed address %s", a)
			}
			l.addresses = append(l.addresses, a)
		}
		return l, nil
	case "viewfs":
		return location{}, errors.New("viewfs has a mount table of the client, which is not supported; name the cluster itself, like hdfs://namenode:8020")
	default:
		return location{}, fmt.Errorf("URL has the scheme %s; hdfs and file are known", scheme)
	}
}

// check looks at what several keys say together.
func check(cfg connectors.Config) []connectors.ConfigError {
	var errs []connectors.ConfigError
	switch a, b := hdfsURL.Get(cfg), storeURL.Get(cfg); {
	case a == "" && b == "":
		errs = append(errs, connectors.ConfigError{Key: storeURL.Name(), Message: `Missing required configuration "store.url" which has no default value.`})
	case a != "" && b != "" && a != b:
		errs = append(errs, connectors.ConfigError{Key: hdfsURL.Name(), Message: "Invalid value " + a + " for configuration hdfs.url: store.url says something else; remove one of them"})
	}
	if fileDelim.Get(cfg) == growingMark && strings.EqualFold(writeMode.Get(cfg), modeAppend) {
		errs = append(errs, connectors.ConfigError{Key: fileDelim.Name(), Message: "Invalid value ~ for configuration file.delim: ~ marks the growing files of append mode; use another of +, -, _, ="})
	}
	errs = append(errs, checkGrowing(cfg)...)
	if half := newSecurity(cfg); (half.principal == "") != (half.keytab == "") {
		key := principal.Name()
		if half.keytab == "" {
			key = keytabFile.Name()
		}
		errs = append(errs, connectors.ConfigError{Key: key, Message: "Missing value for configuration " + key + ": " + errHalfLogin.Error()})
	}
	if err := checkActs(user.Get(cfg)); kerberos.Get(cfg) && err != nil {
		errs = append(errs, connectors.ConfigError{Key: user.Name(), Message: "Invalid value " + user.Get(cfg) + " for configuration " + user.Name() + ": " + err.Error()})
	}
	if isAppend(cfg) && compactAfter.Get(cfg) > 0 {
		value, _ := cfg.Raw(compactAfter.Name())
		errs = append(errs, connectors.ConfigError{Key: compactAfter.Name(), Message: "Invalid value " + value + " for configuration " + compactAfter.Name() + ": append mode has no small files; remove it, or use sluice.write.mode=flush"})
	}
	errs = append(errs, checkTopicDirs(cfg)...)
	return append(errs, checkLayout(cfg)...)
}

func isAppend(cfg connectors.Config) bool { return strings.EqualFold(writeMode.Get(cfg), modeAppend) }

func newSettings(cfg connectors.Config, records connectors.Format) (settings, error) {
	if errs := check(cfg); len(errs) > 0 {
		return settings{}, connectors.Misconfigured("reading configuration", errors.New(errs[0].Message), "")
	}
	raw := storeURL.Get(cfg)
	if raw == "" {
		raw = hdfsURL.Get(cfg)
	}
	where, err := parseURL(raw)
	if err != nil {
		return settings{}, connectors.Misconfigured("reading store.url", err, "")
	}
	zone := time.UTC
	if name := timezone.Get(cfg); name != "" {
		if zone, err = partition.Zone(name); err != nil {
			return settings{}, connectors.Misconfigured("reading timezone", err, "")
		}
	}
	layout, key, err := newPartitioner(cfg)
	if err != nil {
		return settings{}, connectors.Misconfigured("reading "+key, err, "")
	}
	var reach *cluster
	if !where.local {
		if reach, err = newCluster(where, confDir.Get(cfg), newSecurity(cfg)); err != nil {
			return settings{}, err
		}
	}
	format, err := newFormat(cfg, records.Value)
	if err != nil {
		return settings{}, connectors.Misconfigured("reading format.class", err, "")
	}
	dirs, err := newTopicDirs(cfg, where.root)
	if err != nil {
		return settings{}, connectors.Misconfigured("reading "+captureGroups.Name(), err, "")
	}
	return settings{
		where: where, dirs: dirs, cluster: reach, timeout: timeout.Get(cfg),
		names: naming{
			topics: absolute(where.root, topicsDir.Get(cfg)), logs: absolute(where.root, logsDir.Get(cfg)), // see forTopic
			delim: fileDelim.Get(cfg), width: zeroPad.Get(cfg), ext: format.Extension(),
		},
		format: format, skipNull: strings.EqualFold(onNull.Get(cfg), nullIgnore), records: flushSize.Get(cfg),
		partitioner: layout,
		rotation:    rotation{interval: rotateInterval.Get(cfg), recordTime: layout.ByRecordTime(), schedule: rotateSchedule.Get(cfg), zone: zone},
		backoff:     max(retryBackoff.Get(cfg), time.Millisecond), appends: isAppend(cfg),
		buffer: int(bufferBytes.Get(cfg)), fileSize: fileBytes.Get(cfg), openFiles: openFilesMax.Get(cfg),
		compaction: newCompaction(cfg), hive: newHive(cfg, raw, dirs),
	}, nil
}

// absolute gives a folder below the root, out of which no dots lead.
func absolute(root, dir string) string { return path.Join(root, path.Clean("/"+dir)) }
