package payload

import (
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// avroStep reads one value and appends it to a column.
type avroStep func(r *avroReader, c *event.Column)

// avroSkip passes over one value.
type avroSkip func(r *avroReader)

// avroCompiler makes of a writer's schema what reads its messages.
type avroCompiler struct {
	*misfits
	passes map[*avroType]*avroSkip
}

// place is where a value goes: the field's path, for sentences, and the type of its
// column.
type place struct {
	path string
	to   event.Type
}

func (p place) field(name string, to event.Type) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return place{name, to}
}

// row compiles a record for columns. newest is the schema that says what fields
// are that the record has not; it may be nil.
func (c *avroCompiler) row(record, newest *avroType, columns []*Column) *avroRow {
	a := &avroRow{columns: columns}
	taken := make([]int, len(record.fields)) // 1 + the column of each field
	for i, column := range columns {
		p := place{column.Name, column.Values.Type}
		if at := fieldIn(record, newest.field(column.Name), column.Name); at >= 0 {
			taken[at] = i + 1
			continue
		}
		a.absent = append(a.absent, avroColumnStep{column: column, read: c.absent(record, newest, p, column.Name)})
	}
	for i, f := range record.fields {
		if taken[i] == 0 {
			a.steps = append(a.steps, avroColumnStep{skip: c.pass(f.typ)})
			continue
		}
		column := columns[taken[i]-1]
		p := place{column.Name, column.Values.Type}
		a.steps = append(a.steps, avroColumnStep{column: column, read: c.value(f.typ, newest.fieldType(column.Name), p)})
	}
	return a
}

// fieldType is the type of the field called name, or nil.
func (t *avroType) fieldType(name string) *avroType {
	if f := t.field(name); f != nil {
		return f.typ
	}
	return nil
}

// fieldIn finds a field of a writer's record: by its name, or by one that it had
// once, as the newest schema says. -1: it has none.
func fieldIn(record *avroType, newest *avroField, name string) int {
	names := []string{name}
	if newest != nil {
		names = append(names, newest.aliases...)
	}
	for _, name := range names {
		if at := slices.IndexFunc(record.fields, func(f avroField) bool { return f.name == name }); at >= 0 {
			return at
		}
	}
	return -1
}

// absent appends what a field is that a writer's record has not.
func (c *avroCompiler) absent(record, newest *avroType, p place, name string) avroStep {
	f := newest.field(name)
	switch {
	case f != nil && f.falls:
		read := c.value(f.typ, f.typ, p)
		return func(r *avroReader, col *event.Column) {
			other := avroReader{data: f.fallback, top: r.top}
			read(&other, col)
		}
	case f != nil && f.typ.nullable():
		return func(_ *avroReader, col *event.Column) { col.AppendNull() }
	case newest == nil:
		c.add(p.path, c.of+" has no such field", meant(name, record))
	default:
		c.add(p.path, c.of+" has no such field, and the newest schema gives no default for it", "give it a default there, or do without the field")
	}
	return nil
}

// meant is what to do about a name that a record has not.
func meant(name string, record *avroType) string {
	var names []string
	for _, f := range record.fields {
		names = append(names, f.name)
	}
	if near := event.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "do without it, or write it"
}

// value compiles a value for a place.
func (c *avroCompiler) value(t, newest *avroType, p place) avroStep {
	switch {
	case t.kind == "union":
		return c.union(t, newest, p)
	case t.kind == "record" && p.to.Kind == event.Struct:
		return c.record(t, newest.record(), p)
	case t.kind == "array" && p.to.Kind == event.List:
		return c.array(t, newest, p)
	case t.kind == "map" && p.to.Kind == event.Map && p.to.KeyType().Kind == event.String:
		return c.pairs(t, newest, p)
	}
	g, ok := t.scalar()
	switch {
	case ok && g.Kind == event.Null:
		return func(_ *avroReader, col *event.Column) { col.AppendNull() }
	case !ok || !g.widens(p.to):
		c.other(p.path, t.says(), p.to)
		return nil
	}
	return t.single(g, p.to)
}

