package herder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// Validate checks a configuration for a plugin without using it. If nothing else is wrong with what the plugin reads of it, the
// plugin tries the connection, where it can.
func (h *Herder) Validate(ctx context.Context, _ string, cfg map[string]string) (api.ConfigInfos, error) {
	class := cfg["connector.class"]
	if _, err := h.find(ctx, class, cfg[pluginVersion]); err != nil && class != "" {
		if id := h.elsewhere(class, cfg[pluginVersion]); id != "" && h.members.URL(id) != "" {
			return api.ConfigInfos{}, &api.Elsewhere{URL: h.members.URL(id)}
		}
	}
	return h.validate(ctx, cfg, true)
}

// validate checks the keys that every sink connector has, then those of the plugin, in its own process; with probe the
// connection too.
func (h *Herder) validate(ctx context.Context, cfg map[string]string, probe bool) (api.ConfigInfos, error) {
	class, given := cfg["connector.class"]
	if !given {
		return api.ConfigInfos{}, &api.Error{
			Status:  http.StatusBadRequest,
			Message: "Connector config {" + shown(cfg) + "} contains no connector type",
		}
	}
	version, asked := cfg[pluginVersion]
	if version = strings.TrimSpace(version); asked && version == "" {
		version = "[]" // no version has no name, as Kafka Connect says
	}
	p, err := h.find(ctx, class, version)
	if why := refusal(err); why != nil && h.elsewhere(class, version) == "" {
		return api.ConfigInfos{}, why
	}
	if err != nil && ctx.Err() != nil {
		return api.ConfigInfos{}, err
	}
	overrides, wrong := h.worker.Overrides.Overrides(cfg)
	if wrong != nil {
		return api.ConfigInfos{}, &api.Error{Status: http.StatusBadRequest, Message: wrong.Error()}
	}
	infos := api.ConfigInfos{Name: class}
	values := config.ValidateSink(cfg)
	if err != nil && h.elsewhere(class, version) == "" { // otherwise the plugin's own keys are checked when it starts
		blame(values, "connector.class", err)
	}
	if err := config.CheckTaskWeight(cfg); err != nil {
		blame(values, "tasks.max", err)
	}
	if _, unfit := errors.AsType[*pluginhost.VersionError](err); unfit && h.elsewhere(class, version) == "" {
		blame(values, pluginVersion, err)
	}
	h.checkGroup(cfg, values, overrides)
	h.checkConverters(cfg, p, values)
	h.appendInfos(&infos, h.complete(class, values), values)
	h.appendTransforms(&infos, cfg)
	if err == nil {
		own, err := h.host.Validate(ctx, p, cfg, probe)
		if err != nil {
			return api.ConfigInfos{}, fmt.Errorf("validating with plugin %s: %w", p.Name, err)
		}
		first := len(infos.Configs)
		h.appendInfos(&infos, p.Config, own)
		for i := range infos.Configs[first:] {
			infos.Configs[first+i].Own = true
		}
	}
	h.appendOverrides(&infos, cfg, overrides)
	for _, side := range []string{"header", "key", "value"} {
		h.appendConverter(&infos, cfg, side)
	}
	return infos, nil
}

// refusal is the answer to a configuration without a plugin that could check it; nil where there is one, in whatever version.
func refusal(err error) error {
	if unknown, ok := errors.AsType[*api.Error](err); ok {
		return unknown
	}
	if wrong, ok := errors.AsType[*pluginhost.RangeError](err); ok {
		return &api.Error{Status: http.StatusBadRequest, Message: wrong.Why}
	}
	return nil
}

func blame(values []connectors.ConfigValue, key string, err error) {
	i := slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == key })
	values[i].Errors = append(values[i].Errors, err.Error())
}

// checkGroup refuses a sink whose consumers would be in the group of the workers, with Kafka Connect's words.
func (h *Herder) checkGroup(cfg map[string]string, values []connectors.ConfigValue, overrides []config.Override) {
	const key = "consumer.override.group.id"
	if h.group(cfg) != h.worker.GroupID {
		return
	}
	i := slices.IndexFunc(overrides, func(o config.Override) bool { return o.Value.Name == key })
	if i < 0 {
		blame(values, "name", fmt.Errorf("Consumer group for sink connector named %s conflicts with Connect worker group %s", cfg["name"], h.worker.GroupID))
		return
	}
	overrides[i].Value.Errors = append(overrides[i].Value.Errors, fmt.Sprintf("Consumer group %s conflicts with Connect worker group %s", cfg[key], h.worker.GroupID))
}

