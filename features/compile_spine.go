package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// spineScope returns what may be named of a training set's spine: the columns of
// its table, the fields of the source whose events are asked, or those of a grid.
func (c *compiler) spineScope(t *TrainingSet) *spineScope {
	q := &spineScope{c: c, set: t.Name.Value, at: t.Spine.EventTimestamp, text: t.Spine.Table.Text()}
	def := c.sourceOf(&t.Spine)
	switch {
	case !t.Spine.Source.Given():
		q.schema, q.known = c.cat.Spines[q.set]
	case def == nil:
		// The loader has told.
	case t.Spine.Grid != nil:
		q.at = t.Spine.Source
		q.schema, q.known = c.gridSchema(t, c.spineSource(def, new(event.Schema)))
	default:
		q.at = t.Spine.Source
		q.src = c.spineSource(def, &c.plan.Queries.Columns)
		q.text = false
		q.schema, q.known = q.src.fields(), q.src.known
	}
	return q
}

// sourceOf is the source that a spine is made of; nil: none.
func (c *compiler) sourceOf(s *Spine) *Source {
	for i := range c.def.Sources {
		if d := &c.def.Sources[i]; s.Source.Given() && d.Name.Value == s.Source.Value && d.Dimension == nil {
			return d
		}
	}
	return nil
}

// fields is what a row of the source has, by name: the history's columns, of the
// types that are declared, and in their place or behind them the computed ones.
// Nothing is read for it.
func (s *sourceScope) fields() event.Schema {
	look := s.c.spineSource(s.def, new(event.Schema))
	fields := slices.Clone(s.history)
	for i := range s.def.Fields {
		d := &s.def.Fields[i]
		n, _ := look.field(d.Name.Value)
		if n == nil {
			continue
		}
		e := s.c.typed(d.Name, n, nothing{})
		if e == nil {
			continue
		}
		fields[placeOf(&fields, d.Name.Value, e.Type)].Type = e.Type
	}
	return fields
}

// gridSchema is the columns of a grid: those that key its entity, and the instant.
func (c *compiler) gridSchema(t *TrainingSet, look *sourceScope) (s event.Schema, known bool) {
	known = look.known
	for _, col := range c.entityColumns(t.Spine.Grid.Entity.Value) {
		n, told := look.field(col.Value)
		if n == nil {
			if look.known && !told {
				c.fault(t.Spine.Grid.Entity, 0, 0, fmt.Sprintf("source %s has no field %s, which keys entity %s", look.def.Name.Value, col.Value, t.Spine.Grid.Entity.Value), look.mend(col.Value))
			}
			known = false
			continue
		}
		if e := c.typed(col, n, nothing{}); e != nil {
			placeOf(&s, col.Value, e.Type)
		}
	}
	at := t.Spine.EventTimestamp
	if s.Index(at.Value) >= 0 {
		c.fault(at, 0, 0, fmt.Sprintf("%s keys entity %s, and is the grid's column of instants too", at.Value, t.Spine.Grid.Entity.Value), "call that column otherwise: event_timestamp: asked_at")
	}
	placeOf(&s, at.Value, event.Of(event.Timestamp))
	return s, known
}

// entityColumns is the columns of the entity called name.
func (c *compiler) entityColumns(name string) []Text {
	for i := range c.def.Entities {
		if c.def.Entities[i].Name.Value == name {
			return c.def.Entities[i].Columns
		}
	}
	return nil
}

// node is a column of the spine, or a field of the source that it is made of; nil,
// and told, where the field is faulty. What nobody knows is taken on trust, as
// where a history is not at hand.
func (q *spineScope) node(name string, t event.Type) *expr.Node {
	if q.src != nil {
		n, told := q.src.field(name)
		if n != nil || told {
			return n
		}
	}
	return &expr.Node{Op: expr.Bound, Name: name, Column: placeOf(&q.c.plan.Queries.Columns, name, t), To: t}
}

// instant compiles the time of the question. Of a source of events it is the
// event's own.
func (q *spineScope) instant() *expr.Expr {
	if q.src != nil {
		return q.column(q.src.def.EventTimestamp.Value, event.Of(event.Timestamp), "its event_timestamp", true)
	}
	name := q.at.Value
	if t := q.c.plan.TrainingSet; t != nil {
		name = t.Spine.EventTimestamp.Value
	}
	return q.column(name, event.Of(event.Timestamp), "the spine's event_timestamp", true)
}

