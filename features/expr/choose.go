package expr

import (
	"fmt"

	"github.com/timeseam/timeseam/features/event"
)

// unify converts all to one type, that of a CASE or COALESCE. They must have one
// type before a row is looked at, for a column has one (S16.7). The fault is told
// at the first value that does not fit those before it.
func (c *checker) unify(nodes []*Node, args []*code, what string) ([]*code, event.Type, bool) {
	t := event.Of(event.Null)
	for i, a := range args {
		u, ok := common(t, a.t)
		if !ok {
			c.fail(nodes[i], fmt.Sprintf("%s would be both %s and %s", what, t, a.t), "cast one of them")
			return nil, t, false
		}
		t = u
	}
	out := make([]*code, len(args))
	for i, a := range args {
		out[i] = convert(a, t)
	}
	return out, t, true
}

// caseOf compiles both forms of CASE; CASE x WHEN y compares x = y. A missing
// ELSE is null. In the form with an operand a null operand equals no WHEN, null
// included, as = is null there. The operand is evaluated once however many WHEN
// there are.
func (c *checker) caseOf(n *Node) *code {
	var operand *code
	ok := true
	if n.Operand != nil {
		operand = c.check(n.Operand)
		ok = operand != nil
	}
	args, all := c.checkAll(n.Args)
	if !ok || !all {
		return nil
	}
	if operand != nil {
		operand = c.shared(operand)
	}
	var whens, thens []*code
	var nodes []*Node
	for i := 0; i+1 < len(args); i += 2 {
		when := args[i]
		if operand != nil {
			when = c.compare(n.Args[i], compareOps["="], operand, when)
		} else if !c.logical(n.Args[i], when, "when") {
			when = nil
		}
		ok = ok && when != nil
		whens, thens, nodes = append(whens, when), append(thens, args[i+1]), append(nodes, n.Args[i+1])
	}
	otherwise := nullOf(event.Of(event.Null))
	if len(args)%2 == 1 {
		otherwise = args[len(args)-1]
		nodes = append(nodes, n.Args[len(args)-1])
	} else {
		nodes = append(nodes, n)
	}
	thens, t, unified := c.unify(nodes, append(thens, otherwise), "case")
	if !ok || !unified {
		return nil
	}
	return choice(t, whens, thens)
}

// choice takes, row by row, the first of thens whose when is true, or the last of
// thens, which has no when. Only what a row asks for counts anything. All
// branches that some row chose run over all rows, which costs less than picking
// rows out and putting them back; so a branch may compute, but not count, for
// rows that did not choose it (S16.7).
func choice(t event.Type, whens, thens []*code) *code {
	if t.Kind == event.Null {
		return nullOf(t)
	}
	for i, w := range whens {
		whens[i] = convert(w, event.Of(event.Bool))
	}
	x := joined(t, append(append([]*code{}, whens...), thens...)...)
	if x.source == noSource {
		for i := range whens {
			whens[i] = perEntry(whens[i])
		}
		for i := range thens {
			thens[i] = perEntry(thens[i])
		}
	}
	x.run = func(f *frame) vec {
		chosen := make([]int32, f.rows)
		for i := range chosen {
			chosen[i] = int32(len(whens))
		}
		for k, w := range whens {
			decide(f, w, chosen, int32(k), int32(len(whens)))
		}
		return pick(t, chosen, evalChosen(f, thens, chosen))
	}
	return fold(x)
}

// decide gives k to the rows that are still open and for which when is true. The
// first condition is asked of every row. A later one only of rows that none
// before it took, and narrow keeps the others from counting.
func decide(f *frame, when *code, chosen []int32, k, open int32) {
	if when.counts && k > 0 {
		f = f.narrow(func(i int) bool { return chosen[i] == open })
	}
	v := when.eval(f)
	x, m := v.Ints, v.mask()
	for i := range chosen {
		if chosen[i] == open && x[i&m] == 1 { // null holds 0 (E1)
			chosen[i] = k
		}
	}
}

// evalChosen evaluates what some row has chosen. What no row chose keeps the zero
// vec, without vectors; pick never looks at it.
func evalChosen(f *frame, thens []*code, chosen []int32) []vec {
	wanted := make([]bool, len(thens))
	for _, k := range chosen {
		wanted[k] = true
	}
	values := make([]vec, len(thens))
	for k, x := range thens {
		switch {
		case !wanted[k]:
		case x.counts:
			values[k] = x.eval(f.narrow(func(i int) bool { return chosen[i] == int32(k) }))
		default:
			values[k] = x.eval(f)
		}
	}
	return values
}

// pick is row i of values[chosen[i]]. Nulls are gathered first, so that a vector
// is made only where some row is null.
func pick(t event.Type, chosen []int32, values []vec) vec {
	var u nulls
	masks := make([]int, len(values))
	nullable := false
	for k := range values {
		masks[k] = values[k].mask()
		nullable = nullable || values[k].Null != nil
	}
	if nullable {
		for i, k := range chosen {
			if values[k].null(i) {
				u.set(i, len(chosen))
			}
		}
	}
	out := event.Column{Type: t, Null: u.rows}
	switch t.Kind {
	case event.Double:
		out.Floats = pickFrom(chosen, masks, values, func(v *vec) []float64 { return v.Floats })
	case event.Decimal:
		out.Decimals = pickFrom(chosen, masks, values, func(v *vec) []event.Int128 { return v.Decimals })
	case event.String, event.Bytes:
		return pickTexts(t, chosen, values, u)
	case event.List, event.Map, event.Struct:
		return pickNested(t, chosen, masks, values)
	default:
		out.Ints = pickFrom(chosen, masks, values, func(v *vec) []int64 { return v.Ints })
	}
	return vec{Column: out, fresh: true}
}

