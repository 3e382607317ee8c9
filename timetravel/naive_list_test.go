package timetravel_test

import (
	"math/big"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// listFunctions are functions of lists whose arguments are not null.
var listFunctions = map[string]function{
	"list_slice":     {typ: asFirst, call: sliced},
	"list_contains":  {result: event.Bool, call: func(a []value) value { return placeOf(a) > 0 }},
	"list_position":  {result: event.Int, call: func(a []value) value { return placeOf(a) }},
	"list_sum":       {typ: typeOfSum, call: func(a []value) value { return listSum(a[0].(list), false) }},
	"list_avg":       {result: event.Double, call: func(a []value) value { return listSum(a[0].(list), true) }},
	"list_min":       {typ: asElement, call: func(a []value) value { return extreme(a[0].(list), false) }},
	"list_max":       {typ: asElement, call: func(a []value) value { return extreme(a[0].(list), true) }},
	"list_sort":      {typ: asFirst, call: sortedList},
	"list_reverse":   {typ: asFirst, call: func(a []value) value { l := slices.Clone(a[0].(list)); slices.Reverse(l); return l }},
	"list_distinct":  {typ: asFirst, call: func(a []value) value { return distinctList(a[0].(list)) }},
	"list_concat":    {typ: asAll, call: func(a []value) value { return slices.Concat(listsOf(a)...) }},
	"list_intersect": {typ: asAll, call: intersection},
	"flatten":        {typ: asElement, call: flattened},
	"list_to_string": {result: event.String, call: joined},
}

func asFirst(t []event.Type) event.Type   { return t[0] }
func asElement(t []event.Type) event.Type { return *t[0].Elem }

func asAll(t []event.Type) event.Type {
	u := t[0]
	for _, v := range t[1:] {
		u = unified(u, v)
	}
	return u
}

func typeOfSum(t []event.Type) event.Type {
	if e := *t[0].Elem; e.Kind == event.Decimal {
		return event.DecimalOf(38, e.Scale)
	}
	return *t[0].Elem
}

func listsOf(a []value) (ls []list) {
	for _, v := range a {
		ls = append(ls, v.(list))
	}
	return ls
}

func sliced(a []value) value {
	l, out := a[0].(list), list{}
	from, to := a[1].(int64), a[2].(int64)
	for k := range l {
		front, back := int64(k)+1, int64(k-len(l))
		after := from <= front && from >= 0 || from < 0 && from <= back
		before := to >= front || to < 0 && to >= back
		if after && before {
			out = append(out, l[k])
		}
	}
	return out
}

func placeOf(a []value) int64 {
	for k, e := range a[0].(list) {
		if equal(e, a[1]) == true {
			return int64(k) + 1
		}
	}
	return 0
}

// listSum adds exactly and rounds once; doubles that are not finite add up by
// themselves.
func listSum(l list, average bool) value {
	sum, special, n, kind := new(big.Rat), 0.0, int64(0), value(nil)
	for _, e := range l {
		if e == nil {
			continue
		}
		kind = e
		n++
		if rank(e) != 0 {
			special += e.(float64)
			continue
		}
		sum.Add(sum, rational(e))
	}
	_, isDouble := kind.(float64)
	switch {
	case n == 0:
		return nil
	case special != 0:
		return special
	case average:
		return rounded(sum.Quo(sum, new(big.Rat).SetInt64(n)))
	case isDouble:
		return rounded(sum)
	}
	if d, ok := kind.(decimal); ok {
		return decimalOf(sum, event.DecimalOf(38, d.scale))
	}
	return integer(sum.Num())
}

func sortedList(a []value) value {
	l := slices.Clone(a[0].(list))
	slices.SortStableFunc(l, func(x, y value) int {
		if len(a) > 1 && a[1] == "desc" {
			return compare(y, x)
		}
		return compare(x, y)
	})
	return l
}

func distinctList(l list) list {
	out := list{}
	for _, e := range l {
		if !slices.ContainsFunc(out, func(x value) bool { return compare(x, e) == 0 }) {
			out = append(out, e)
		}
	}
	return out
}

func intersection(a []value) value {
	return slices.DeleteFunc(distinctList(a[0].(list)), func(e value) bool {
		return !slices.ContainsFunc(a[1].(list), func(x value) bool { return compare(x, e) == 0 })
	})
}

func flattened(a []value) value {
	out := list{}
	for _, e := range a[0].(list) {
		if e != nil {
			out = append(out, e.(list)...)
		}
	}
	return out
}

func joined(a []value) value {
	var parts []string
	for _, e := range a[0].(list) {
		switch {
		case e != nil:
			parts = append(parts, convertToText(e).(string))
		case len(a) > 2:
			parts = append(parts, a[2].(string))
		}
	}
	return strings.Join(parts, a[1].(string))
}

// listValue is a list literal: its elements become one type.
func listValue(n *expr.Node, args []value, s *scope) value {
	l := list{}
	for _, a := range args {
		l = append(l, widen(a, *typeOf(n, s).Elem))
	}
	return l
}

func typeOfListValue(n *expr.Node, s *scope) event.Type {
	t := event.Of(event.Null)
	for _, a := range n.Args {
		t = unified(t, typeOf(a, s))
	}
	return event.ListOf(t)
}

// lengthOf counts characters or elements.
func lengthOf(a []value) value {
	if l, ok := a[0].(list); ok {
		return int64(len(l))
	}
	return int64(len([]rune(a[0].(string))))
}
