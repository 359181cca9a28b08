// Package plugins holds plugins as others would write them: stdout, in Go and in a module of its own, and python, which is made from
// the proto file alone. The tests that use them are in examples/e2e.
package plugins
