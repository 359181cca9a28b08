package herder

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/transform"
)

// pluginVersion is the key that asks for a version of the sink: one, or a range of them.
const pluginVersion = "connector.plugin.version"

// Plugins lists what connectors can be made of: the sinks found in plugin.path under each of their classes and, if asked,
// the transformations, predicates and converters of the worker.
func (h *Herder) Plugins(ctx context.Context, connectorsOnly bool) ([]api.PluginInfo, error) {
	if err := h.rescan(ctx); err != nil {
		return nil, err
	}
	list := []api.PluginInfo{}
	for _, p := range h.host.Plugins() {
		for _, c := range p.Classes {
			list = append(list, api.PluginInfo{Class: c.Name, Type: "sink", Version: p.Version})
		}
		if len(p.Classes) == 0 {
			list = append(list, api.PluginInfo{Class: p.Name, Type: "sink", Version: p.Version})
		}
	}
	slices.SortStableFunc(list, func(a, b api.PluginInfo) int { return cmp.Compare(a.Class, b.Class) }) // the highest version stays first
	if !connectorsOnly {
		for _, c := range transform.Classes() {
			list = append(list, api.PluginInfo{Class: c.Name, Type: c.Kind.String(), Version: transform.Version})
		}
		for _, c := range convert.Classes() {
			list = append(list, api.PluginInfo{Class: c, Type: "converter", Version: convert.Version})
		}
		for _, c := range convert.HeaderClasses() {
			list = append(list, api.PluginInfo{Class: c, Type: "header_converter", Version: convert.Version})
		}
	}
	return list, nil
}

// PluginConfig lists the keys of a plugin: of a sink its own first, then those that every sink connector has.
func (h *Herder) PluginConfig(ctx context.Context, plugin, version string) ([]api.ConfigKeyInfo, error) {
	if err := pluginhost.CheckVersionRange(version); err != nil {
		return nil, &api.Error{Status: http.StatusBadRequest, Message: err.Error()}
	}
	p, err := h.find(ctx, plugin, version)
	switch {
	case err == nil:
		return h.sinkKeys(p), nil
	case ctx.Err() != nil:
		return nil, err
	}
	if class, ok := transform.Lookup(plugin); ok {
		return transformKeys(class, version)
	}
	if class, def, ok := convert.Describe(plugin); ok {
		if err := pluginhost.InVersionRange(class, convert.Version, version); err != nil {
			return nil, &api.Error{Status: http.StatusBadRequest, Message: err.Error()}
		}
		return keyInfos(converterKeys(def)), nil
	}
	if _, def, ok := convert.DescribeHeader(plugin); ok {
		return keyInfos(converterKeys(def)), nil
	}
	if len(h.host.Versions(plugin)) == 0 {
		return nil, notFound("Unknown plugin " + plugin + ".")
	}
	return nil, &api.Error{Status: http.StatusBadRequest, Message: err.Error()} // the version
}

func (h *Herder) sinkKeys(p pluginhost.Plugin) []api.ConfigKeyInfo {
	infos := keyInfos(p.Config)
	for _, k := range config.SinkDef().Keys() {
		if slices.ContainsFunc(p.Config, func(own connectors.KeyDef) bool { return own.Name == k.Name }) {
			continue
		}
		if k.Name == pluginVersion {
			k.Default = &p.Version
		}
		infos = append(infos, keyInfo(k))
	}
	return infos
}

func keyInfos(keys []connectors.KeyDef) []api.ConfigKeyInfo {
	infos := make([]api.ConfigKeyInfo, len(keys))
	for i, k := range keys {
		infos[i] = keyInfo(k)
	}
	return infos
}

// complete gives the keys that every sink connector has the defaults and the choices of this worker.
func (h *Herder) complete(class string, values []connectors.ConfigValue) []connectors.KeyDef {
	keys := config.SinkDef().Keys()
	versions := h.host.Versions(class)
	for i := range keys {
		k, v := &keys[i], &values[i]
		if class, _, ok := describe(k.Name, deref(v.Value)); ok {
			v.Value = &class // in full, whatever name it was given by
		}
		set := func(fallback string, choices []string) {
			k.Default, v.Recommended = &fallback, choices
			if v.Value == nil && len(v.Errors) == 0 {
				v.Value = &fallback
			}
		}
		switch k.Name {
		case pluginVersion:
			if len(versions) > 0 {
				set(versions[0], versions)
			}
		case "key.converter":
			set(h.worker.KeyConverter, convert.Classes())
		case "value.converter":
			set(h.worker.ValueConverter, convert.Classes())
		case "header.converter":
			set(h.workerConverter("header"), convert.HeaderClasses())
		case "key.converter.plugin.version", "value.converter.plugin.version", "header.converter.plugin.version":
			class := &values[i-1]
			if _, _, ok := describe(class.Name, deref(class.Value)); !ok && len(class.Errors) > 0 { // of no converter
				v.Visible = class.Value != nil
				continue
			}
			set(convert.Version, []string{convert.Version})
		}
	}
	return keys
}

// describe looks a converter up by the key that names it and its class; other keys name none.
func describe(key, class string) (string, connectors.ConfigDef, bool) {
	switch key {
	case "key.converter", "value.converter":
		return convert.Describe(class)
	case "header.converter":
		return convert.DescribeHeader(class)
	}
	return "", connectors.ConfigDef{}, false
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// appendConverter adds the keys of the converter that a connector names for itself.
func (h *Herder) appendConverter(infos *api.ConfigInfos, cfg map[string]string, side string) {
	prefix := side + ".converter"
	_, def, ok := describe(prefix, cfg[prefix])
	if !ok || unfitConverter(cfg, prefix) != nil {
		return
	}
	keys, values := converterKeys(def), def.Validate(converterProps(cfg, prefix))
	inHashOrder(keys, func(k connectors.KeyDef) string { return k.Name })
	for i := range keys {
		keys[i].DisplayName = cmp.Or(keys[i].DisplayName, keys[i].Name)
		keys[i].Name, values[i].Name = prefix+"."+keys[i].Name, prefix+"."+values[i].Name
	}
	h.appendInfos(infos, keys, values)
}

// unfitConverter says why the converter that a key of a connector names has not the version that the connector asks for.
func unfitConverter(cfg map[string]string, key string) error {
	class, _, ok := describe(key, cfg[key])
	version, asked := cfg[key+".plugin.version"]
	if !ok || !asked {
		return nil
	}
	return pluginhost.FitVersion(class, version, convert.Version)
}

// converterKeys are the keys of a converter. Kafka Connect counts their places in a group from 0, unlike those of connectors.
func converterKeys(def connectors.ConfigDef) []connectors.KeyDef {
	keys := def.Keys()
	for i := range keys {
		keys[i].OrderInGroup--
	}
	return keys
}

// converterProps are the properties of the converter that a key of a connector names.
func converterProps(cfg map[string]string, key string) map[string]string {
	use, _, _ := strings.Cut(key, ".")
	props := map[string]string{"converter.type": use}
	for name, value := range cfg {
		if own, ok := strings.CutPrefix(name, key+"."); ok {
			props[own] = value
		}
	}
	return props
}
