package serve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// instantColumn is what CompileService calls the instant of a question.
const instantColumn = "event_timestamp"

// catalog is what can be asked of an engine, by the names that clients use.
type catalog struct {
	engine  *live.Engine
	plan    *features.Plan
	service string
	views   []view // in the order of the service
	keys    map[string]bool

	mu   sync.RWMutex
	made map[string]*selection
}

// view is a view, or one in a role, and its columns in the order of the service.
type view struct {
	name    string
	outputs []int // places in Plan.Outputs
	derived bool
}

// selection is some outputs under the names that the answer gives them.
type selection struct {
	part   *features.Part
	names  []string
	views  []string // whose features they are
	needed []int    // places in Queries.Columns
	echoed []bool   // by place in Queries.Columns: a key, which the answer repeats
}

// selectionsMost is how many selections are kept. Clients ask for a few over and over;
// one who asks for all there are has them made anew each time.
const selectionsMost = 256

func newCatalog(e *live.Engine, service string) (*catalog, error) {
	p := e.Plan()
	c := &catalog{engine: e, plan: p, service: service, keys: map[string]bool{}, made: map[string]*selection{}}
	for _, l := range p.Lookups {
		for _, name := range p.AskedBy(l) {
			c.keys[name] = true
		}
	}
	if c.keys[instantColumn] {
		return nil, fmt.Errorf("service %s is keyed by a column called %s, which is what the instant of a question is called", service, instantColumn)
	}
	derived := map[string]bool{}
	for i := range p.Definition.Views {
		v := &p.Definition.Views[i]
		derived[v.Name.Value] = !v.Source.Given()
	}
	for o, d := range p.Describe() {
		name, _, _ := strings.Cut(p.Outputs[o].Name, "__")
		i := slices.IndexFunc(c.views, func(v view) bool { return v.name == name })
		if i < 0 {
			i = len(c.views)
			c.views = append(c.views, view{name: name, derived: derived[d.View]})
		}
		c.views[i].outputs = append(c.views[i].outputs, o)
	}
	return c, nil
}

// find returns what a request names. Equal requests find one selection.
func (c *catalog) find(r *request) (*selection, error) {
	key := fmt.Sprintf("%t\x00%s\x00%s", r.full, r.service, strings.Join(r.features, "\x00"))
	c.mu.RLock()
	s := c.made[key]
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	outputs, err := c.outputs(r)
	if err != nil {
		return nil, err
	}
	if s, err = c.choose(outputs, r.full); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) < selectionsMost {
		c.made[strings.Clone(key)] = s
	}
	return s, nil
}

// outputs are the outputs that a request names, by view, derived views last: the order
// in which Feast answers.
func (c *catalog) outputs(r *request) ([]int, error) {
	if r.service != "" {
		if r.service != c.service {
			return nil, missing("feature service %s is not served here; %s is", quoted(r.service), c.service)
		}
		var all []int
		for _, v := range c.views {
			all = append(all, v.outputs...)
		}
		return c.ordered(all), nil
	}
	var all []int
	for _, name := range r.features {
		outputs, err := c.named(name)
		if err != nil {
			return nil, err
		}
		for _, o := range outputs {
			if slices.Contains(all, o) {
				return nil, wrong("feature %s is named twice", c.plan.Outputs[o].Name)
			}
			all = append(all, o)
		}
	}
	return c.ordered(all), nil
}

// named are the outputs of a name: VIEW:FEATURE as Feast has it, VIEW__FEATURE as
// training sets do, or VIEW for all of it.
func (c *catalog) named(name string) ([]int, error) {
	viewName, feature, one := strings.Cut(name, ":")
	if !one {
		viewName, feature, one = strings.Cut(name, "__")
	}
	i := slices.IndexFunc(c.views, func(v view) bool { return v.name == viewName })
	if i < 0 {
		var known []string
		for _, v := range c.views {
			known = append(known, v.name)
		}
		return nil, missing("feature view %s is not served here; %s", quoted(viewName), meant(viewName, known))
	}
	if !one {
		return c.views[i].outputs, nil
	}
	var known []string
	for _, o := range c.views[i].outputs {
		short := shortName(c.plan.Outputs[o].Name)
		if short == feature {
			return []int{o}, nil
		}
		known = append(known, short)
	}
	return nil, missing("feature view %s serves no feature %s; %s", viewName, quoted(feature), meant(feature, known))
}

// meant is the mend of a name that is not there.
func meant(name string, known []string) string {
	if len(name) <= 100 {
		if near := event.Nearest(name, known); near != "" {
			return "did you mean " + near + "?"
		}
	}
	if len(known) > 20 {
		known = append(known[:20:20], "...")
	}
	return "there are " + strings.Join(known, ", ")
}

// shortName is a column's name without its view.
func shortName(name string) string {
	_, short, _ := strings.Cut(name, "__")
	return short
}

// ordered puts outputs of one view beside each other and those of derived views last.
func (c *catalog) ordered(outputs []int) []int {
	rank := map[string]int{}
	place := func(o int) int {
		name, _, _ := strings.Cut(c.plan.Outputs[o].Name, "__")
		if _, known := rank[name]; !known {
			rank[name] = len(rank)
			if slices.ContainsFunc(c.views, func(v view) bool { return v.name == name && v.derived }) {
				rank[name] += len(c.views)
			}
		}
		return rank[name]
	}
	for _, o := range outputs {
		place(o) // in the order of the request
	}
	slices.SortStableFunc(outputs, func(a, b int) int { return place(a) - place(b) })
	return outputs
}

// choose makes the selection of some outputs.
func (c *catalog) choose(outputs []int, full bool) (*selection, error) {
	s := &selection{part: c.plan.Part(outputs), echoed: make([]bool, len(c.plan.Queries.Columns))}
	first := map[string]string{}
	for _, o := range outputs {
		name := c.plan.Outputs[o].Name
		of, _, _ := strings.Cut(name, "__")
		if !slices.Contains(s.views, of) {
			s.views = append(s.views, of)
		}
		shown := name
		if !full {
			shown = shortName(name)
		}
		if other := first[shown]; other != "" {
			return nil, wrong("two features are called %s, %s and %s; ask with full_feature_names: true", shown, other, name)
		}
		first[shown] = name
		s.names = append(s.names, shown)
	}
	for _, at := range s.part.Columns {
		f := c.plan.Queries.Columns[at]
		if f.Name == instantColumn {
			continue
		}
		s.needed = append(s.needed, at)
		s.echoed[at] = c.keys[f.Name]
	}
	return s, nil
}

// ascending is the rows of a column in content order.
func ascending(c *event.Column) []int {
	rows := make([]int, c.Len())
	for i := range rows {
		rows[i] = i
	}
	slices.SortFunc(rows, func(i, j int) int { return event.Compare(c, i, c, j) })
	return rows
}

// sources are the sources that a topic, or a source's own name, stands for.
func (s *Server) sources(p *features.Plan, topic string) []string {
	if of := s.o.Topics[topic]; of != nil {
		return of
	}
	for i := range p.Inputs {
		if name := p.Inputs[i].Source.Name.Value; name == topic && p.Inputs[i].Source.Stream != nil {
			return []string{name}
		}
	}
	return nil
}

// topics are the names that positions may be given by.
func (s *Server) topics(p *features.Plan) []string {
	all := slices.Collect(maps.Keys(s.o.Topics))
	for i := range p.Inputs {
		if p.Inputs[i].Source.Stream != nil {
			all = append(all, p.Inputs[i].Source.Name.Value)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
