package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/urfave/cli/v2"
)

func timelineCommand() *cli.Command {
	return &cli.Command{
		Name:      "timeline",
		Usage:     "show one entity's events, and its features over time",
		ArgsUsage: "SPEC",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "entity", Aliases: []string{"e"}, Usage: "whose: account=A17; an entity of several columns country=NO,merchant_id=7"},
			&cli.StringSliceFlag{Name: "view", Usage: "only features of these views"},
			&cli.StringSliceFlag{Name: "features", Usage: "only these columns: spend__total or spend.total, which is all windows of a feature too"},
			&cli.StringSliceFlag{Name: "request", Usage: "fields that derived views read: amount=12.5; null where not given"},
			&cli.StringFlag{Name: "from", Usage: "the first instant that is shown"},
			&cli.StringFlag{Name: "to", Usage: "the last instant that is shown; features are asked there too"},
			&cli.StringFlag{Name: "every", Usage: "also ask in steps of so much: 1h"},
			&cli.BoolFlag{Name: "csv", Usage: "print as CSV"},
			jsonFlag("print as JSON"),
		},
		OnUsageError: usageError,
		Action:       timeline,
	}
}

// history is one entity on its way through time.
type history struct {
	def     *features.Definition
	in      *inputs
	plan    *features.Plan
	who     []pair // the columns that key the entity, and their values
	given   []pair // these and the request's fields
	keys    []event.Hash
	nulls   []bool
	kept    []*event.Batch // the entity's rows, by input of the plan
	events  []happening
	asked   []event.Time
	answers *event.Batch
}

// happening is an event of the entity: one row of one source.
type happening struct {
	at    event.Time
	input int
	row   int // in kept
}

// pair is a name and what was written for it.
type pair struct{ name, value string }

func timeline(c *cli.Context) error {
	spec, err := oneArgument(c, "one definition")
	if err != nil {
		return err
	}
	if c.Bool("csv") && c.Bool("json") {
		return wrongf("--csv and --json both want standard output; give one")
	}
	span, err := newSpan(c.String("from"), c.String("to"), c.String("every"))
	if err != nil {
		return err
	}
	h := &history{}
	if err := h.open(c, spec); err != nil {
		return err
	}
	if err := h.gather(c.Context); err != nil {
		return err
	}
	if h.asked, err = span.instants(h.events); err != nil {
		return err
	}
	if err := h.ask(c.Context); err != nil {
		return err
	}
	switch {
	case c.Bool("json"):
		return h.printJSON(c.App.Writer)
	case c.Bool("csv"):
		return h.printCSV(c.App.Writer)
	}
	h.print(c.App.Writer)
	return nil
}

// open compiles a plan for the features that are wanted, and the entity's key.
func (h *history) open(c *cli.Context, spec string) error {
	in, whole, err := openWhole(c.Context, spec)
	if err != nil {
		return err
	}
	h.in, h.def = in, in.def
	entity, err := pairs("entity", c.StringSlice("entity"))
	if err != nil {
		return err
	}
	request, err := pairs("request", c.StringSlice("request"))
	if err != nil {
		return err
	}
	if err := once("request", request); err != nil {
		return err
	}
	columns, err := h.columnsOf(entity)
	if err != nil {
		return err
	}
	wanted, err := h.wanted(whole, c, columns)
	if err != nil {
		return err
	}
	h.plan, err = features.Compile(rehearsing(h.def, listed(wanted...)), in.catalog(), rehearsed)
	if err != nil {
		return err
	}
	if err := in.needed(h.plan); err != nil {
		return err
	}
	return h.key(columns, request)
}

// needed returns the error of a history that a plan reads and that is not there.
func (in *inputs) needed(plan *features.Plan) error {
	for _, i := range plan.Inputs {
		if err := in.missing["source "+i.Source.Name.Value]; err != nil {
			return err
		}
	}
	return nil
}

// pairs takes NAME=VALUE apart. A part without = belongs to the value before it,
// which had a comma.
func pairs(flag string, given []string) (all []pair, err error) {
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case ok && name != "":
			all = append(all, pair{strings.TrimSpace(name), value})
		case !ok && len(all) > 0:
			all[len(all)-1].value += "," + text
		default:
			return nil, wrongf("--%s %s; give NAME=VALUE", flag, visible(text))
		}
	}
	return all, nil
}

// once refuses a name that is given twice: one of its values would not count.
func once(flag string, given []pair) error {
	for i, g := range given {
		for _, before := range given[:i] {
			if before.name == g.name {
				return wrongf("--%s %s stands twice, as %s and %s; give it once", flag, g.name, visible(before.value), visible(g.value))
			}
		}
	}
	return nil
}

