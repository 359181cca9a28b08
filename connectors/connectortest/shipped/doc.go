// Package shipped makes the places at which the sinks that ship with sluice are tested, and reads them back by other
// means than the sinks': plain files, WebHDFS, the search of Elasticsearch.
//
// # Invariants
//
//  1. No two targets share anything: each has a folder or topics of its own, and removes what is there when its test ends.
//  2. No reader uses code or a client of the sink, and none leaves a connection open.
//
// # Neighbours
//
// Package connectortest uses the targets; the acceptance tests of the sinks and of worker/pluginhost put both together.
package shipped
