package hdfs

import (
	"context"
	"errors"

	"github.com/sluice-connect/sluice/connectors"
)

// Probe asks for the root folder.
func (Sink) Probe(ctx context.Context, cfg connectors.Config) error {
	set, err := newSettings(cfg, connectors.Format{})
	if err != nil {
		return about(urlKey(cfg), err)
	}
	defer set.cluster.close()
	f := set.open()
	defer f.Reset()
	_, err = f.Size(ctx, set.where.root)
	if err == nil {
		return nil
	}
	shown := failure("looking at "+set.where.root, err)
	switch known, ok := errors.AsType[*connectors.ProbeError](err); {
	case ok:
		return &connectors.ProbeError{Keys: known.Keys, Err: shown}
	case errors.Is(err, errWantsKerberos):
		return about(kerberos, shown)
	case errors.Is(err, errNoProxy):
		return about(user, shown)
	default:
		return about(urlKey(cfg), shown)
	}
}

// named is a key of the configuration.
type named interface{ Name() string }

// about says which key an error is about, unless it says so itself.
func about(key named, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connectors.ProbeError](err); ok {
		return err
	}
	return &connectors.ProbeError{Keys: []string{key.Name()}, Err: err}
}

// urlKey is the key that says where HDFS is.
func urlKey(cfg connectors.Config) named {
	if storeURL.Get(cfg) == "" {
		return hdfsURL
	}
	return storeURL
}
