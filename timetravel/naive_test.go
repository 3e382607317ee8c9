package timetravel_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// naive answers the queries of a training set by the meaning of its definition
// and by nothing else: for each query it filters all events, sorts what is left
// and folds it. It is slow and shares no code with the plan or its state; of
// ours it uses the loader's Definition and the parser's tree.
type naive struct {
	d       *features.Definition
	sources map[string]table
	spine   table
	at      string // the spine's time column

	training features.TrainingSet
	views    map[string]*naiveView
	parsed   map[string]*expr.Node
}

// naiveView is a view with its columns and, of one with a source, its events in
// order by key.
type naiveView struct {
	*features.View
	columns []naiveColumn
	scope   *scope // types of what its expressions may name
	keys    []string
	events  map[string][]naiveEvent
	landed  []naiveEvent // the snapshots of all rows, as ids
	derived bool
}

// naiveColumn is a feature over one window.
type naiveColumn struct {
	name    string
	feature *features.Feature
	window  features.Window
	expr    *expr.Node
	t       event.Type
}

type naiveEvent struct {
	at      event.Time
	order   []value
	id      value
	version value
	content []value
	row     *scope
}

// answers is the feature columns of a training set's service and their values
// for each row of the spine.
type answers struct {
	schema event.Schema
	exact  []bool // the column's doubles must agree bit for bit
	rows   [][]value
}

func newNaive(d *features.Definition, set string, sources map[string]table, spine table) (*naive, features.TrainingSet) {
	n := &naive{d: d, sources: sources, spine: spine, views: map[string]*naiveView{}, parsed: map[string]*expr.Node{}}
	for _, t := range d.TrainingSets {
		if t.Name.Value == set {
			n.at, n.training = t.Spine.EventTimestamp.Value, t
			return n, t
		}
	}
	panic("no training set " + set)
}

// naiveFeatures answers features alone.
func naiveFeatures(d *features.Definition, set string, sources map[string]table, spine table, rows ...int) answers {
	if rows == nil {
		for i := range spine.rows {
			rows = append(rows, i)
		}
	}
	if delayed(d, set) && len(rows) > 0 {
		return eachArrived(d, set, sources, spine, rows, func(d *features.Definition, sources map[string]table, spine table) answers {
			return naiveFeatures(d, set, sources, spine)
		})
	}
	n, t := newNaive(d, set, sources, spine)
	columns := n.serviceColumns(t.Service.Value)
	var a answers
	for _, c := range columns {
		column := n.column(c.view, c.column)
		a.schema = append(a.schema, event.Field{Name: c.prefix + "__" + c.column, Type: column.t})
		a.exact = append(a.exact, n.exact(c.view, column))
	}
	for _, i := range rows {
		var answer []value
		asked := map[string]*question{} // by role
		for _, c := range columns {
			role := fmt.Sprint(c.keys)
			if asked[role] == nil {
				asked[role] = &question{naive: n, row: spine.rows[i], known: map[string]map[string]value{}, keys: []keyNames{c.keys, keyNamesOf(t.Spine.Entity)}}
			}
			answer = append(answer, asked[role].value(c.view, c.column))
		}
		a.rows = append(a.rows, answer)
	}
	return a
}

// serviceColumn is a column that a service lists: what its name begins with, and
// by which columns of the spine its entities are asked.
type serviceColumn struct {
	prefix, view, column string
	keys                 keyNames
}

// keyNames is columns of the spine by entity.
type keyNames map[string][]string

func keyNamesOf(ks []features.KeyedBy) keyNames {
	names := keyNames{}
	for _, k := range ks {
		for _, c := range k.Columns {
			names[k.Entity.Value] = append(names[k.Entity.Value], c.Value)
		}
	}
	return names
}

// serviceColumns is a service's columns, in order.
func (n *naive) serviceColumns(service string) []serviceColumn {
	var columns []serviceColumn
	for _, s := range n.d.Services {
		if s.Name.Value != service {
			continue
		}
		for _, f := range s.Features {
			view, column, one := strings.Cut(f.View.Value, ".")
			prefix := view
			if f.As.Given() {
				prefix = f.As.Value
			}
			for _, c := range n.view(view).columns {
				if !one || c.name == column {
					columns = append(columns, serviceColumn{prefix, view, c.name, keyNamesOf(f.Entity)})
				}
			}
		}
	}
	return columns
}

