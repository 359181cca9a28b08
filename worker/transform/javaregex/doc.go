// Package javaregex matches by the patterns of Java's java.util.regex.Pattern, as far as names of topics need them.
//
// The engine is regexp2, which goes back in a text as Java's does and knows look-around, back-references and atomic groups. A
// pattern is translated first; what the two would read differently is refused with a text that says so: possessive quantifiers,
// classes within classes and their intersection, the flags d, x and U, blocks (\p{InGreek}), \X and \b{g}. Case-insensitive
// matching folds all of Unicode, where Java folds ASCII unless it is told otherwise.
//
// # Invariants
//
//  1. A match ends within about a second, with an error where it was not found by then.
//  2. A [Regexp] is immutable; any number of goroutines may use it.
//
// # Neighbours
//
// Packages worker/transform and worker/config use it.
package javaregex
