package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// Verdict is what was found out about a file.
type Verdict struct {
	Number int64
	Name   string
	Whole  bool // it is a checkpoint, or says so
	Bytes  int64
	Runs   int64 // that were decoded
	Rows   int64 // that were decoded
	Faults []string
}

// Verify reads all of every file, holds it against its sums, decodes every row and every
// run, and makes sure that the chain of each checkpoint is there.
func (k *Reader) Verify(ctx context.Context) ([]Verdict, error) {
	all, err := k.list(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", k.path, ErrNone)
	}
	files, links := map[int64]File{}, map[int64]bool{}
	var verdicts []Verdict
	var chains [][]File
	for _, f := range all {
		v := Verdict{Number: f.number, Name: k.place.name(f.number), Bytes: f.bytes}
		o, err := k.open(ctx, f.number, true)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			v.Faults = append(v.Faults, err.Error())
			verdicts, chains = append(verdicts, v), append(chains, nil)
			continue
		}
		v.Whole = o.manifest.Whole
		v.sections(o)
		if len(v.Faults) == 0 {
			files[f.number] = o.file()
		}
		for _, link := range o.manifest.Chain {
			links[link.Number] = true
		}
		verdicts, chains = append(verdicts, v), append(chains, o.manifest.Chain)
		if err := o.Close(); err != nil {
			return nil, err
		}
	}
	for i := range verdicts {
		v := &verdicts[i]
		for _, link := range chains[i] {
			// What is only kept for a newer one need not have what it was restored with.
			if files[link.Number] != link && !links[v.Number] {
				v.faultf("checkpoint %s: it needs checkpoint %d (%d bytes, crc32c %s), which is not there as it was", v.Name, link.Number, link.Bytes, link.Sum)
			}
		}
	}
	return verdicts, nil
}

func (v *Verdict) faultf(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// sections decodes all sections of a file; of each view the first says how.
func (v *Verdict) sections(o *opened) {
	var buffer []byte
	views := o.manifest.State.Views
	check := &checker{rows: &v.Rows, runs: &v.Runs}
	o.Each(func(view, number, rows int) error {
		buffer = buffer[:0]
		section, err := o.Section(view, number, &buffer)
		if err == nil && view >= len(views) {
			err = errors.New("it is of a view that its head does not name")
		}
		if err == nil {
			err = check.section(number, rows, section)
		}
		if err != nil {
			name := fmt.Sprint(view)
			if view < len(views) {
				name = views[view].Name
			}
			v.faultf("checkpoint %s: %v: %s of view %s: %v", v.Name, ErrDamaged, sectionName(number), name, plain(err))
		}
		return nil
	})
}

func sectionName(number int) string {
	switch {
	case number == layoutSection:
		return "the layout"
	case number >= basesSection:
		return fmt.Sprintf("key group %d", number-basesSection)
	}
	return fmt.Sprintf("section %d of the rows", number-rowsSection+1)
}

// checker decodes the sections of one view after the other.
type checker struct {
	layout     *aggregate.Layout
	rows, runs *int64
}

var errLayout = errors.New("it does not say how runs are read")

func (c *checker) section(number, rows int, b []byte) error {
	if number == layoutSection {
		c.layout = new(aggregate.Layout)
		if err := json.Unmarshal(b, c.layout); err != nil || !sound(c.layout) {
			c.layout = nil
			return errLayout
		}
		c.layout.Prepare()
		return nil
	}
	if c.layout == nil {
		return errLayout
	}
	if number >= basesSection {
		return c.base(number-basesSection, rows, b)
	}
	found := 0
	err := shelf.UnpackRows(b, c.layout.Columns, func(p *shelf.Piece) error { found += p.Len; return nil })
	if err == nil && found != rows {
		err = fmt.Errorf("it has %d rows, and %d were written", found, rows)
	}
	*c.rows += int64(found)
	return err
}

// base decodes the runs of a key group.
func (c *checker) base(group, runs int, b []byte) error {
	h, err := shelf.UnpackHeld(b, nil)
	if err != nil {
		return err
	}
	if len(h.Keys) != runs || h.Bases == nil {
		return fmt.Errorf("it has %d runs, and %d were written", len(h.Keys), runs)
	}
	symbols := event.NewSymbols()
	run := aggregate.NewRun(c.layout, symbols, new(event.Counts))
	for i, key := range h.Keys {
		if event.KeyGroup(key) != group {
			return fmt.Errorf("run %d is of key group %d", i+1, event.KeyGroup(key))
		}
		rest, err := run.Restore(h.Bases[i], symbols)
		if err != nil || len(rest) > 0 {
			return fmt.Errorf("run %d cannot be decoded", i+1)
		}
	}
	*c.runs += int64(runs)
	return nil
}

// sound reports whether a layout that somebody may have written by hand names only
// columns that it has, of types that runs keep, and aggregates that there are.
func sound(l *aggregate.Layout) bool {
	column := func(c int) bool { return c >= 0 && c < len(l.Columns) }
	for _, t := range l.Columns {
		if !t.Scalar() || t.Kind > event.Map {
			return false
		}
	}
	for i := range l.Slots {
		s := &l.Slots[i]
		columns := slices.Concat(s.Args, s.By)
		if s.Filter >= 0 {
			columns = append(columns, s.Filter)
		}
		if s.Aggregate > aggregate.DistinctLast || len(s.By) > 1 || slices.ContainsFunc(columns, func(c int) bool { return !column(c) }) {
			return false
		}
		if s.Filter >= 0 && l.Columns[s.Filter].Kind != event.Bool || len(s.Args) == 0 && s.Aggregate != aggregate.Count {
			return false
		}
	}
	for _, o := range l.OrderBy {
		if !column(o.Column) {
			return false
		}
	}
	return (l.ID < 0 || column(l.ID)) && !slices.ContainsFunc(slices.Concat(l.Version, l.Content), func(c int) bool { return !column(c) })
}
