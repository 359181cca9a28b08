package pluginhost

import "slices"

// Offered lists every name that Find knows a plugin by, with the versions there are, the highest first.
func (h *Host) Offered() map[string][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	offered := map[string][]string{}
	for _, p := range h.list {
		for _, name := range p.names() {
			if !slices.Contains(offered[name], p.Version) {
				offered[name] = append(offered[name], p.Version)
			}
		}
	}
	return offered
}

// Fits tells whether plugins, as Offered lists them, have a class in a version that Find would take.
func Fits(offered map[string][]string, class, version string) bool {
	wanted, err := parseVersionRange(version)
	return err == nil && slices.ContainsFunc(offered[class], wanted.has)
}
