package serve

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// reply is a request's answer, before it is spelled.
type reply struct {
	catalog  *catalog
	selected *selection
	asked    *event.Batch // of Plan.Queries.Columns
	echoed   []int        // the columns of it that the answer repeats, in the order of the request
	answer   *live.Answer
	times    []event.Time // of each row
	views    bool

	progress Progress
	awaited  bool // positions were given
	reached  bool // and are applied
}

// ask answers a request.
func (s *Server) ask(ctx context.Context, r *request) (*reply, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	c := s.catalog.Load()
	selected, err := c.find(r)
	if err != nil {
		return nil, err
	}
	a := &reply{catalog: c, selected: selected, views: r.views}
	if err := a.questions(r); err != nil {
		return nil, err
	}
	if err := s.await(ctx, a, r); err != nil {
		return nil, err
	}
	if a.answer, err = c.engine.AskPart(a.asked, selected.part); err != nil {
		if errors.Is(err, live.ErrForgotten) {
			return nil, wrong("%s", err)
		}
		return nil, err
	}
	for i, t := range a.times {
		if t == event.MinTime {
			a.times[i] = a.answer.At
		}
	}
	a.progress = Progress{Watermark: event.MinTime, Staleness: -1}
	if s.o.Progress != nil {
		a.progress = s.o.Progress()
	}
	return a, nil
}

// questions makes the batch that a request asks.
func (a *reply) questions(r *request) error {
	p := a.catalog.plan
	rows, err := r.rows()
	if err != nil {
		return err
	}
	a.asked = &event.Batch{Len: rows, Columns: make([]event.Column, len(p.Queries.Columns))}
	given := make([]bool, len(p.Queries.Columns))
	for i := range r.entities {
		g := &r.entities[i]
		at := p.Queries.Columns.Index(g.name)
		if at < 0 || g.name == instantColumn {
			return a.catalog.noColumn(g.name)
		}
		given[at] = true
		if !slices.Contains(a.selected.needed, at) {
			continue // another selection of the service needs it
		}
		if a.asked.Columns[at], err = columnOf(g, p.Queries.Columns[at].Type); err != nil {
			return err
		}
		if a.selected.echoed[at] {
			a.echoed = append(a.echoed, at)
		}
	}
	for _, at := range a.selected.needed {
		if !given[at] {
			return wrong("entities has no %s, which these features need", p.Queries.Columns[at].Name)
		}
	}
	a.times = make([]event.Time, rows)
	for i := range a.times {
		switch len(r.asOf) {
		case 0:
			a.times[i] = event.MinTime
		case 1:
			a.times[i] = r.asOf[0]
		default:
			a.times[i] = r.asOf[i]
		}
	}
	for at, f := range p.Queries.Columns {
		if c := &a.asked.Columns[at]; f.Name == instantColumn {
			*c = instants(a.times)
		} else if c.Type.Kind == event.Unknown {
			*c = event.Make(f.Type)
			for range rows {
				c.AppendNull() // nobody looks at it
			}
		}
	}
	return nil
}

// rows is how many rows a request has: as many as each of its columns, and one where
// it has none.
func (r *request) rows() (int, error) {
	rows := 1
	for i, g := range r.entities {
		if i > 0 && len(g.values) != rows {
			return 0, wrong("%s has %d values and %s has %d; give each row a value of both", quoted(g.name), len(g.values), quoted(r.entities[0].name), rows)
		}
		rows = len(g.values)
	}
	switch {
	case rows > r.most:
		return 0, r.tooMany(strconv.Itoa(rows))
	case len(r.asOf) > 1 && len(r.asOf) != rows:
		return 0, wrong("as_of has %d instants and the request has %d rows; give one, or one for each row", len(r.asOf), rows)
	}
	return rows, nil
}

// noColumn is the refusal of a name that no feature of the service is asked by.
func (c *catalog) noColumn(name string) error {
	if name == instantColumn {
		return wrong("%s is no entity; give the instant of the question as as_of", name)
	}
	var known []string
	for _, f := range c.plan.Queries.Columns {
		if f.Name != instantColumn {
			known = append(known, f.Name)
		}
	}
	if len(known) == 0 {
		return missing("service %s is asked without entities, and has no %s", c.service, quoted(name))
	}
	return missing("service %s is asked by no %s; %s", c.service, quoted(name), meant(name, known))
}

// columnOf makes a column of what a request gives.
func columnOf(g *given, t event.Type) (event.Column, error) {
	c := event.Make(t)
	c.Grow(len(g.values))
	for i, v := range g.values {
		if !coerce(&c, v) {
			return c, wrong("%s of row %d is %s, and must be %s", quoted(g.name), i, shown(v), wanted(t))
		}
	}
	return c, nil
}

// shown is a value of a client in a sentence.
func shown(v []byte) string {
	if len(v) > 40 {
		return strings.ToValidUTF8(string(v[:40]), "") + "..."
	}
	return string(v)
}

// instants is the column of the questions' own; MinTime: a question has none.
func instants(times []event.Time) event.Column {
	c := event.Make(event.Of(event.Timestamp))
	for _, t := range times {
		if t == event.MinTime {
			c.AppendNull()
		} else {
			c.AppendInt(int64(t))
		}
	}
	return c
}

// await waits for the positions of a request. A request that waited in vain is
// answered all the same, and told so: what is known may do.
func (s *Server) await(ctx context.Context, a *reply, r *request) error {
	if len(r.positions) == 0 {
		return nil
	}
	these, err := s.positions(a.catalog, r)
	if err != nil {
		return err
	}
	wait := s.o.Wait
	if r.wait >= 0 {
		if wait = r.wait; wait > s.o.Wait {
			return wrong("wait is %s, and at most %s is waited", r.wait, s.o.Wait)
		}
	}
	a.awaited = true
	select {
	case s.waits <- struct{}{}:
		defer func() { <-s.waits }()
	default:
		return &refusal{code: http.StatusServiceUnavailable, problem: "too many requests wait for positions", again: 1}
	}
	bounded, stop := context.WithTimeout(ctx, wait)
	defer stop()
	a.reached = a.catalog.engine.Wait(bounded, these) == nil
	return ctx.Err()
}

// positions are a request's as the engine has them: what a client names is a record
// that must be applied, the engine's position is the first that is not.
func (s *Server) positions(c *catalog, r *request) (live.Positions, error) {
	these := live.Positions{}
	for key, offset := range r.positions {
		topic, partition, found := cutLast(key, '/')
		n, err := strconv.ParseUint(partition, 10, 31)
		if !found || err != nil {
			return nil, wrong("position %s names no partition; write TOPIC/PARTITION, such as \"transactions/0\"", quoted(key))
		}
		of := s.sources(c.plan, topic)
		if of == nil {
			return nil, missing("no stream of the service is called %s; %s", quoted(topic), meant(topic, s.topics(c.plan)))
		}
		for _, source := range of {
			if these[source] == nil {
				these[source] = map[int32]int64{}
			}
			these[source][int32(n)] = max(these[source][int32(n)], offset+1)
		}
	}
	return these, nil
}

// cutLast cuts a text at the last of a character.
func cutLast(text string, at byte) (before, after string, found bool) {
	i := strings.LastIndexByte(text, at)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// known reports whether the key that output i of a reply asked by has events. What is
// derived is computed of whatever there is.
func (a *reply) known(i, row int) bool {
	from := a.selected.part.From[i]
	return from < 0 || a.answer.Known[from][row]
}