// columnsOf makes columns of what --entity says: an entity of one column may be
// called by its own name.
func (h *history) columnsOf(given []pair) ([]pair, error) {
	var names []string
	columns := map[string]string{}
	for _, e := range h.def.Entities {
		for _, c := range e.Columns {
			names = append(names, c.Value)
			columns[c.Value] = c.Value
		}
	}
	for _, e := range h.def.Entities {
		names = append(names, e.Name.Value)
		if len(e.Columns) == 1 && columns[e.Name.Value] == "" {
			columns[e.Name.Value] = e.Columns[0].Value
		}
	}
	if len(given) == 0 {
		return nil, wrongf("timeline needs an entity; write --entity NAME=VALUE, where NAME is one of %s", strings.Join(names, ", "))
	}
	for i, g := range given {
		if columns[g.name] == "" && entityCalled(h.def, g.name) != nil {
			return nil, wrongf("--entity %s: the entity is keyed by %s; give each of them", g.name, columnList(entityCalled(h.def, g.name)))
		}
		if columns[g.name] == "" {
			return nil, wrongf("--entity %s: no entity is called so, or keyed by it%s", g.name, nearestOf(g.name, names))
		}
		given[i].name = columns[g.name]
	}
	return given, once("entity", given)
}

func columnList(e *features.Entity) string {
	var names []string
	for _, c := range e.Columns {
		names = append(names, c.Value)
	}
	if len(names) == 0 {
		return "no column"
	}
	return strings.Join(names, ", ")
}

// wanted is what the service of the rehearsal lists: the views that the columns
// can be asked for, or of these what --view and --features name.
func (h *history) wanted(whole *features.Plan, c *cli.Context, given []pair) (wanted []string, err error) {
	var views, columns []string
	for _, v := range h.def.Views {
		views = append(views, v.Name.Value)
	}
	for _, d := range whole.Describe() {
		columns = append(columns, d.Name)
	}
	for _, name := range c.StringSlice("view") {
		if !slices.Contains(views, name) {
			return nil, wrongf("--view %s: no view is called so%s", visible(name), nearestOf(name, views))
		}
		wanted = append(wanted, name)
	}
	for _, name := range c.StringSlice("features") {
		called := columnsCalled(whole, name)
		if len(called) == 0 {
			return nil, wrongf("--features %s: there is no such column%s", visible(name), nearestOf(strings.Replace(name, ".", "__", 1), columns))
		}
		for _, column := range called {
			if c := strings.Replace(column, "__", ".", 1); !slices.Contains(wanted, c) {
				wanted = append(wanted, c)
			}
		}
	}
	for _, name := range wanted {
		view, _, _ := strings.Cut(name, ".")
		for _, key := range keysOf(h.def, view) {
			if !has(given, key) {
				return nil, wrongf("view %s is asked by %s; add --entity %s=VALUE", view, strings.Join(keysOf(h.def, view), ", "), key)
			}
		}
	}
	if len(wanted) > 0 {
		return slices.Compact(wanted), nil
	}
	for _, name := range views {
		keys := keysOf(h.def, name)
		if len(keys) > 0 && !slices.ContainsFunc(keys, func(k string) bool { return !has(given, k) }) {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return nil, wrongf("no view is asked by %s alone; give the other columns of the entity too", given[0].name)
	}
	return wanted, nil
}

func has(given []pair, name string) bool {
	return slices.ContainsFunc(given, func(p pair) bool { return p.name == name })
}

// key makes the one question that all questions of the timeline are but for their
// instant, and the hashes of its keys.
func (h *history) key(entity, request []pair) error {
	columns := h.plan.Queries.Columns
	for _, p := range request {
		if columns.Index(p.name) < 0 || has(entity, p.name) {
			return wrongf("--request %s: none of the features reads such a field%s", p.name, nearestOf(p.name, names(columns)))
		}
	}
	h.who, h.given = entity, slices.Concat(entity, request)
	q, err := h.question(0)
	if err != nil {
		return err
	}
	var n event.Counts
	queries := h.plan.NewQueries(q, &n)
	for k := range queries.Keys {
		h.keys = append(h.keys, queries.Keys[k][0])
		h.nulls = append(h.nulls, queries.NoKey[k] != nil && queries.NoKey[k][0])
	}
	return nil
}

// question is the one row of a spine that asks at an instant.
func (h *history) question(at event.Time) (*event.Batch, error) {
	q := emptyBatch(h.plan.Queries.Columns)
	q.Len = 1
	for i, f := range h.plan.Queries.Columns {
		c := &q.Columns[i]
		k := slices.IndexFunc(h.given, func(p pair) bool { return p.name == f.Name })
		switch {
		case f.Name == instantColumn:
			c.AppendInt(int64(at))
		case k < 0:
			c.AppendNull()
		default:
			if err := appendWritten(c, h.given[k].value); err != nil {
				return nil, wrongf("%s=%s: %w", f.Name, h.given[k].value, err)
			}
		}
	}
	return q, nil
}

// gather reads the histories and keeps the entity's rows. Nothing else of a
// history is held beyond its batch.
func (h *history) gather(ctx context.Context) error {
	for i, in := range h.plan.Inputs {
		all := emptyBatch(in.Columns)
		h.kept = append(h.kept, all)
		parts, err := historyParts(&in, h.in.histories[in.Source.Name.Value], nil, 1)
		if err != nil {
			return err
		}
		for _, part := range parts {
			if err := h.keep(ctx, i, part); err != nil {
				return fmt.Errorf("read history of source %s: %w", in.Source.Name.Value, err)
			}
		}
	}
	for i := range h.kept {
		h.happenings(i)
	}
	slices.SortStableFunc(h.events, func(a, b happening) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.input, b.input))
	})
	return nil
}

