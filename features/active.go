package features

import "github.com/timeseam/timeseam/features/event"

// Instant is what the column of a service's questions is called that holds the instant.
const Instant = "event_timestamp"

// Names are the columns of a question that hold the key, as a service asks for it.
func (k *QueryKey) Names() []string {
	names := make([]string, len(k.named))
	for i, t := range k.named {
		names[i] = t.Value
	}
	return names
}

// Types are those of these columns in the events that are asked for.
func (k *QueryKey) Types() []event.Type { return k.types }

// KeyTypes are the types of what keys the view's events.
func (v *PlannedView) KeyTypes() []event.Type {
	types := make([]event.Type, len(v.keys))
	for i, e := range v.keys {
		types[i] = e.Type
	}
	return types
}

// Active is the events of a batch of the view's input that the view takes and that
// happened within a span: what keys them makes its entity active, at one instant. An
// event is taken as Take takes it: where comes first, then time, then key.
func (v *PlannedView) Active(b *event.Batch, within event.Span, n *event.Counts) Active {
	if v.where != nil {
		passed := newSelection(b.Len)
		passed.keep(v.where.Eval(b, n))
		b = passed.batch(b)
	}
	taken := newSelection(b.Len)
	at := v.time.Eval(b, n)
	n[event.NoTime] += taken.dropNulls(at.Null)
	taken.filter(func(i int) bool { return event.Time(at.Ints[i]) >= within.From && event.Time(at.Ints[i]) < within.To })
	columns := evaluate(v.keys, b, n)
	hashes, null := event.Keys(columns, b.Len, nil)
	n[event.NoKey] += taken.dropNulls(null)
	keyed := taken.batch(&event.Batch{Len: b.Len, Columns: columns})
	a := Active{Keys: pick(taken, hashes), Columns: keyed.Columns, From: make([]int32, taken.len()), To: make([]int32, taken.len())}
	for i := range a.To {
		a.To[i] = 1
	}
	return a
}
