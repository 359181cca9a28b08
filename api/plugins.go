package api

import (
	"net/http"
	"slices"
	"strings"
)

func plugins(h Herder, r *http.Request) (answer, error) {
	only := query(r).Get("connectorsOnly")
	all, err := h.Plugins(r.Context(), only == "" || isTrue(only))
	return ok(list(all)), err
}

func pluginConfig(h Herder, r *http.Request) (answer, error) {
	version := query(r).Get("version")
	if version == "" && query(r).Has("version") {
		version = "[]" // no version has no name, as Connect says
	}
	keys, err := h.PluginConfig(r.Context(), param(r, "plugin"), version)
	for i := range keys {
		keys[i].Dependents = list(keys[i].Dependents)
	}
	return ok(list(keys)), err
}

// validate checks a configuration that may have any fault. It may come as a string that holds the object: that is how the
// command line of kafka-connect-py sends it.
func validate(h Herder, r *http.Request) (answer, error) {
	plugin := param(r, "plugin")
	body, err := decodeBody(r, settings)
	if err != nil {
		return answer{}, err
	}
	fields, err := bodyObject(unquote(body), settings)
	if err != nil {
		return answer{}, err
	}
	config, err := scalars("", fields)
	if err != nil {
		return answer{}, err
	}
	values, nulls := withoutNulls(config)
	if class, has := values["connector.class"]; has && !strings.HasSuffix(alias(class), alias(plugin)) {
		return answer{}, badRequest("Included connector type %s does not match request type %s", class, plugin)
	}
	infos, err := h.Validate(r.Context(), plugin, values)
	refuseNulls(&infos, nulls)
	infos.Groups, infos.Configs = list(infos.Groups), list(infos.Configs)
	for i := range infos.Configs {
		c := &infos.Configs[i]
		c.Value.Recommended, c.Value.Errors = list(c.Value.Recommended), list(c.Value.Errors)
		if c.Definition != nil {
			c.Definition.Dependents = list(c.Definition.Dependents)
		}
	}
	return ok(infos), err
}

// nullTexts is what Connect says of a null besides, where a key of every sink takes some values only.
var nullTexts = map[string]string{
	"tasks.max":            "Invalid value null for configuration tasks.max: Value must be non-null",
	"topics":               "Configuration 'topics' values must not be null.",
	"topics.regex":         `Invalid value null for configuration topics.regex: Invalid regex: Cannot invoke "String.isEmpty()" because "this.pattern" is null`,
	"errors.tolerance":     "Invalid value null for configuration errors.tolerance: String must be one of: none, all",
	"config.action.reload": "Invalid value null for configuration config.action.reload: String must be one of: none, restart",
}

// refuseNulls adds the keys that are null, and says whether there is one to refuse: JSON has that value, a configuration has not. A key
// of the plugin's own is not given then, as with Connect. For others it comes in place of what a missing value is blamed for, but for
// what concerns other keys, too; keys that nobody declares come first.
func refuseNulls(infos *ConfigInfos, keys []string) (refused bool) {
	var undeclared []ConfigInfo
	for _, key := range keys {
		i := slices.IndexFunc(infos.Configs, func(c ConfigInfo) bool { return c.Value.Name == key })
		if i >= 0 && infos.Configs[i].Own {
			continue
		}
		refused = true
		infos.ErrorCount++
		if i >= 0 {
			v := &infos.Configs[i].Value
			infos.ErrorCount -= len(v.Errors)
			v.Value, v.Errors = nil, append(slices.DeleteFunc(v.Errors, func(e string) bool { return !strings.HasPrefix(e, "Must configure one of") }), nullValue)
			if text := nullTexts[key]; text != "" {
				v.Errors = slices.Insert(v.Errors, 0, text)
			}
			infos.ErrorCount += len(v.Errors) - 1
			continue
		}
		undeclared = append(undeclared, ConfigInfo{
			Value: ConfigValueInfo{Name: key, Recommended: []string{}, Errors: []string{nullValue}, Visible: true},
		})
	}
	infos.Configs = append(undeclared, infos.Configs...)
	return refused
}

const nullValue = "Null value can not be supplied as the configuration value."

// alias is a class without the suffix that Connect lets people leave out.
func alias(class string) string {
	if short, cut := strings.CutSuffix(class, "Connector"); cut && short != "" {
		return short
	}
	return class
}
