package herder

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// inHashOrder sorts as a java.util.HashMap with these keys, put in as they come, is read: in that order Kafka Connect answers with
// the keys of a converter.
func inHashOrder[T any](all []T, key func(T) string) {
	size := uint32(16)
	for uint32(len(all))*4 > size*3 {
		size *= 2
	}
	bucket := func(v T) uint32 {
		var h uint32
		for _, c := range utf16.Encode([]rune(key(v))) {
			h = 31*h + uint32(c)
		}
		return (h ^ h>>16) & (size - 1)
	}
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(bucket(a), bucket(b)) })
}
