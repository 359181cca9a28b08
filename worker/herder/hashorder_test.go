package herder

import (
	"slices"
	"testing"
)

// The orders are those in which Kafka Connect 4.3.1 answers.
func TestInHashOrder(t *testing.T) {
	keys := []string{"converter.type", "schemas.enable", "schemas.cache.size", "schema.content", "decimal.format", "replace.null.with.default"}
	inHashOrder(keys, func(k string) string { return k })
	if want := []string{"decimal.format", "converter.type", "schemas.cache.size", "replace.null.with.default", "schemas.enable", "schema.content"}; !slices.Equal(keys, want) {
		t.Errorf("%v, want %v", keys, want)
	}
}