// find looks for a class in a range of versions, and once more after a look at the plugin folders: what was just dropped there
// counts.
func (h *Herder) find(ctx context.Context, class, version string) (pluginhost.Plugin, error) {
	p, err := h.host.Find(class, version)
	if err == nil {
		return p, nil
	}
	if err := h.rescan(ctx); err != nil {
		return pluginhost.Plugin{}, err
	}
	if p, err = h.host.Find(class, version); err == nil || !errors.Is(err, pluginhost.ErrNotFound) {
		return p, err
	}
	return pluginhost.Plugin{}, &api.Error{
		Status:  http.StatusBadRequest,
		Message: "Failed to find any class that implements Connector and which name matches " + class + ", available connectors are: " + h.classes(),
	}
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
	unknown := func(key string, known func(string) bool) bool {
		name, given := cfg[key]
		if name = strings.TrimSpace(name); !given || known(name) {
			return false
		}
		if h.otherKind(name) {
			kind := "Converter"
			if key == "header.converter" {
				kind = "HeaderConverter"
			}
			blame(values, key, fmt.Errorf("Class class %s does not implement the %s interface", name, kind))
			return true
		}
		blame(values, key, fmt.Errorf("Invalid value %s for configuration %s: Class %s could not be found.%s", name, key, name, registryHint(name)))
		values[slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == key })].Value = nil
		return true
	}
	chain, err := transform.New(cfg)
	if err != nil {
		chain = nil // its own keys say what is wrong
	}
	for _, key := range []string{"key.converter.plugin.version", "value.converter.plugin.version", "header.converter.plugin.version"} {
		if wrong, ok := errors.AsType[*pluginhost.RangeError](pluginhost.CheckVersionRange(cfg[key])); ok {
			blame(values, key, errors.New(wrong.Why))
		}
	}
	for _, side := range []struct {
		use      string
		accepted []connectors.Payload
		made     transform.Use
	}{{"key", p.Keys, chain.Key()}, {"value", p.Values, chain.Value()}, {"header", nil, transform.Use{}}} {
		key := side.use + ".converter"
		if unknown(key, func(name string) bool { _, _, ok := describe(key, name); return ok }) {
			continue
		}
		made, err := h.converter(cfg, side.use)
		if err == nil && len(side.accepted) > 0 {
			payload := made.Payload()
			if side.made.Changes {
				payload = connectors.PayloadJSON
			}
			if !slices.Contains(side.accepted, payload) {
				err = fmt.Errorf("sink %s does not take %s; it takes %v", p.Name, payload, side.accepted)
			}
		}
		if err != nil && !h.blamedByKeys(cfg, key) {
			blame(values, key, err)
		}
		if unfit, ok := errors.AsType[*pluginhost.VersionError](unfitConverter(cfg, key)); ok {
			blame(values, key, unfit)
			blame(values, key+".plugin.version", unfit)
		}
	}
}

// otherKind says whether a class is there, whatever it is.
func (h *Herder) otherKind(class string) bool {
	_, transformation := transform.Lookup(class)
	_, _, converter := convert.Describe(class)
	_, _, header := convert.DescribeHeader(class)
	return strings.Contains(class, ".") && (transformation || converter || header || len(h.host.Versions(class)) > 0)
}

// registryHint helps those who come with converters of a schema registry.
func registryHint(class string) string {
	if !strings.HasPrefix(class, "io.confluent.connect.") {
		return ""
	}
	return " Converters that need a schema registry are not supported: use " + strings.Join(convert.Classes(), ", ") +
		"; schemas travel with records in JsonConverter's envelopes (schemas.enable=true)."
}

// blamedByKeys says whether the keys of a connector's own converter, which are validated on their own, show what is wrong with it.
func (h *Herder) blamedByKeys(cfg map[string]string, key string) bool {
	_, def, ok := describe(key, cfg[key])
	if !ok {
		return false
	}
	return slices.ContainsFunc(def.Validate(converterProps(cfg, key)), func(v connectors.ConfigValue) bool { return len(v.Errors) > 0 })
}

// appendOverrides adds the settings of the connector's Kafka clients. One that cannot be carried over to librdkafka is to blame.
func (h *Herder) appendOverrides(infos *api.ConfigInfos, cfg map[string]string, overrides []config.Override) {
	client := "consumer"
	_, err := h.worker.ConsumerProps(cfg, h.log)
	if err == nil && cfg[config.DeadLetterTopic.Name()] != "" {
		if _, err = h.worker.ProducerProps(cfg, h.log); err != nil {
			client = "producer"
		} else if _, err = h.worker.AdminProps(cfg, h.log); err != nil {
			client = "admin"
		}
	}
	if err != nil {
		prefix := client + ".override"
		i := slices.IndexFunc(overrides, func(o config.Override) bool {
			setting, ok := strings.CutPrefix(o.Value.Name, prefix+".")
			return ok && strings.Contains(err.Error(), setting)
		})
		if i < 0 { // it names none of them: all are meant
			overrides, i = append(overrides, config.Override{Value: connectors.ConfigValue{Name: prefix, Visible: true}}), len(overrides)
		}
		overrides[i].Value.Errors = append(overrides[i].Value.Errors, err.Error())
	}
	for _, o := range overrides {
		if o.Def != nil {
			h.appendInfos(infos, []connectors.KeyDef{*o.Def}, []connectors.ConfigValue{o.Value})
			continue
		}
		infos.ErrorCount += len(o.Value.Errors)
		infos.Configs = append(infos.Configs, api.ConfigInfo{Value: valueInfo(o.Value)})
	}
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
		def := keyInfo(k)
		infos.Configs = append(infos.Configs, api.ConfigInfo{Definition: &def, Value: valueInfo(v)})
	}
}

func valueInfo(v connectors.ConfigValue) api.ConfigValueInfo {
	return api.ConfigValueInfo{
		Name: v.Name, Value: v.Value, Visible: v.Visible, Recommended: orEmpty(v.Recommended), Errors: orEmpty(v.Errors),
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
