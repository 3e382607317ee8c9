package timetravel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// Entities finds whom a service can be asked about: the entities of one key of its
// questions that have an event which some window of its features holds at an instant.
// Of all others the answer is the empty value. The caller fills it and calls Find once.
//
// They are a grid of one instant, made of all views that are asked by the key, and not
// of one source; memory is that of a grid's entities.
type Entities struct {
	Plan *features.Plan // of a service as it is asked online
	Key  int            // place in Plan.Queries.Keys
	At   event.Time
	// History is Backfill.History.
	History func(in features.Input, reach event.Span) ([]event.Source, error)
	// Workers is how many goroutines read; at least one.
	Workers int
	// Hands is how many bytes the entities may take; 0: any.
	Hands int64
	// Progress is told how many rows were read; nil: nobody asks.
	Progress func(Progress)
}

// Views are places in Plan.Views: the views of events that are asked by the key. The
// versions of a dimension are no events, and make nobody active.
func (e *Entities) Views() (views []int) {
	for _, l := range e.Plan.Lookups {
		of := e.Plan.Inputs[e.Plan.Views[l.View].Input].Source
		if l.Key == e.Key && of.Dimension == nil && !slices.Contains(views, l.View) {
			views = append(views, l.View)
		}
	}
	return views
}

// Find reads the histories, and returns a source of the questions: what keys the
// entities, in the order of their values, and the instant, called as online.
func (e *Entities) Find(ctx context.Context) (event.Source, error) {
	key := &e.Plan.Queries.Keys[e.Key]
	g := &grid{GridPlan: &features.GridPlan{Instants: []event.Time{e.At}}, hands: e.Hands, made: true}
	for i, name := range key.Names() {
		g.GridPlan.Schema = append(g.GridPlan.Schema, event.Field{Name: name, Type: key.Types()[i]})
	}
	g.GridPlan.Schema = append(g.GridPlan.Schema, event.Field{Name: features.Instant, Type: event.Of(event.Timestamp)})
	g.clear()
	views := e.Views()
	if err := e.oneType(key, views); err != nil {
		return nil, err
	}
	var read atomic.Int64
	for in := range e.Plan.Inputs {
		own := slices.DeleteFunc(slices.Clone(views), func(v int) bool { return e.Plan.Views[v].Input != in })
		if len(own) == 0 {
			continue
		}
		if err := e.read(ctx, g, own, &read); err != nil {
			return nil, fmt.Errorf("read source %s: %w", e.Plan.Inputs[in].Source.Name.Value, err)
		}
	}
	return active{g}, g.arrange()
}

// oneType holds that a key is of one type in all views: scales of decimals may differ,
// as keys match by value, but one column has one.
func (e *Entities) oneType(key *features.QueryKey, views []int) error {
	for _, v := range views {
		for i, t := range e.Plan.Views[v].KeyTypes() {
			if want := key.Types()[i]; !t.Equal(want) {
				return fmt.Errorf("key %s of entity %s is %s in view %s and %s in another, and one column has one type; give it one under fields", key.Names()[i], key.Entity, t, e.Plan.Views[v].Name, want)
			}
		}
	}
	return nil
}

// read makes the entities active that events of one input make so: those that the
// given views take, each as far as its windows reach.
func (e *Entities) read(ctx context.Context, g *grid, views []int, read *atomic.Int64) error {
	in := e.Plan.Views[views[0]].Input
	parts, err := e.History(e.Plan.Inputs[in], Reach(e.Plan, in, event.Span{From: e.At, To: e.At.Later(1)}, true))
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range parts {
			p.Close()
		}
	}()
	var one sync.Mutex // held for g
	return each(ctx, e.Workers, len(parts), func(ctx context.Context, part int) error {
		defer parts[part].Close()
		var b event.Batch
		var ignored event.Counts // the run that answers counts
		for {
			if err := parts[part].Read(ctx, &b); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			clean := e.Plan.Inputs[in].Clean(&b, &ignored)
			for _, v := range views {
				view := e.Plan.Views[v]
				lo, hi := view.Layout.Reach(e.At, e.At)
				seen := view.Active(clean, event.Span{From: lo, To: hi}, &ignored)
				one.Lock()
				err := g.add(seen)
				one.Unlock()
				if err != nil {
					return err
				}
			}
			if n := read.Add(int64(b.Len)); e.Progress != nil {
				e.Progress(Progress{Stage: "entities", Done: n})
			}
		}
	})
}

// active is entities whose events were read and closed.
type active struct{ *grid }

// Close has nothing to do.
func (active) Close() error { return nil }

// Counted is nothing: the run that answers counts what is noteworthy of the events.
func (active) Counted() event.Counts { return event.Counts{} }
