package herder

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/pluginhost"
)

// Validate checks a configuration for a plugin without using it.
func (h *Herder) Validate(ctx context.Context, _ string, cfg map[string]string) (api.ConfigInfos, error) {
	return h.validate(ctx, cfg)
}

// validate checks the keys that every sink connector has, then those of the plugin, in its own process.
func (h *Herder) validate(ctx context.Context, cfg map[string]string) (api.ConfigInfos, error) {
	class := cfg["connector.class"]
	if class == "" {
		return api.ConfigInfos{}, &api.Error{
			Status:  http.StatusBadRequest,
			Message: "Connector config {" + shown(cfg) + "} contains no connector type",
		}
	}
	p, err := h.find(ctx, class)
	if err != nil && ctx.Err() != nil {
		return api.ConfigInfos{}, err
	}
	infos := api.ConfigInfos{Name: class}
	values := config.ValidateSink(cfg)
	if err != nil {
		for i := range values {
			if values[i].Name == "connector.class" {
				values[i].Errors = append(values[i].Errors, err.Error())
			}
		}
	}
	h.checkConverters(cfg, p, values)
	h.checkOverrides(cfg, values)
	h.appendInfos(&infos, config.SinkDef().Keys(), values)
	if err == nil {
		own, err := h.host.Validate(ctx, p, cfg, false)
		if err != nil {
			return api.ConfigInfos{}, fmt.Errorf("validating with plugin %s: %w", p.Name, err)
		}
		h.appendInfos(&infos, p.Config, own)
	}
	return infos, nil
}

// find looks for a class, and once more after a look at the plugin folders: what was just dropped there counts.
func (h *Herder) find(ctx context.Context, class string) (pluginhost.Plugin, error) {
	p, err := h.host.Find(class)
	if err == nil {
		return p, nil
	}
	if err := h.rescan(ctx); err != nil {
		return pluginhost.Plugin{}, err
	}
	if p, err = h.host.Find(class); err == nil {
		return p, nil
	}
	return pluginhost.Plugin{}, fmt.Errorf("Failed to find any class that implements Connector and which name matches %s, available connectors are: %s", class, h.classes())
}

// rescan looks at the plugin folders. What has come or gone shows in the status of connectors.
func (h *Herder) rescan(ctx context.Context) error {
	defer h.poke()
	return h.host.Rescan(ctx)
}

func (h *Herder) classes() string {
	var names []string
	for _, p := range h.host.Plugins() {
		for _, c := range p.Classes {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// checkConverters refuses converters that are not known, and payloads that the sink does not take.
func (h *Herder) checkConverters(cfg map[string]string, p pluginhost.Plugin, values []connectors.ConfigValue) {
	for _, side := range []struct {
		key, fallback string
		accepted      []connectors.Payload
	}{
		{"key.converter", h.worker.KeyConverter, p.Keys},
		{"value.converter", h.worker.ValueConverter, p.Values},
	} {
		payload, err := h.payload(cfg, side.key, side.fallback)
		if err == nil && len(side.accepted) > 0 && !slices.Contains(side.accepted, payload) {
			err = fmt.Errorf("sink %s does not take %s; it takes %v", p.Name, payload, side.accepted)
		}
		if err == nil {
			continue
		}
		i := slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == side.key })
		values[i].Errors = append(values[i].Errors, err.Error())
	}
}

// checkOverrides applies the policy for consumer.override.* keys.
func (h *Herder) checkOverrides(cfg map[string]string, values []connectors.ConfigValue) {
	var problems []string
	for key := range cfg {
		after, ok := strings.CutPrefix(key, "consumer.override.")
		if ok && !h.worker.AllowOverrides {
			problems = append(problems, "The 'None' policy does not allow '"+after+"' to be overridden in the connector configuration.")
		}
	}
	if _, err := h.worker.ConsumerProps(cfg, h.log); err != nil && len(problems) == 0 {
		problems = append(problems, err.Error())
	}
	slices.Sort(problems)
	i := slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == "name" })
	values[i].Errors = append(values[i].Errors, problems...)
}

// appendInfos joins declarations and outcomes, in the order of the declarations.
func (h *Herder) appendInfos(infos *api.ConfigInfos, keys []connectors.KeyDef, values []connectors.ConfigValue) {
	byName := make(map[string]connectors.ConfigValue, len(values))
	for _, v := range values {
		byName[v.Name] = v
	}
	for _, k := range keys {
		if k.Group != "" && !slices.Contains(infos.Groups, k.Group) {
			infos.Groups = append(infos.Groups, k.Group)
		}
		v, ok := byName[k.Name]
		if !ok {
			v = connectors.ConfigValue{Name: k.Name, Visible: true}
		}
		if k.Type == connectors.TypePassword && v.Value != nil && *v.Value != "" {
			masked := connectors.MaskedValue
			v.Value = &masked
		}
		infos.ErrorCount += len(v.Errors)
		infos.Configs = append(infos.Configs, api.ConfigInfo{
			Definition: keyInfo(k),
			Value: api.ConfigValueInfo{
				Name: v.Name, Value: v.Value, Visible: v.Visible,
				Recommended: orEmpty(v.Recommended), Errors: orEmpty(v.Errors),
			},
		})
	}
}

func keyInfo(k connectors.KeyDef) api.ConfigKeyInfo {
	info := api.ConfigKeyInfo{
		Name: k.Name, Type: string(k.Type), Required: k.Required, DefaultValue: k.Default,
		Importance: string(k.Importance), Doc: k.Doc, OrderInGroup: k.OrderInGroup, Order: k.OrderInGroup,
		Width: string(k.Width), DisplayName: cmp.Or(k.DisplayName, k.Name), Dependents: orEmpty(k.Dependents),
	}
	if k.Group != "" {
		info.Group = &k.Group
	} else {
		info.OrderInGroup, info.Order = -1, -1
	}
	return info
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// Plugins lists what connectors can be made of: the sinks found in plugin.path under each of their classes and, if asked,
// the converters of the worker.
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
	if !connectorsOnly {
		for _, c := range convert.Classes() {
			list = append(list, api.PluginInfo{Class: c, Type: "converter", Version: h.version})
		}
	}
	slices.SortFunc(list, func(a, b api.PluginInfo) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Version, b.Version))
	})
	return list, nil
}

// PluginConfig lists the keys of a plugin: its own first, then those that every sink connector has.
func (h *Herder) PluginConfig(ctx context.Context, plugin, version string) ([]api.ConfigKeyInfo, error) {
	p, err := h.find(ctx, plugin)
	if err != nil {
		return nil, notFound("Unknown plugin " + plugin + ".")
	}
	if version != "" && version != "latest" && version != p.Version {
		return nil, &api.Error{
			Status:  http.StatusBadRequest,
			Message: fmt.Sprintf("Plugin %s not found that matches the version range [%s,%s], available versions: [%s]", plugin, version, version, p.Version),
		}
	}
	infos := []api.ConfigKeyInfo{}
	own := map[string]bool{}
	for _, k := range p.Config {
		own[k.Name] = true
		infos = append(infos, keyInfo(k))
	}
	for _, k := range config.SinkDef().Keys() {
		if !own[k.Name] {
			infos = append(infos, keyInfo(k))
		}
	}
	return infos, nil
}