// askedRows plans which rows of a source are questions, which of their columns are
// given out and how, and what tells questions of one instant apart.
func (c *compiler) askedRows(t *TrainingSet, q *spineScope) {
	p := &c.plan.Queries
	p.between = event.Always()
	if t.Spine.From.Given() {
		p.between.From = startOf(t.Spine.From)
	}
	if t.Spine.To.Given() {
		p.between.To = startOf(t.Spine.To)
	}
	c.keptColumns(t, q)
	def := c.sourceOf(&t.Spine)
	if p.Source = def; def == nil {
		c.content(t, q.schema, nil)
		return
	}
	if t.Spine.Grid != nil {
		c.grid(t, def, q)
		return
	}
	if w := t.Spine.Where; w.Given() {
		p.where = q.src.compile(w, c.parse(w))
		c.condition(w, p.where)
	}
	if q.known {
		c.content(t, q.src.history, def)
	}
	c.identity(t, q, def)
}

// condition notes a where of a spine that is none.
func (c *compiler) condition(t Text, e *expr.Expr) {
	if e != nil && e.Type.Kind != event.Bool && e.Type.Kind != event.Null {
		c.fault(t, 0, 0, fmt.Sprintf("where is a condition, and this is %s", e.Type), "compare it with something")
	}
}

// keptColumns plans the spine's own columns in the training set: those of its
// table are carried untouched, those that are computed stand behind them.
func (c *compiler) keptColumns(t *TrainingSet, q *spineScope) {
	p, s := &c.plan.Queries, &t.Spine
	wanted := func(name string) bool {
		return !s.ColumnsGiven || slices.ContainsFunc(s.Columns, func(k Text) bool { return k.Value == name })
	}
	computed := func(name string) bool {
		if s.Grid != nil {
			return true
		}
		return q.src != nil && q.src.declared(name) != nil && q.src.declared(name).History.Given()
	}
	hides := false
	for _, f := range q.schema {
		if !computed(f.Name) {
			continue
		}
		hides = hides || s.Grid != nil || q.src.history.Index(f.Name) >= 0
		if !wanted(f.Name) {
			continue
		}
		if e := q.plain(Text{Pos: q.at.Pos, Value: f.Name, Quoted: -1}, f.Type); e != nil {
			p.Own, p.own = append(p.Own, f), append(p.own, e)
		}
	}
	if !s.ColumnsGiven && !hides {
		return // all columns are carried
	}
	p.Carried = []string{}
	if s.ColumnsGiven {
		for _, k := range s.Columns {
			if !computed(k.Value) {
				p.Carried = append(p.Carried, k.Value)
			}
		}
		return
	}
	for _, f := range q.schema {
		if !computed(f.Name) {
			p.Carried = append(p.Carried, f.Name)
		}
	}
}

