package herder

import (
	"net/http"

	"github.com/sluice-connect/sluice/api"
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

// appendTransforms adds what the configuration says of transformations and predicates.
func (h *Herder) appendTransforms(infos *api.ConfigInfos, cfg map[string]string) {
	keys, values := transform.Keys(cfg, transform.Surroundings{
		Fit: pluginhost.FitVersion,
		Foreign: func(class string) bool {
			_, _, converter := convert.Describe(class)
			_, _, header := convert.DescribeHeader(class)
			return converter || header || len(h.host.Versions(class)) > 0
		},
	})
	h.appendInfos(infos, keys, values)
}
