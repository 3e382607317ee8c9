package payload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// pick is where the column of a field is: a column that is read, and the way to a
// field of it.
type pick struct {
	column int
	path   []int
}

// limb is a field on its way to the columns that are read: one of them, or a field
// of one.
type limb struct {
	name string
	typ  event.Type
	in   []*limb // of a struct that is asked for by its fields
}

// grown finds the limb called name in l, or makes it.
func (l *limb) grown(name string) (in *limb, at int) {
	at = slices.IndexFunc(l.in, func(in *limb) bool { return in.name == name })
	if at < 0 {
		at = len(l.in)
		l.in = append(l.in, &limb{name: name})
	}
	return l.in[at], at
}

// whole is the type of a limb with all that is asked for of it.
func (l *limb) whole() event.Type {
	if len(l.in) == 0 {
		return l.typ
	}
	fields := make([]event.Field, len(l.in))
	for i, in := range l.in {
		fields[i] = event.Field{Name: in.name, Type: in.whole()}
	}
	return event.StructOf(fields...)
}

// nested turns fields into the columns that are read: a field called payload.amount
// is the field amount of a struct payload, of which no more is read than is asked
// for.
func nested(fields event.Schema) (columns []*Column, picks []pick, err error) {
	root := new(limb)
	for _, f := range fields {
		parts := strings.Split(f.Name, ".")
		if slices.Contains(parts, "") {
			parts = []string{f.Name}
		}
		var way []int
		at := root
		for _, part := range parts {
			if at.typ.Kind != event.Unknown {
				return nil, nil, fmt.Errorf("field %s is of %s, which is asked for as a whole besides; ask for the one or for the other", f.Name, at.name)
			}
			next, i := at.grown(part)
			at, way = next, append(way, i)
		}
		if at.typ.Kind != event.Unknown || len(at.in) > 0 {
			return nil, nil, fmt.Errorf("field %s is asked for twice, or by its fields besides; ask for the one or for the other", f.Name)
		}
		at.typ = f.Type
		picks = append(picks, pick{way[0], way[1:]})
	}
	for _, l := range root.in {
		columns = append(columns, NewColumn(l.name, l.whole()))
	}
	return columns, picks, nil
}

// of is the column of a field, as it goes into a batch.
func (p *pick) of(columns []*Column) event.Column {
	c := &columns[p.column].Values
	for _, i := range p.path {
		c = &c.Fields[i]
	}
	v := *c
	fill(&v)
	return v
}
