// Package protocol is the wire between worker and plugin: sluice.proto and the code generated from it. An author who
// works in another language needs the proto file and nothing else of this project.
//
// # Invariants
//
//  1. Fields and codes are only ever added; numbers are never used again for something else.
//  2. The generated files are those of `make generate`, which needs no tool beside Go.
//
// # Neighbours
//
// Package plugins speaks this protocol on both sides; nothing else does.
package protocol

//go:generate go run ./internal/generate sluice.proto
