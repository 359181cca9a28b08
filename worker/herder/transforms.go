package herder

import (
	"net/http"
	"strings"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/transform"
)

// transformKeys lists the keys of a transformation or predicate.
func transformKeys(class *transform.Class, version string) ([]api.ConfigKeyInfo, error) {
	if version != "" {
		if err := pluginhost.FitVersion(class.Name, version, transform.Version); err != nil {
			return nil, &api.Error{Status: http.StatusBadRequest, Message: err.Error()}
		}
	}
	return keyInfos(class.Def.Keys()), nil
}

// appendTransforms adds what the configuration says of transformations and predicates. Values that are kept elsewhere are looked up
// where that is possible here, and never shown.
func (h *Herder) appendTransforms(infos *api.ConfigInfos, cfg map[string]string) {
	resolved, err := config.Resolve(cfg)
	if err != nil {
		resolved = cfg // the value may be on the worker that runs the task
	}
	keys, values := transform.Keys(resolved, transform.Surroundings{
		Fit: pluginhost.FitVersion,
		Foreign: func(class string) bool {
			_, _, converter := convert.Describe(class)
			_, _, header := convert.DescribeHeader(class)
			return converter || header || len(h.host.Versions(class)) > 0
		},
	})
	for i := range values {
		v := &values[i]
		if raw, ok := cfg[v.Name]; ok && raw != resolved[v.Name] {
			v.Value = &raw
			for j, message := range v.Errors {
				if resolved[v.Name] != "" {
					v.Errors[j] = strings.ReplaceAll(message, resolved[v.Name], raw)
				}
			}
		}
	}
	h.appendInfos(infos, keys, values)
}
