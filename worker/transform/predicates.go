package transform

import (
	"slices"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/transform/javaregex"
)

func filterClasses() []*Class {
	return whole("Filter", "Drops every record; a predicate says which.", connectors.Define(), nil,
		func(connectors.Config) (Transformation, error) { return filter{}, nil })
}

type filter struct{}

func (filter) Apply(*data.Record) (bool, error) { return false, nil }

func predicateClasses() []*Class {
	name := connectors.String("name", "Name of the header.", medium(connectors.Required(), valid("non-empty string"))...)
	pattern := connectors.String("pattern", "Regular expression (Java's) that the whole name of the topic must match.", medium(connectors.Required(), valid("non-empty string, valid regex"))...)
	return []*Class{
		{
			Name: javaPackage + "predicates.HasHeaderKey", Kind: PredicateKind, Doc: "Holds for records with a header of a name.",
			Def: connectors.Define(name), checks: map[string]check{"name": nonEmpty},
			test: func(cfg connectors.Config) (Predicate, error) { return hasHeaderKey(name.Get(cfg)), nil },
		},
		{
			Name: javaPackage + "predicates.RecordIsTombstone", Kind: PredicateKind, Doc: "Holds for records without a value.",
			Def:  connectors.Define(),
			test: func(connectors.Config) (Predicate, error) { return recordIsTombstone{}, nil },
		},
		{
			Name: javaPackage + "predicates.TopicNameMatches", Kind: PredicateKind, Doc: "Holds for records of topics with such names.",
			Def: connectors.Define(pattern), checks: map[string]check{"pattern": func(v given) string {
				if problem := nonEmpty(v); problem != "" {
					return problem
				}
				return regex(v)
			}},
			test: func(cfg connectors.Config) (Predicate, error) {
				re, err := javaregex.Compile(pattern.Get(cfg))
				if err != nil {
					return nil, configError(err.Error())
				}
				return &topicNameMatches{pattern: re, known: map[string]bool{}}, nil
			},
		},
	}
}

type hasHeaderKey string

func (h hasHeaderKey) Test(r *data.Record) (bool, error) {
	return slices.ContainsFunc(r.Headers, func(header data.Header) bool { return header.Key == string(h) }), nil
}

type recordIsTombstone struct{}

func (recordIsTombstone) Test(r *data.Record) (bool, error) { return r.Value == nil, nil }

type topicNameMatches struct {
	pattern *javaregex.Regexp
	known   map[string]bool
}

func (t *topicNameMatches) Test(r *data.Record) (bool, error) {
	if ok, known := t.known[r.Topic]; known {
		return ok, nil
	}
	ok, err := t.pattern.Matches(r.Topic)
	if err != nil {
		return false, illegalArgument(err.Error())
	}
	if len(t.known) == topicsKept {
		clear(t.known)
	}
	t.known[r.Topic] = ok
	return ok, nil
}