func (n *naive) column(view, name string) *naiveColumn {
	v := n.view(view)
	for i := range v.columns {
		if v.columns[i].name == name {
			return &v.columns[i]
		}
	}
	panic(fmt.Sprintf("view %s has no column %s", view, name))
}

// exact reports whether a column and all it is derived from are exact.
func (n *naive) exact(view string, c *naiveColumn) bool {
	all := exact(c.expr)
	v := n.view(view)
	expr.Walk(c.expr, func(m *expr.Node) bool {
		if m.Op == expr.Ref && m.Path[0] == sibling {
			all = all && n.exact(view, n.column(view, m.Path[1]))
		}
		if m.Op != expr.Ref || !v.derived {
			return true
		}
		key, _, _ := v.scope.resolve(m.Path)
		if from, column, ok := strings.Cut(key, "."); ok && from != "request" {
			all = all && n.exact(from, n.column(from, column))
		}
		return true
	})
	return all
}

func (n *naive) parse(text string) *expr.Node {
	if n.parsed[text] == nil {
		tree, err := expr.Parse(text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		n.parsed[text] = tree
	}
	return n.parsed[text]
}

// view makes a view ready at its first use.
func (n *naive) view(name string) *naiveView {
	if v := n.views[name]; v != nil {
		return v
	}
	for i := range n.d.Views {
		if n.d.Views[i].Name.Value == name {
			v := &naiveView{View: &n.d.Views[i]}
			v.derived = !v.Source.Given()
			n.views[name] = v
			if v.derived {
				v.scope = n.derivedScope(v)
			} else {
				n.prepare(v)
			}
			n.addColumns(v)
			if !v.derived {
				n.sortEvents(v)
			}
			return v
		}
	}
	panic("no view " + name)
}

// addColumns names the columns: each feature over each of its windows.
func (n *naive) addColumns(v *naiveView) {
	for i := range v.Features {
		f := &v.Features[i]
		windows, suffixed := f.Windows, f.WindowsList
		if len(windows) == 0 {
			windows, suffixed = v.Windows, v.WindowsList
		}
		if len(windows) == 0 {
			windows = []features.Window{{Lifetime: true}}
		}
		tree := n.parse(f.Value.Value)
		for _, w := range windows {
			name := f.Name.Value
			if suffixed {
				name += suffix(w)
			}
			mine := tree
			if !v.derived && n.source(v.Source.Value).Dimension == nil {
				mine = v.withSiblings(tree, w)
			}
			t := typeOf(mine, v.scope)
			if f.By.Given() {
				t = event.MapOf(typeOf(n.parse(f.By.Value), v.scope), t)
			}
			v.columns = append(v.columns, naiveColumn{name, f, w, mine, t})
		}
	}
}

// sibling marks a name that means a column of the same view.
const sibling = "\x00sibling"

// withSiblings marks the bare names outside of aggregates: each is a feature that
// stands before, over the same window where it has several.
func (v *naiveView) withSiblings(tree *expr.Node, w features.Window) *expr.Node {
	if tree == nil || isAggregate(tree) {
		return tree
	}
	copied := *tree
	if tree.Op == expr.Ref {
		for _, name := range []string{tree.Path[0] + suffix(w), tree.Path[0]} {
			for _, c := range v.columns {
				if c.name == name {
					copied.Path = append([]string{sibling, name}, tree.Path[1:]...)
					return &copied
				}
			}
		}
		panic(fmt.Sprintf("view %s has no feature %s before", v.Name.Value, tree.Path[0]))
	}
	copied.Operand = v.withSiblings(tree.Operand, w)
	copied.Args = nil
	for _, a := range tree.Args {
		copied.Args = append(copied.Args, v.withSiblings(a, w))
	}
	return &copied
}

// siblingScope resolves marked names, and leaves the others to s.
func (v *naiveView) siblingScope(s *scope) *scope {
	return &scope{resolve: func(path []string) (string, event.Type, int) {
		if path[0] != sibling {
			return s.resolve(path)
		}
		for _, c := range v.columns {
			if c.name == path[1] {
				return sibling + "." + c.name, c.t, 2
			}
		}
		panic("no sibling " + path[1])
	}, value: s.value}
}

func suffix(w features.Window) string {
	s := "_" + w.Length.Value
	switch {
	case w.Rows > 0:
		s = fmt.Sprintf("_%drows", w.Rows)
	case w.Lifetime:
		s = "_lifetime"
	}
	if w.Offset.Given() {
		s += "_offset_" + w.Offset.Value
	}
	return s
}

// derivedScope resolves what an expression of a derived view may name.
func (n *naive) derivedScope(v *naiveView) *scope {
	return &scope{resolve: func(path []string) (string, event.Type, int) {
		if path[0] == "at" {
			return "at", event.Of(event.Timestamp), 1
		}
		for _, c := range v.columns {
			if c.name == path[0] {
				return v.Name.Value + "." + c.name, c.t, 1
			}
		}
		if len(path) == 1 {
			return "", noType, 0
		}
		if path[0] == "request" {
			for _, r := range v.Request {
				if r.Name.Value == path[1] {
					return "request." + path[1], r.Type, 2
				}
			}
		}
		return path[0] + "." + path[1], n.column(path[0], path[1]).t, 2
	}}
}

// prepare reads a view's source into rows whose fields have the definition's
// types, each a scope of its own.
func (n *naive) prepare(v *naiveView) {
	s := n.source(v.Source.Value)
	raw := n.sources[v.Source.Value]
	fields := n.fields(s, raw.schema)
	v.scope = v.siblingScope(rowScope(fields, nil))
	v.keys = n.entity(v.Entity.Value)
	v.events = map[string][]naiveEvent{}
	for _, row := range raw.rows {
		n.add(v, s, n.declared(s, raw.schema, fields, row), fields)
	}
}

// fields is a source's fields: its history's columns, and those declared.
func (n *naive) fields(s *features.Source, raw event.Schema) event.Schema {
	fields := slices.Clone(raw)
	for _, d := range s.Fields {
		t := d.Type
		if d.History.Given() && t.Kind == event.Unknown {
			t = typeOf(n.parse(d.History.Value), rowScope(raw, nil))
		}
		if i := fields.Index(d.Name.Value); i >= 0 {
			fields[i].Type = t
		} else {
			fields = append(fields, event.Field{Name: d.Name.Value, Type: t})
		}
	}
	return fields
}

func (n *naive) source(name string) *features.Source {
	for i := range n.d.Sources {
		if n.d.Sources[i].Name.Value == name {
			return &n.d.Sources[i]
		}
	}
	panic("no source " + name)
}

func (n *naive) entity(name string) []string {
	var columns []string
	for _, e := range n.d.Entities {
		if e.Name.Value == name {
			for _, c := range e.Columns {
				columns = append(columns, c.Value)
			}
		}
	}
	return columns
}

// declared turns a row of the history into the fields of the source.
func (n *naive) declared(s *features.Source, raw, fields event.Schema, row []value) []value {
	if s.NaN.Value == "null" {
		row = slices.Clone(row)
		for i, v := range row {
			if x, is := v.(float64); is && x != x {
				row[i] = nil
			}
		}
	}
	made := make([]value, len(fields))
	for i, f := range fields {
		if j := raw.Index(f.Name); j >= 0 {
			made[i] = widen(row[j], f.Type)
		}
	}
	for _, d := range s.Fields {
		if d.History.Given() {
			i := fields.Index(d.Name.Value)
			made[i] = widen(eval(n.parse(d.History.Value), rowScope(raw, row)), fields[i].Type)
		}
	}
	return made
}

func rowScope(fields event.Schema, row []value) *scope {
	return &scope{
		resolve: func(path []string) (string, event.Type, int) {
			if i := fields.Index(path[0]); i >= 0 {
				return path[0], fields[i].Type, 1
			}
			return "", noType, 0
		},
		value: func(key string) value { return row[fields.Index(key)] },
	}
}

// add adds an event to its key, if it has a time and a whole key and, being no
// version of a dimension, passes the view's where.
func (n *naive) add(v *naiveView, s *features.Source, row []value, fields event.Schema) {
	get := func(name string) value { return row[fields.Index(name)] }
	var key []value
	for _, c := range v.keys {
		key = append(key, get(c))
	}
	at := timeOf(s, get)
	if at != nil && s.Dimension != nil && s.Dimension.Snapshot.Given() {
		v.landed = append(v.landed, naiveEvent{at: instant(at), id: get(s.Dimension.Snapshot.Value)})
	}
	if at == nil || slices.Contains(key, nil) {
		return
	}
	e := naiveEvent{at: instant(at), row: rowScope(fields, row)}
	if s.Dimension == nil && v.Where.Given() && eval(n.parse(v.Where.Value), e.row) != true {
		return
	}
	orders := ordersOf(v, s)
	for _, o := range orders {
		e.order = append(e.order, get(o.Column.Value))
	}
	if s.EventID.Given() {
		e.id = get(s.EventID.Value)
	}
	if s.Version.Given() {
		e.version = get(s.Version.Value)
	}
	v.events[identities(key)] = append(v.events[identities(key)], e)
}

// sortEvents puts the events of each key in the order of their content and
// leaves one of those that share time and id.
func (n *naive) sortEvents(v *naiveView) {
	orders := ordersOf(v, n.source(v.Source.Value))
	for key, events := range v.events {
		for i := range events {
			for _, x := range n.contents(v) {
				events[i].content = append(events[i].content, eval(x, events[i].row))
			}
		}
		events = once(events)
		slices.SortStableFunc(events, func(a, b naiveEvent) int { return a.compare(b, orders) })
		v.events[key] = events
	}
}

func (a naiveEvent) compare(b naiveEvent, orders []features.Order) int {
	return cmp.Or(cmp.Compare(a.at, b.at), a.compareOrder(b, orders), compare(a.id, b.id), compareAll(a.content, b.content))
}

// compareOrder compares what order_by names.
func (a naiveEvent) compareOrder(b naiveEvent, orders []features.Order) int {
	for i, o := range orders {
		c := compare(a.order[i], b.order[i])
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// once leaves of events equal in time and id that of the greatest version, of these
// the one of smallest content and, of
// those of one content, the one that order_by puts first.
func once(events []naiveEvent) []naiveEvent {
	var kept []naiveEvent
next:
	for _, e := range events {
		for i, k := range kept {
			if e.id != nil && k.at == e.at && compare(k.id, e.id) == 0 {
				if cmp.Or(-compare(e.version, k.version), compareAll(e.content, k.content), compareAll(e.order, k.order)) < 0 {
					kept[i] = e
				}
				continue next
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// contents is the expressions that make up an event's content in a view, in the
// order of their text: what its aggregates read, of a row each field, and what
// its maps are by; or, of a dimension, its features and its where.
func (n *naive) contents(v *naiveView) []*expr.Node {
	found := map[string]*expr.Node{}
	var note func(x *expr.Node)
	note = func(x *expr.Node) {
		switch {
		case x == nil:
		case x.Op == expr.Row:
			for _, field := range x.Args {
				note(field)
			}
		default:
			found[x.String()] = x
		}
	}
	dimension := n.source(v.Source.Value).Dimension != nil
	for _, c := range v.columns {
		if dimension {
			note(c.expr)
			continue
		}
		expr.Walk(c.expr, func(m *expr.Node) bool {
			if !isAggregate(m) {
				return true
			}
			checkCall(m)
			note(m.Filter)
			if !m.Star {
				note(m.Args[0])
			}
			if paired[m.Name] {
				note(m.Args[1])
			}
			return false
		})
		if c.feature.By.Given() {
			note(n.parse(c.feature.By.Value))
		}
	}
	if dimension {
		d := n.source(v.Source.Value).Dimension
		for _, t := range []features.Text{v.Where, d.Deleted} {
			if t.Given() {
				note(n.parse(t.Value))
			}
		}
		for _, t := range []features.Text{d.ValidTo, d.Snapshot} {
			if t.Given() {
				note(&expr.Node{Op: expr.Ref, Path: []string{t.Value}})
			}
		}
	}
	var xs []*expr.Node
	for _, text := range sortedKeys(found) {
		xs = append(xs, found[text])
	}
	return xs
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
