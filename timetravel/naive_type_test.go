package timetravel_test

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// scope says what names mean where an expression stands, and, where aggregates
// are allowed, their values.
type scope struct {
	// resolve finds the longest known beginning of path: a key for value, its
	// type, and how many parts of the path it is.
	resolve   func(path []string) (key string, t event.Type, used int)
	value     func(key string) value
	aggregate func(call *expr.Node) value
}

var noType event.Type

// typeOf is the static type of an expression by the rules of the language.
func typeOf(n *expr.Node, s *scope) event.Type {
	switch n.Op {
	case expr.Literal:
		return n.Value.Type
	case expr.Ref:
		_, t, used := s.resolve(n.Path)
		if used == 0 {
			panic(fmt.Sprintf("unknown name %v", n.Path))
		}
		for _, f := range n.Path[used:] {
			t = t.Fields[event.Schema(t.Fields).Index(f)].Type
		}
		return t
	case expr.Row:
		fields := make([]event.Field, len(n.Args))
		for i, a := range n.Args {
			fields[i] = event.Field{Name: n.Names[i], Type: typeOf(a, s)}
		}
		return event.StructOf(fields...)
	case expr.Neg:
		return typeOf(n.Args[0], s)
	case expr.Binary:
		return typeOfBinary(n, s)
	case expr.Case:
		t := event.Of(event.Null)
		for i, a := range n.Args {
			if i%2 == 1 || i == len(n.Args)-1 {
				t = unified(t, typeOf(a, s))
			}
		}
		return t
	case expr.Cast:
		return n.To
	case expr.Dot:
		t := typeOf(n.Args[0], s)
		return t.Fields[event.Schema(t.Fields).Index(n.Name)].Type
	case expr.Index:
		return *typeOf(n.Args[0], s).Elem
	case expr.Call:
		if isAggregate(n) {
			return typeOfAggregate(n, s)
		}
		return typeOfFunction(n, s)
	}
	return event.Of(event.Bool)
}

func typeOfBinary(n *expr.Node, s *scope) event.Type {
	switch n.Name {
	case "+", "-", "*", "/", "%":
		return arithmetic(n.Name, typeOf(n.Args[0], s), typeOf(n.Args[1], s))
	case "||":
		if t := typeOf(n.Args[0], s); t.Kind == event.List {
			return unified(t, typeOf(n.Args[1], s))
		} else if t.Kind != event.Null {
			return t
		}
		return typeOf(n.Args[1], s)
	}
	return event.Of(event.Bool)
}

// arithmetic is the type of a result: double if one side is or for a quotient,
// int64 of two integers, else a decimal with room for the exact result, of 38
// digits at most.
func arithmetic(op string, a, b event.Type) event.Type {
	switch {
	case op == "/" || a.Kind == event.Double || b.Kind == event.Double:
		return event.Of(event.Double)
	case a.Kind == event.Null:
		return b
	case b.Kind == event.Null:
		return a
	case a.Kind == event.Int && b.Kind == event.Int:
		return a
	}
	a, b = asDecimal(a), asDecimal(b)
	scale, whole := max(a.Scale, b.Scale), max(a.Precision-a.Scale, b.Precision-b.Scale)
	switch op {
	case "*":
		return event.DecimalOf(min(38, a.Precision+b.Precision), a.Scale+b.Scale)
	case "%":
		whole = min(a.Precision-a.Scale, b.Precision-b.Scale)
		return event.DecimalOf(min(38, whole+scale), scale)
	}
	return event.DecimalOf(min(38, whole+1+scale), scale)
}

func asDecimal(t event.Type) event.Type {
	if t.Kind == event.Int {
		return event.DecimalOf(19, 0)
	}
	return t
}

// unified is the type that values of both types are given where one of them is
// chosen.
func unified(a, b event.Type) event.Type {
	switch {
	case a.Kind == event.Null || a.Equal(b):
		return b
	case b.Kind == event.Null:
		return a
	case a.Kind == event.List:
		return event.ListOf(unified(*a.Elem, *b.Elem))
	case a.Kind == event.Double || b.Kind == event.Double:
		return event.Of(event.Double)
	case a.Kind == event.Date || a.Kind == event.Timestamp:
		return event.Of(event.Timestamp)
	}
	a, b = asDecimal(a), asDecimal(b)
	scale := max(a.Scale, b.Scale)
	return event.DecimalOf(min(38, max(a.Precision-a.Scale, b.Precision-b.Scale)+scale), scale)
}

func isAggregate(n *expr.Node) bool {
	switch n.Name {
	case "count", "sum", "avg", "min", "max", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop",
		"first", "last", "lag", "quantile_cont", "quantile_disc", "median", "top_k", "bottom_k", "arg_min", "arg_max", "mode", "top_k_frequent",
		"histogram", "bool_and", "bool_or", "entropy", "corr", "covar_samp", "covar_pop", "distinct_last":
		return n.Op == expr.Call
	}
	return false
}

func typeOfAggregate(n *expr.Node, s *scope) event.Type {
	switch n.Name {
	case "count":
		return event.Of(event.Int)
	case "avg", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "quantile_cont", "median",
		"entropy", "corr", "covar_samp", "covar_pop":
		return event.Of(event.Double)
	}
	t := typeOf(n.Args[0], s)
	switch n.Name {
	case "sum":
		if t.Kind == event.Decimal {
			return event.DecimalOf(38, t.Scale)
		}
	case "histogram":
		return event.MapOf(t, event.Of(event.Int))
	case "top_k", "bottom_k", "top_k_frequent", "distinct_last":
		return event.ListOf(t)
	case "first", "last":
		if len(n.Args) == 2 {
			return event.ListOf(t)
		}
	}
	return t
}
