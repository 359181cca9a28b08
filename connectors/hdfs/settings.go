package hdfs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"time"
	_ "time/tzdata" // time zones where the system has none

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// defaultPort is the namenode's.
const defaultPort = "8020"

// settings is a checked configuration as the writers use it.
type settings struct {
	where    location
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

func checkZone(s string) error {
	if _, err := time.LoadLocation(s); err != nil {
		return errors.New("time zone is not known")
	}
	return nil
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
	if kerberos.Get(cfg) && user.Get(cfg) != "" {
		errs = append(errs, connectors.ConfigError{Key: user.Name(), Message: "Invalid value " + user.Get(cfg) + " for configuration " + user.Name() + ": with Kerberos the user is the principal"})
	}
	return errs
}

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
	zone, err := time.LoadLocation(timezone.Get(cfg))
	if err != nil {
		return settings{}, connectors.Misconfigured("reading timezone", err, "")
	}
	var reach *cluster
	if !where.local {
		if reach, err = newCluster(where, confDir.Get(cfg), user.Get(cfg), newSecurity(cfg)); err != nil {
			return settings{}, err
		}
	}
	format, err := newFormat(cfg, records.Value)
	if err != nil {
		return settings{}, connectors.Misconfigured("reading format.class", err, "")
	}
	return settings{
		where: where, cluster: reach, timeout: timeout.Get(cfg),
		names: naming{
			topics: absolute(where.root, topicsDir.Get(cfg)), logs: absolute(where.root, logsDir.Get(cfg)),
			delim: fileDelim.Get(cfg), width: zeroPad.Get(cfg), ext: format.Extension(),
		},
		format: format, skipNull: strings.EqualFold(onNull.Get(cfg), nullIgnore), records: flushSize.Get(cfg),
		rotation: rotation{interval: rotateInterval.Get(cfg), schedule: rotateSchedule.Get(cfg), zone: zone},
		backoff:  retryBackoff.Get(cfg), appends: strings.EqualFold(writeMode.Get(cfg), modeAppend),
		buffer: int(bufferBytes.Get(cfg)), fileSize: fileBytes.Get(cfg),
	}, nil
}

// absolute gives a folder below the root, out of which no dots lead.
func absolute(root, dir string) string { return path.Join(root, path.Clean("/"+dir)) }

// rotation says when a file is due by the clock.
type rotation struct {
	interval time.Duration // from its first record; not positive: no limit
	schedule time.Duration // multiples since midnight, and midnight; not positive: never
	zone     *time.Location
}

// due is when a file that began at the given time is to be committed; false: never by the clock.
func (r rotation) due(began time.Time) (time.Time, bool) {
	var at time.Time
	if r.interval > 0 {
		at = began.Add(r.interval)
	}
	if r.schedule > 0 {
		local := began.In(r.zone)
		midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, r.zone)
		next := midnight.Add((began.Sub(midnight)/r.schedule + 1) * r.schedule)
		// A day may have 23 or 25 hours, or end within a period: at midnight the count begins anew. Where a zone leaves
		// midnight out, the time package may give an hour before it, which can be over.
		if tomorrow := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, r.zone); tomorrow.Before(next) && tomorrow.After(began) {
			next = tomorrow
		}
		if at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at, !at.IsZero()
}
