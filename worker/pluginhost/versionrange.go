package pluginhost

import (
	"errors"
	"fmt"
	"strings"
)

// versionRange says which versions of a plugin will do, in the notation of Maven, which Kafka Connect takes for
// connector.plugin.version: [1.0,2.0) or (,1.5],[2.0,), and a version alone, which stands for itself only.
type versionRange struct {
	sets []versionSet // none: any version
}

// versionSet is one interval; an empty end is open. One of a single version has that at both ends.
type versionSet struct {
	low, high              string
	lowOutside, highInside bool
	single                 bool
}

// RangeError says that a range of versions cannot be read.
type RangeError struct {
	Spec string
	Why  string // in the words of Maven
}

func (e *RangeError) Error() string { return "Invalid version specification: " + e.Spec }

// CheckVersionRange says what is wrong with a range of versions: a *RangeError, or nil.
func CheckVersionRange(spec string) error {
	_, err := parseVersionRange(spec)
	return err
}

// InVersionRange says whether a version of a class will do: nil, a *RangeError, or a *VersionError.
func InVersionRange(class, version, spec string) error {
	r, err := parseVersionRange(spec)
	if err == nil && !r.has(version) {
		err = &VersionError{Class: class, Range: r.String(), Available: []string{version}}
	}
	return err
}

// parseVersionRange reads a range; nothing and "latest" stand for any version, of which the highest is taken.
func parseVersionRange(spec string) (versionRange, error) {
	var r versionRange
	if spec == "" || spec == "latest" {
		return r, nil
	}
	rest := strings.TrimSpace(spec)
	if !strings.HasPrefix(rest, "[") && !strings.HasPrefix(rest, "(") {
		rest = "[" + rest + "]"
	}
	full := rest
	for strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "(") {
		end := strings.IndexAny(rest, ")]")
		if end < 0 {
			return r, &RangeError{spec, "Unbounded range: " + full}
		}
		set, err := parseVersionSet(rest[:end+1])
		if err != nil {
			return r, &RangeError{spec, err.Error()}
		}
		if n := len(r.sets); n > 0 {
			if last := r.sets[n-1]; last.high != "" && (set.low == "" || compareVersions(set.low, last.high) < 0) {
				return r, &RangeError{spec, "Ranges overlap: " + full}
			}
		}
		r.sets = append(r.sets, set)
		rest = strings.TrimSpace(rest[end+1:])
		rest = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	if rest != "" {
		return r, &RangeError{spec, "Only fully-qualified sets allowed in multiple set scenario: " + full}
	}
	return r, nil
}

// parseVersionSet reads one interval, brackets and all.
func parseVersionSet(text string) (versionSet, error) {
	s := versionSet{lowOutside: text[0] == '(', highInside: text[len(text)-1] == ']'}
	low, high, two := strings.Cut(text[1:len(text)-1], ",")
	s.low, s.high = strings.TrimSpace(low), strings.TrimSpace(high)
	if !two {
		if s.lowOutside || !s.highInside {
			return s, errors.New("Single version must be surrounded by []: " + text)
		}
		s.high, s.single = s.low, true
		return s, nil
	}
	if s.low == "" || s.high == "" {
		return s, nil
	}
	if c := compareVersions(s.low, s.high); c > 0 || c == 0 && (s.lowOutside || !s.highInside) {
		return s, errors.New("Range defies version ordering: " + text)
	}
	return s, nil
}

// String is the range as Maven writes it.
func (r versionRange) String() string {
	texts := make([]string, len(r.sets))
	for i, s := range r.sets {
		left, right := "[", ")"
		if s.lowOutside {
			left = "("
		}
		if s.highInside {
			right = "]"
		}
		texts[i] = left + s.low + "," + s.high + right
	}
	return strings.Join(texts, ",")
}

// has says whether a version will do.
func (r versionRange) has(version string) bool {
	for _, s := range r.sets {
		above, below := !s.single || s.low != "", true // [] has the version that has no name
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
	if wanted == "" {
		return &VersionError{Class: class, Range: "[,]", Available: []string{version}}
	}
	return InVersionRange(class, version, wanted)
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