// keep keeps of a part the rows of input i that any view takes for the entity's.
func (h *history) keep(ctx context.Context, i int, part event.Source) error {
	defer part.Close()
	var b event.Batch
	var n event.Counts
	for {
		err := part.Read(ctx, &b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		mine := make([]bool, b.Len)
		for _, l := range h.plan.Lookups {
			v := h.plan.Views[l.View]
			if v.Input != i || h.nulls[l.Key] {
				continue
			}
			keys, null := v.KeysOf(&b, &n)
			for row, k := range keys {
				mine[row] = mine[row] || k == h.keys[l.Key] && (null == nil || !null[row])
			}
		}
		for row, is := range mine {
			if is {
				appendRow(h.kept[i], &b, row)
			}
		}
	}
}

// happenings notes the events of input i that any view takes, one by one: a row
// has its place only so.
func (h *history) happenings(i int) {
	var n event.Counts
	for row := range h.kept[i].Len {
		one := emptyBatch(h.plan.Inputs[i].Columns)
		appendRow(one, h.kept[i], row)
		for _, v := range h.plan.Views {
			if v.Input != i {
				continue
			}
			if r := v.Rows(one, &n); len(r.Times) > 0 {
				h.events = append(h.events, happening{r.Times[0], i, row})
				break
			}
		}
	}
}

// ask has the engine answer at every instant.
func (h *history) ask(ctx context.Context) error {
	spine := emptyBatch(h.plan.Queries.Columns)
	for _, at := range h.asked {
		q, err := h.question(at)
		if err != nil {
			return err
		}
		appendRow(spine, q, 0)
	}
	r := rehearsal{plan: h.plan, histories: h.kept, spine: spine, way: way{workers: 1, parts: 1}}
	var err error
	h.answers, _, err = r.run(ctx)
	return err
}

// span is which instants a timeline asks at.
type span struct {
	from, to  event.Time
	toGiven   bool
	fromGiven bool
	every     time.Duration
}

// instantsMax is how many instants a timeline asks at, at most.
const instantsMax = 100_000

func newSpan(from, to, every string) (s span, err error) {
	s.from, s.to = event.MinTime, event.MaxTime
	if s.fromGiven = from != ""; s.fromGiven {
		if s.from, err = event.ParseTime(from); err != nil {
			return s, wrongf("--from: %w", err)
		}
	}
	if s.toGiven = to != ""; s.toGiven {
		if s.to, err = event.ParseTime(to); err != nil {
			return s, wrongf("--to: %w", err)
		}
	}
	if s.from > s.to {
		return s, wrongf("--from %s is after --to %s", from, to)
	}
	if every != "" {
		micros, err := features.ParseDuration(every)
		if err != nil || micros <= 0 {
			return s, wrongf("--every %s; give a whole number and one of us, ms, s, m, h, d, such as 1h", every)
		}
		s.every = time.Duration(micros) * time.Microsecond
	}
	return s, nil
}

// instants is each event's own instant, the steps between, and the end: --to or
// just after the last event.
func (s span) instants(events []happening) (all []event.Time, err error) {
	first, last := s.from, s.to
	for _, e := range events {
		if e.at >= s.from && e.at <= s.to {
			if len(all) == 0 && !s.fromGiven {
				first = e.at
			}
			all = append(all, e.at)
		}
	}
	if !s.toGiven && len(all) > 0 {
		last = later(all[len(all)-1], time.Microsecond)
	}
	if len(all) == 0 && (!s.toGiven || s.every > 0 && !s.fromGiven) {
		if s.toGiven {
			return []event.Time{s.to}, nil
		}
		return nil, fmt.Errorf("the entity has no event in what is read; give --to, an instant at which to ask")
	}
	all = append(all, last)
	if s.every > 0 {
		for at, n := first, 0; at < last; at, n = later(at, s.every), n+1 {
			if n == instantsMax {
				return nil, wrongf("--every gives more than %d instants; take longer steps, or give --from and --to", instantsMax)
			}
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// later is an instant so much after at, or the end of time.
func later(at event.Time, by time.Duration) event.Time {
	if t := event.Time(time.UnixMicro(int64(at)).Add(by).UnixMicro()); t > at {
		return t
	}
	return event.MaxTime
}
