package elasticsearch

import (
	"fmt"

	"github.com/sluice-connect/sluice/connectors"
)

// This file makes what documents are written to: the index, its mapping.

// prepare makes sure that the destinations of a bulk exist, and that those of which a schema is known have a mapping.
func (w *writer) prepare(b *bulk) *failure {
	select {
	case w.preparing <- struct{}{}:
		defer func() { <-w.preparing }()
	case <-w.ctx.Done():
		return unreached(w.ctx.Err())
	}
	for _, d := range b.to {
		mapped, exists := w.prepared[d.name]
		if exists && (mapped || d.shape == nil) {
			continue
		}
		f := w.ensure(d.target)
		if f == nil && d.shape != nil {
			f = w.ensureMapping(d)
		}
		if f != nil {
			f.halve = false // it is not about the documents
			return f
		}
		if len(w.prepared) >= maxNames {
			clear(w.prepared)
		}
		w.prepared[d.name] = d.shape != nil
	}
	return nil
}

// forget makes prepare look for the destinations of a bulk anew.
func (w *writer) forget(b *bulk) {
	select {
	case w.preparing <- struct{}{}:
		defer func() { <-w.preparing }()
	case <-w.ctx.Done():
		return
	}
	for _, d := range b.to {
		delete(w.prepared, d.name)
	}
}

// ensure makes sure that a target exists.
func (w *writer) ensure(t target) *failure {
	found, f := w.task.client.exists(w.ctx, t.name)
	switch {
	case f != nil || found:
		return f
	case t.exists:
		return &failure{
			cause: causeOther, code: connectors.CodeMisconfigured, err: fmt.Errorf("there is no %s", t.name),
			hint: "create it, or correct topic.to.external.resource.mapping",
		}
	}
	return w.task.client.create(w.ctx, t.name, t.stream)
}

// ensureMapping gives a target without a mapping the one of its documents' schema. One that has a mapping keeps it, whatever the
// schema, as with Confluent's sink: new fields are mapped dynamically.
func (w *writer) ensureMapping(d destination) *failure {
	mapping, err := d.shape.mapping()
	if err != nil || mapping == nil {
		if err != nil {
			w.log.Warn("no mapping can be made of the schema; fields are mapped dynamically", "index", d.name, "error", err)
		}
		return nil
	}
	found, f := w.task.client.mapped(w.ctx, d.name)
	if f != nil || found {
		return f
	}
	f = w.task.client.putMapping(w.ctx, d.name, mapping)
	if f != nil && !f.retriable() {
		if found, again := w.task.client.mapped(w.ctx, d.name); again == nil && found {
			return nil // somebody else was faster
		}
	}
	return f
}