// union compiles a value that may be of several types.
func (c *avroCompiler) union(t, newest *avroType, p place) avroStep {
	if len(t.branches) == 0 {
		c.other(p.path, "of no type", p.to)
	}
	branches := make([]avroStep, len(t.branches))
	for i, b := range t.branches {
		before := len(c.found)
		if branches[i] = c.value(b, newest, p); len(c.found) > before && b.record() == nil {
			c.found = c.found[:before]
			c.other(p.path, t.says(), p.to)
			return nil
		}
	}
	return func(r *avroReader, col *event.Column) { branches[r.index(len(branches))](r, col) }
}

// record compiles a struct.
func (c *avroCompiler) record(t, newest *avroType, p place) avroStep {
	type part struct {
		field int // of the column; -1: none
		read  avroStep
		skip  avroSkip
	}
	parts := make([]part, len(t.fields))
	for i, f := range t.fields {
		parts[i] = part{field: -1, skip: c.pass(f.typ)}
	}
	var absent []part
	for i, f := range p.to.Fields {
		inner := p.field(f.Name, f.Type)
		if at := fieldIn(t, newest.field(f.Name), f.Name); at >= 0 {
			parts[at].field, parts[at].read = i, c.value(t.fields[at].typ, newest.fieldType(f.Name), inner)
		} else {
			absent = append(absent, part{field: i, read: c.absent(t, newest, inner, f.Name)})
		}
	}
	return func(r *avroReader, col *event.Column) {
		for i := range parts {
			if at := parts[i].field; at < 0 {
				parts[i].skip(r)
			} else {
				parts[i].read(r, &col.Fields[at])
			}
		}
		for i := range absent {
			absent[i].read(r, &col.Fields[absent[i].field])
		}
		col.Rows++
		col.NotNull()
	}
}

func (c *avroCompiler) array(t, newest *avroType, p place) avroStep {
	var inner *avroType
	if newest != nil {
		inner = newest.elem
	}
	read := c.value(t.elem, inner, place{p.path, *p.to.Elem})
	return func(r *avroReader, col *event.Column) {
		r.each(func() { read(r, col.Elem) })
		col.EndList()
	}
}

// pairs compiles a map. Each key may stand once.
func (c *avroCompiler) pairs(t, newest *avroType, p place) avroStep {
	var inner *avroType
	if newest != nil {
		inner = newest.elem
	}
	read := c.value(t.elem, inner, place{p.path, p.to.ValueType()})
	return func(r *avroReader, col *event.Column) {
		entries := event.Make(*col.Type.Elem)
		r.each(func() {
			entries.Fields[0].AppendText(r.string())
			read(r, &entries.Fields[1])
			entries.Rows++
		})
		if r.err != nil {
			return
		}
		if err := endMap(col, &entries, false); err != nil {
			r.fail(err)
		}
	}
}

// single compiles a value of one part. Its type widens to that of the column.
func (t *avroType) single(g given, to event.Type) avroStep {
	switch g.Kind {
	case event.Bool:
		return func(r *avroReader, c *event.Column) { c.AppendInt(r.bool()) }
	case event.Int:
		put := intTo(to)
		if t.logical == "time-millis" {
			return func(r *avroReader, c *event.Column) { put(c, r.int()*1000) }
		}
		if t.kind == "int" {
			return func(r *avroReader, c *event.Column) { put(c, r.int()) }
		}
		return func(r *avroReader, c *event.Column) { put(c, r.long()) }
	case event.Date:
		put := dayTo(to)
		return func(r *avroReader, c *event.Column) { put(c, r.int()) }
	case event.Timestamp:
		return instantStep(t.logical)
	case event.Double:
		if t.kind == "float" {
			return func(r *avroReader, c *event.Column) { c.AppendFloat(r.float()) }
		}
		return func(r *avroReader, c *event.Column) { c.AppendFloat(r.double()) }
	case event.Decimal:
		return t.decimalStep(to)
	}
	return t.textStep()
}

// instantStep floors to microseconds.
func instantStep(logical string) avroStep {
	unit := event.Microsecond
	switch {
	case strings.HasSuffix(logical, "-millis"):
		unit = event.Millisecond
	case strings.HasSuffix(logical, "-nanos"):
		unit = event.Nanosecond
	}
	return func(r *avroReader, c *event.Column) {
		at, ok := event.FloorTime(r.long(), unit)
		if !ok {
			r.fail(errInstant)
		}
		c.AppendInt(int64(at))
	}
}