// pickFrom is the loop of pick over one kind of vector. The vectors are fetched
// before the loop; what nobody chose is nil and never indexed.
func pickFrom[T any](chosen []int32, masks []int, values []vec, vector func(*vec) []T) []T {
	from := make([][]T, len(values))
	for k := range values {
		from[k] = vector(&values[k])
	}
	out := make([]T, len(chosen))
	for i, k := range chosen {
		out[i] = from[k][i&masks[k]]
	}
	return out
}

// pickTexts brings the texts of several dictionaries into one, each once if a
// dictionary is not larger than what it is for. A dictionary of a million texts
// is not worth a table of codes for a batch of a thousand rows: from a large one
// each row brings its own text.
func pickTexts(t event.Type, chosen []int32, values []vec, u nulls) vec {
	if d := oneDict(values); d != nil {
		masks := make([]int, len(values))
		for k := range values {
			masks[k] = values[k].mask()
		}
		codes := pickFrom(chosen, masks, values, func(v *vec) []uint32 { return v.Codes })
		return vec{Column: event.Column{Type: t, Codes: codes, Dict: d, Null: u.rows}, fresh: true}
	}
	out := newTexts(len(chosen))
	known := make([][]uint32, len(values)) // code + 1
	for k := range values {
		if d := values[k].Dict; d != nil && d.Len() <= 2*len(chosen) {
			known[k] = make([]uint32, d.Len())
		}
	}
	for i, k := range chosen {
		if u.is(i) {
			continue
		}
		v := &values[k]
		code := v.Codes[i&v.mask()]
		if known[k] == nil {
			out.put(i, v.Dict.At(code))
			continue
		}
		if known[k][code] == 0 {
			known[k][code] = out.dict.Add(v.Dict.At(code)) + 1
		}
		out.codes[i] = known[k][code] - 1
	}
	return out.vec(t.Kind, u)
}

// oneDict is the dictionary that all values share, or nil. Then codes can be
// picked like integers and no byte of text is copied.
func oneDict(values []vec) *event.Dict {
	var d *event.Dict
	for k := range values {
		if v := &values[k]; v.Dict != nil && d != nil && v.Dict != d {
			return nil
		} else if v.Dict != nil {
			d = v.Dict
		}
	}
	return d
}

// pickNested copies lists and structs value by value. Lists have no vector to
// pick from at random, and such choices are rare.
func pickNested(t event.Type, chosen []int32, masks []int, values []vec) vec {
	out := event.Make(t)
	for i, k := range chosen {
		out.Append(&values[k].Column, i&masks[k])
	}
	return vec{Column: out, fresh: true}
}

// coalesce takes the first that is not null. The last value has no condition: if
// it is null, so is the result. Each is shared, as it is asked whether it is null
// and then for its value. A later one counts only for the rows that are still
// null.
func (c *checker) coalesce(n *Node, args []*code) *code {
	args, t, ok := c.unify(n.Args, args, n.Name)
	if !ok {
		return nil
	}
	var whens, thens []*code
	for _, a := range args {
		a = c.shared(a)
		whens, thens = append(whens, isNull(a, true)), append(thens, a)
	}
	return choice(t, whens[:len(whens)-1], thens)
}

// ifElse is if(condition, then, else). A condition that is null takes the else,
// as in CASE, and not null.
func (c *checker) ifElse(n *Node, args []*code) *code {
	if !c.logical(n.Args[0], args[0], n.Name) {
		return nil
	}
	thens, t, ok := c.unify(n.Args[1:], args[1:], n.Name)
	if !ok {
		return nil
	}
	return choice(t, []*code{args[0]}, thens)
}

// nullIf is null where both are equal, else the first. The result has the type of
// the first, and comparison is by value (S16.6): nullif(x, 0.0) of an integer
// stays an integer. If either is null they are not equal, and the first stands.
func (c *checker) nullIf(n *Node, args []*code) *code {
	x := c.shared(args[0])
	same := c.compare(n, compareOps["="], x, args[1])
	if same == nil {
		return nil
	}
	return choice(x.t, []*code{same}, []*code{nullOf(x.t), x})
}

// greatest and least leave out nulls; null if all are. PostgreSQL does so and
// others return null; S16.7 settles it. NaN is the greatest (S8.1). Of equal
// values the first in the text stays.
func (c *checker) extreme(n *Node, args []*code) *code {
	args, t, ok := c.unify(n.Args, args, n.Name)
	if !ok {
		return nil
	}
	if !t.Scalar() {
		return c.fail(n, fmt.Sprintf("%s is not defined on %s", n.Name, t), "")
	}
	sign := 1
	if n.Name == "least" {
		sign = -1
	}
	if t.Kind == event.Null {
		return nullOf(t)
	}
	return lenient(t, func(f *frame, v []vec) vec {
		chosen := make([]int32, f.rows)
		for k := 1; k < len(v); k++ {
			mk := v[k].mask()
			for i := range chosen {
				best := &v[chosen[i]]
				if v[k].null(i) {
					continue
				}
				if best.null(i) || sign*event.Compare(&v[k].Column, i&mk, &best.Column, i&best.mask()) > 0 {
					chosen[i] = int32(k)
				}
			}
		}
		return pick(t, chosen, v)
	}, args...)
}