// content plans what tells questions of one instant apart: of copies of an event
// which one is asked, and of several questions which one an event belongs to. It
// is all single values of the table, in the order of their names, so that
// neither the order of rows nor which features are asked for can matter.
func (c *compiler) content(t *TrainingSet, table event.Schema, def *Source) {
	touched := slices.ContainsFunc(t.EventLabels, func(l EventLabel) bool { return l.Attribute.Given() })
	if !touched && (def == nil || !def.EventID.Given()) {
		return
	}
	p := &c.plan.Queries
	if def != nil {
		s := c.spineSource(def, &p.Content)
		if def.Version.Given() {
			p.content.version = append(p.content.version, s.named(def.Version))
		}
		for _, o := range def.OrderBy {
			p.content.order, p.content.desc = append(p.content.order, s.named(o.Column)), append(p.content.desc, o.Desc)
		}
		if def.EventID.Given() {
			p.content.order, p.content.desc = append(p.content.order, s.named(def.EventID)), append(p.content.desc, false)
		}
	}
	var names []string
	for _, f := range table {
		if f.Type.Scalar() && f.Type.Kind != event.Null && f.Type.Kind != event.Unknown {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f := table[table.Index(name)]
		n := &expr.Node{Op: expr.Bound, Name: name, Column: placeOf(&p.Content, name, f.Type), To: f.Type}
		p.content.values = append(p.content.values, c.typed(Text{Pos: t.Spine.Pos}, n, nothing{}))
	}
}

// identity plans what makes two rows of a source one question (S6.1): its id, its
// time, and the keys of all entities that its rows have, whichever are asked.
func (c *compiler) identity(t *TrainingSet, q *spineScope, def *Source) {
	if !def.EventID.Given() {
		return
	}
	p := &c.plan.Queries
	p.id = q.src.named(def.EventID)
	if p.id == nil {
		return
	}
	if k := p.id.Type.Kind; !p.id.Type.Scalar() || k == event.Double || k == event.Null {
		c.fault(def.EventID, 0, 0, fmt.Sprintf("event_id %s of source %s is %s, and what identifies a question is a single value and never floating", def.EventID.Value, def.Name.Value, p.id.Type), "cast it under fields")
		return
	}
	for i := range c.def.Entities {
		key := QueryKey{Entity: c.def.Entities[i].Name.Value, own: true, named: c.def.Entities[i].Columns}
		for _, col := range key.askedBy(&t.Spine) {
			if q.known && q.schema.Index(col.Value) < 0 {
				continue
			}
			n, _ := q.src.field(col.Value)
			if n == nil {
				continue
			}
			if e := c.typed(col, n, nothing{}); e != nil && e.Type.Scalar() && e.Type.Kind != event.Double && e.Type.Kind != event.Null {
				p.keyed = append(p.keyed, e)
			}
		}
	}
}

// grid plans how events become the rows of a grid.
func (c *compiler) grid(t *TrainingSet, def *Source, q *spineScope) {
	g := &GridPlan{Schema: q.schema}
	s := c.spineSource(def, &g.Columns)
	if w := t.Spine.Where; w.Given() {
		g.where = s.compile(w, c.parse(w))
		c.condition(w, g.where)
	}
	if n, _ := s.field(def.EventTimestamp.Value); n != nil {
		if g.time = c.typed(def.EventTimestamp, n, nothing{}); g.time != nil && g.time.Type.Kind == event.Date {
			g.time = c.typed(def.EventTimestamp, &expr.Node{Op: expr.Cast, Args: []*expr.Node{n}, To: event.Of(event.Timestamp)}, nothing{})
		}
	}
	if s.known && (g.time == nil || g.time.Type.Kind != event.Timestamp) {
		c.fault(def.EventTimestamp, 0, 0, fmt.Sprintf("source %s has no instant %s", def.Name.Value, def.EventTimestamp.Value), s.mend(def.EventTimestamp.Value))
		return
	}
	for _, col := range c.entityColumns(t.Spine.Grid.Entity.Value) {
		n, _ := s.field(col.Value)
		if n == nil {
			return // told, or not at hand
		}
		e := c.typed(col, n, nothing{})
		if e == nil || e.Type.Kind == event.Double || e.Type.Kind == event.Null || !e.Type.Scalar() {
			c.fault(t.Spine.Grid.Entity, 0, 0, fmt.Sprintf("key %s of entity %s is no key in source %s, as keys are single values and never floating", col.Value, t.Spine.Grid.Entity.Value, def.Name.Value), "cast it under fields")
			return
		}
		g.keys = append(g.keys, e)
	}
	every, err := ParseDuration(t.Spine.Grid.Every.Value)
	if err != nil || !t.Spine.From.Given() || !t.Spine.To.Given() {
		return // the loader has told
	}
	active := every
	if a := t.Spine.Grid.Active; a.Given() {
		active, _ = ParseDuration(a.Value)
	}
	g.Instants, _ = gridInstants(startOf(t.Spine.From), startOf(t.Spine.To), every)
	w := aggregate.Window{Length: active, ClosedLow: true}
	for _, at := range g.Instants {
		lo, hi := w.Bounds(at)
		g.begins, g.ends = append(g.begins, lo), append(g.ends, hi)
	}
	c.plan.Queries.Grid = g
}

// String is the spine in words: what its questions are.
func (s *Spine) String() string {
	if !s.Source.Given() {
		return s.Table.Path.Value + ", asked at " + s.EventTimestamp.Value
	}
	var words []string
	if s.Grid == nil {
		words = append(words, "each event of source "+s.Source.Value+", asked at "+s.EventTimestamp.Value)
	} else {
		active := s.Grid.Active.Value
		if active == "" {
			active = s.Grid.Every.Value
		}
		words = append(words, fmt.Sprintf("every %s each %s with an event of source %s in [t-%s, t)", s.Grid.Every.Value, s.Grid.Entity.Value, s.Source.Value, active))
	}
	if s.Where.Given() {
		words = append(words, "where "+s.Where.Value)
	}
	if s.From.Given() {
		words = append(words, "from "+s.From.Value)
	}
	if s.To.Given() {
		words = append(words, "before "+s.To.Value)
	}
	return strings.Join(words, ", ")
}
