package api

import (
	"net/http"
	"strings"
)

func plugins(h Herder, r *http.Request) (answer, error) {
	q := r.URL.Query()
	all, err := h.Plugins(r.Context(), !q.Has("connectorsOnly") || isTrue(q.Get("connectorsOnly")))
	return ok(list(all)), err
}

func pluginConfig(h Herder, r *http.Request) (answer, error) {
	keys, err := h.PluginConfig(r.Context(), param(r, "plugin"), r.URL.Query().Get("version"))
	for i := range keys {
		keys[i].Dependents = list(keys[i].Dependents)
	}
	return ok(list(keys)), err
}

// validate checks a configuration that may have any fault.
func validate(h Herder, r *http.Request) (answer, error) {
	plugin := param(r, "plugin")
	config, err := decodeMap(r)
	if err != nil {
		return answer{}, err
	}
	values, nulls := withoutNulls(config)
	if class, has := values["connector.class"]; has && !strings.HasSuffix(alias(class), alias(plugin)) {
		return answer{}, badRequest("Included connector type %s does not match request type %s", class, plugin)
	}
	infos, err := h.Validate(r.Context(), plugin, values)
	infos.Groups, infos.Configs = list(infos.Groups), list(infos.Configs)
	for i := range infos.Configs {
		c := &infos.Configs[i]
		c.Definition.Dependents, c.Value.Recommended, c.Value.Errors = list(c.Definition.Dependents), list(c.Value.Recommended), list(c.Value.Errors)
	}
	for _, key := range nulls {
		refuseNull(&infos, key)
	}
	return ok(infos), err
}

// refuseNull adds that a key is null: JSON has that value, a configuration has not.
func refuseNull(infos *ConfigInfos, key string) {
	infos.ErrorCount++
	for i := range infos.Configs {
		if infos.Configs[i].Value.Name == key {
			infos.Configs[i].Value.Errors = append(infos.Configs[i].Value.Errors, nullValue)
			return
		}
	}
	infos.Configs = append(infos.Configs, ConfigInfo{
		Definition: ConfigKeyInfo{Name: key, Type: "STRING", Importance: "LOW", Width: "NONE", DisplayName: key, Dependents: []string{}},
		Value:      ConfigValueInfo{Name: key, Recommended: []string{}, Errors: []string{nullValue}, Visible: true},
	})
}

// alias is a class without the suffix that Connect lets people leave out.
func alias(class string) string {
	if short, cut := strings.CutSuffix(class, "Connector"); cut && short != "" {
		return short
	}
	return class
}
