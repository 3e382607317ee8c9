// Package expr is the expression language: SQL expressions, parsed into a tree,
// checked for types, and compiled to kernels that run over the columns of an
// event.Batch. It knows neither views nor aggregates: what names mean a Scope
// says, and what has been aggregated stands in the tree as a Bound node.
//
// Words it owns:
//
//   - Node: one operation of the tree, with its place in the text. String is its
//     one canonical spelling; fingerprints and the order of events are made of it.
//   - code: a Node with its types resolved, ready to run; folded to a constant
//     where it reads no column.
//   - kernel: a loop over whole columns. There is no evaluation row by row.
//   - vec: a column while an expression runs, or a constant that stands for one.
//   - frame: one evaluation: its rows, and where counts go.
//
// What always holds:
//
//	X1  Parse(n.String()) is the tree n, for every n that Parse made.
//	X2  Nulls follow SQL's three-valued logic; a null row holds zero in its
//	    vector (E1 of package event).
//	X3  A value outside its type is null and counted, never wrapped, and counted
//	    only if the row asks for it: branches of CASE, COALESCE and IF that are not
//	    taken count nothing, nor does the right side of an AND or OR that the left
//	    side decides.
//	X4  Every result is the same to the last bit on every platform: products stand
//	    in float64(), so that none is fused with a sum; NaN is event.CanonicalNaN;
//	    exp, ln, sin and their like are written here (twofold.go, elementary.go,
//	    hyperbolic.go, trig.go) and not taken from package math, which has assembly for some
//	    platforms.
//	X5  Work on texts is done once for each text that occurs in a batch and not
//	    once for each row (perEntry), unless the dictionary is larger than the batch.
//	X6  What is read from outside the definition is named by Tables, with its
//	    version: rules of time zones, which come from zoneinfo.zip alone, and
//	    Unicode's letters.
//	X7  Short spellings (intervals, at time zone, arrows, slices, list literals)
//	    are calls in the tree, and no text is read whose calls could not be read
//	    back (X1).
//
// Decisions where SQL dialects differ: / is always a double, div and % are for
// integers; a number with a point is a decimal, with an exponent a double;
// round takes halves away from zero, a cast of a double to an integer takes them
// to the even one, as PostgreSQL does; regexp_replace replaces the first match
// unless told g; what a pattern does not find is null; NaN is the greatest double
// and equal to itself; integers, decimals and doubles compare by exact value.
//
// Read node.go, parse.go and print.go for the language, check.go and compile.go
// for how a tree becomes code, vec.go and arith.go for how code runs, funcs.go and
// funcs_table.go for the table of functions.
package expr
