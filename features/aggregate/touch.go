package aggregate

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
		h := r.hints[w]
		if h.i < len(r.times) {
			x += uint64(r.times[h.i])
		}
	}
	for f := range r.folds {
		if t, can := r.folds[f].(toucher); can {
			for w := range r.hints {
				x += t.touch(r.hints[w])
			}
		}
	}
	return x
}

// toucher is a fold that reads what it will most likely read of a range.
type toucher interface{ touch(h hint) uint64 }

func (f *sums) touch(h hint) (x uint64) {
	if h.i < len(f.prefix) {
		x = f.prefix[h.i].Lo
	}
	if n := len(f.prefix); n > 0 {
		x += f.prefix[n-1].Lo
	}
	return x
}

func (f *extremes) touch(h hint) (x uint64) {
	i := h.i
	for l := range f.levels {
		a := f.levels[l]
		if i < len(a) {
			x += a[i]
		}
		if n := len(a); n > 0 {
			x += a[n-1]
		}
		i /= fan
	}
	return x
}
