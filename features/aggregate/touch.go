package aggregate

import "github.com/timeseam/timeseam/features/event"

// A run that was not touched of late is in no cache, and what it needs for an event or a
// question lies in a dozen places, each found by the one before. Who has many runs to come
// reads a little of each first, run after run: the processor then waits for many of them at
// once. These two only read; what they return is of no meaning.

// TouchEnd reads where the next event will most likely go.
func (r *Run) TouchEnd() (x uint64) {
	if n := len(r.times); n > 0 {
		x = uint64(r.times[n-1])
	}
	for c := range r.columns {
		col := &r.columns[c]
		switch n := len(r.times) - 1; {
		case n < 0:
		case n < len(col.Floats):
			x += uint64(col.Floats[n])
		case n < len(col.Ints):
			x += uint64(col.Ints[n])
		case n < len(col.Codes):
			x += uint64(col.Codes[n])
		}
	}
	return x
}

// TouchRanges reads where the windows of the next question will most likely begin and end.
func (r *Run) TouchRanges() (x uint64) {
	for w := range r.hints {
		if i := r.hints[w].i; i < len(r.times) && r.times[i] > event.MinTime {
			x++
		}
	}
	for f := range r.folds {
		switch f := r.folds[f].(type) { // far cheaper than a method of all
		case *sums:
			x += f.touch(r.hints)
		case *extremes:
			x += f.touch(r.hints)
		}
	}
	return x
}

func (f *sums) touch(near []hint) (x uint64) {
	for w := range near {
		if i := near[w].i; i < len(f.prefix) {
			x += f.prefix[i].Lo
		}
	}
	if n := len(f.prefix); n > 0 {
		x += f.prefix[n-1].Lo
	}
	return x
}

func (f *extremes) touch(near []hint) (x uint64) {
	by := 1
	for _, level := range f.levels {
		for w := range near {
			if i := near[w].i / by; i < len(level) {
				x += level[i]
			}
		}
		if n := len(level); n > 0 {
			x += level[n-1]
		}
		by *= fan
	}
	return x
}