func (t *avroType) decimalStep(to event.Type) avroStep {
	by, precision := to.Scale-t.scale, t.precision
	next := t.raw()
	return func(r *avroReader, c *event.Column) {
		v, ok := int128(next(r))
		ok = ok && v.Fits(precision)
		if ok {
			v, ok = rescaled(v, by)
		}
		if !ok {
			r.fail(errDecimal)
		}
		c.AppendDecimal(v)
	}
}

// raw reads the bytes of a value of bytes, or of a fixed number of them.
func (t *avroType) raw() func(r *avroReader) []byte {
	if t.kind == "fixed" {
		size := int64(t.size)
		return func(r *avroReader) []byte { return r.take(size) }
	}
	return (*avroReader).bytes
}

func (t *avroType) textStep() avroStep {
	switch {
	case t.kind == "string":
		return func(r *avroReader, c *event.Column) { r.append(c, r.string()) }
	case t.kind == "enum" && len(t.symbols) == 0:
		return func(r *avroReader, _ *event.Column) { r.fail(errAvroIndex) }
	case t.kind == "enum":
		symbols := make([][]byte, len(t.symbols))
		for i, s := range t.symbols {
			symbols[i] = []byte(s)
		}
		return func(r *avroReader, c *event.Column) { r.append(c, symbols[r.index(len(symbols))]) }
	case t.logical == "uuid" && t.size == 16:
		return func(r *avroReader, c *event.Column) {
			r.append(c, appendUUID(r.text[:0], r.take(16)))
		}
	}
	next := t.raw()
	return func(r *avroReader, c *event.Column) { r.append(c, next(r)) }
}

// pass compiles what passes over a value. Those of named types are kept, so that a
// recursive one ends.
func (c *avroCompiler) pass(t *avroType) avroSkip {
	if c.passes == nil {
		c.passes = map[*avroType]*avroSkip{}
	}
	if known := c.passes[t]; known != nil {
		return func(r *avroReader) { (*known)(r) }
	}
	made := new(avroSkip)
	c.passes[t] = made
	*made = c.passOf(t)
	return *made
}

func (c *avroCompiler) passOf(t *avroType) avroSkip {
	switch t.kind {
	case "record":
		return c.passRecord(t)
	case "union":
		if len(t.branches) == 0 {
			return func(r *avroReader) { r.fail(errAvroIndex) }
		}
		branches := make([]avroSkip, len(t.branches))
		for i, b := range t.branches {
			branches[i] = c.pass(b)
		}
		return func(r *avroReader) { branches[r.index(len(branches))](r) }
	case "array":
		elem := c.pass(t.elem)
		return func(r *avroReader) { r.each(func() { elem(r) }) }
	case "map":
		elem := c.pass(t.elem)
		return func(r *avroReader) {
			r.each(func() {
				r.string()
				elem(r)
			})
		}
	case "enum":
		n := len(t.symbols)
		return func(r *avroReader) { r.index(n) }
	case "fixed":
		size := int64(t.size)
		return func(r *avroReader) { r.take(size) }
	}
	return avroPasses[t.kind]
}

func (c *avroCompiler) passRecord(t *avroType) avroSkip {
	fields := make([]avroSkip, len(t.fields))
	for i, f := range t.fields {
		fields[i] = c.pass(f.typ)
	}
	return func(r *avroReader) {
		if r.deep++; r.deep > avroDeepMost {
			r.fail(errAvroDeep)
		}
		for i := 0; i < len(fields) && r.err == nil; i++ {
			fields[i](r)
		}
		r.deep--
	}
}

// avroPasses pass over plain values. They look at all that can be wrong, so that a
// message is refused or not whichever of its fields are asked for.
var avroPasses = map[string]avroSkip{
	"null":    func(*avroReader) {},
	"boolean": func(r *avroReader) { r.bool() },
	"int":     func(r *avroReader) { r.int() },
	"long":    func(r *avroReader) { r.long() },
	"float":   func(r *avroReader) { r.take(4) },
	"double":  func(r *avroReader) { r.take(8) },
	"bytes":   func(r *avroReader) { r.bytes() },
	"string":  func(r *avroReader) { r.string() },
}
