package expr

import "github.com/timeseam/timeseam/features/event"

// Op is what a Node does. Parse makes the tree, and package features puts Bound
// in place of what has been computed already.
type Op uint8

// The operations of the tree that Parse makes.
const (
	Literal    Op = iota // Value
	Ref                  // Path: a name, or names joined by dots
	Call                 // Name(Args): a function or an aggregate, see Distinct, Star, Filter, RespectNulls
	Row                  // row(Args): a struct; field names from the arguments (Names)
	Neg                  // -Args[0]
	Not                  // NOT Args[0]
	Binary               // Args[0] Name Args[1]; Name is one of + - * / % || = <> < <= > >= and or
	IsNull               // Args[0] IS [NOT] NULL, see Negated
	IsTruth              // Args[0] IS [NOT] Name, Name true or false, see Negated; never null
	IsDistinct           // Args[0] IS [NOT] DISTINCT FROM Args[1], see Negated; never null
	In                   // Args[0] [NOT] IN (Args[1:]), see Negated
	Between              // Args[0] [NOT] BETWEEN Args[1] AND Args[2], see Negated
	Like                 // Args[0] [NOT] LIKE Args[1] [ESCAPE Args[2]], see Negated; Name is like or ilike
	Case                 // CASE [operand] WHEN .. THEN .. ELSE .. END, see Operand: Args = when, then, when, then, ..., [else]
	Cast                 // CAST(Args[0] AS To), Args[0]::To
	Dot                  // Args[0].Name: a field of a struct
	Index                // Args[0][Args[1]]: an element of a list, from 1; null outside
	Bound                // Column of the batch, of type To: never made by Parse, put in place of what is already computed
)

// Node is one operation of a parsed expression, with its place in the text.
// Fields that an operation does not name are zero. Place is no part of the
// meaning: two nodes with one String are one expression.
type Node struct {
	Op           Op
	Pos, End     int    // the words, as byte offsets in the text
	Name         string // of a Bound only for faults: it is no part of the meaning
	Path         []string
	Args         []*Node
	Names        []string // Row
	Value        Value    // Literal
	To           event.Type
	Column       int   // Bound
	Filter       *Node // Call: FILTER (WHERE Filter)
	Operand      *Node // Case
	Distinct     bool  // Call: f(DISTINCT x)
	Star         bool  // Call: count(*)
	RespectNulls bool  // Call: f(x) RESPECT NULLS
	Negated      bool
}

// Value is a literal: its type and, by the type's kind, its value. Numbers with a
// point are decimals ("1.5" is decimal(2,1)), with an exponent doubles. A
// literal's type is as narrow as it is written, and widens where it is used.
type Value struct {
	Type    event.Type
	Int     int64 // Bool, Int, Date, Timestamp (DATE '...', TIMESTAMP '...')
	Float   float64
	Decimal event.Int128
	Text    string
}

// Error is one fault of an expression and the words it is about. The caller knows
// the file and the line of the text and makes an event.Fault of it.
type Error struct {
	Pos, End      int // byte offsets in the text
	Problem, Mend string
}

// Error is the problem and the mend.
func (e *Error) Error() string {
	if e.Mend == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Mend
}
