package pluginhost

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// versionRange says which versions of a plugin will do, in the notation of Maven, which Kafka Connect takes for
// connector.plugin.version: [1.0,2.0) or (,1.5],[2.0,), and a version alone, which stands for itself only.
type versionRange struct {
	text string
	sets []versionSet // none: any version
}

// versionSet is one interval; an empty end is open.
type versionSet struct {
	low, high              string
	lowOutside, highInside bool
}

var versionSets = regexp.MustCompile(`^\s*([\[(])([^\[\](),]*)(,?)([^\[\](),]*)([\])])\s*(?:,|$)`)

// parseVersionRange reads a range; nothing and "latest" stand for any version, of which the highest is taken.
func parseVersionRange(spec string) (versionRange, error) {
	if spec == "" || spec == "latest" {
		return versionRange{}, nil
	}
	r := versionRange{text: strings.TrimSpace(spec)}
	if !strings.HasPrefix(r.text, "[") && !strings.HasPrefix(r.text, "(") {
		if strings.Contains(r.text, ",") {
			r.text = "[" + r.text + "]"
		} else {
			r.text = "[" + r.text + "," + r.text + "]"
		}
	}
	for rest := r.text; rest != ""; {
		m := versionSets.FindStringSubmatch(rest)
		if m == nil {
			return r, errors.New("Invalid version specification: " + spec)
		}
		rest = rest[len(m[0]):]
		s := versionSet{low: strings.TrimSpace(m[2]), high: strings.TrimSpace(m[4]), lowOutside: m[1] == "(", highInside: m[5] == "]"}
		if m[3] == "" { // [1.0]
			if s.high = s.low; s.low == "" || s.lowOutside || !s.highInside {
				return r, errors.New("Invalid version specification: " + spec)
			}
		}
		if s.low != "" && s.high != "" && compareVersions(s.low, s.high) > 0 {
			return r, errors.New("Invalid version specification: " + spec)
		}
		r.sets = append(r.sets, s)
	}
	return r, nil
}

// has says whether a version will do.
func (r versionRange) has(version string) bool {
	for _, s := range r.sets {
		above, below := true, true
		if s.low != "" {
			c := compareVersions(version, s.low)
			above = c > 0 || c == 0 && !s.lowOutside
		}
		if s.high != "" {
			c := compareVersions(version, s.high)
			below = c < 0 || c == 0 && s.highInside
		}
		if above && below {
			return true
		}
	}
	return len(r.sets) == 0
}

// FitVersion says whether a class of which there is one version fits what a configuration asks for. Unlike a missing one, an empty
// specification fits nothing, as in Kafka Connect.
func FitVersion(class, wanted, version string) error {
	r, err := parseVersionRange(wanted)
	switch {
	case err != nil:
		return err
	case wanted == "":
		return &VersionError{Class: class, Range: "[,]", Available: []string{version}}
	case !r.has(version):
		return &VersionError{Class: class, Range: r.text, Available: []string{version}}
	}
	return nil
}

// VersionError says that a plugin is there, and not in a version that will do.
type VersionError struct {
	Class     string
	Range     string
	Available []string // the highest first
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("Plugin %s not found that matches the version range %s, available versions: [%s]", e.Class, e.Range, strings.Join(e.Available, ", "))
}
