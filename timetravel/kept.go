package timetravel

import "slices"

// Kept is which rows of a spine are answered, in its order: all of them until
// the first is left out. It takes a bit a row then.
type Kept struct {
	rows int
	bits []uint64 // nil: all rows are kept
}

// add appends n rows, of which those at the given places are kept; nil: all.
func (k *Kept) add(n int, places []int32) {
	if places != nil && k.bits == nil {
		k.bits = make([]uint64, 0, (k.rows+n)/64+1)
		k.fill(0, k.rows)
	}
	if k.bits != nil && places == nil {
		k.fill(k.rows, k.rows+n)
	}
	for k.bits != nil && len(k.bits)*64 < k.rows+n {
		k.bits = append(k.bits, 0)
	}
	for _, p := range places {
		row := k.rows + int(p)
		k.bits[row/64] |= 1 << (row % 64)
	}
	k.rows += n
}

// drop leaves out a row.
func (k *Kept) drop(row int) {
	if k.bits == nil {
		k.fill(0, k.rows)
	}
	k.bits[row/64] &^= 1 << (row % 64)
}

// count is how many rows are kept.
func (k Kept) count() int { return k.in(0, k.rows) }

// clone returns one that is not changed with it.
func (k Kept) clone() Kept { return Kept{rows: k.rows, bits: slices.Clone(k.bits)} }

// among returns the rows that are kept of k and then, counted among those, of others.
func (k Kept) among(others Kept) Kept {
	if others.bits == nil {
		return k
	}
	both, n := k.clone(), 0
	for row := range k.rows {
		if k.Has(row) {
			if !others.Has(n) {
				both.drop(row)
			}
			n++
		}
	}
	return both
}

// fill keeps rows from to to-1.
func (k *Kept) fill(from, to int) {
	for len(k.bits)*64 < to {
		k.bits = append(k.bits, 0)
	}
	for row := from; row < to; row++ {
		k.bits[row/64] |= 1 << (row % 64)
	}
}

// All reports whether every row is kept.
func (k Kept) All() bool { return k.bits == nil }

// Has reports whether a row is kept. One beyond the spine is, so that a spine
// that has grown meanwhile is found out.
func (k Kept) Has(row int) bool {
	return k.bits == nil || row >= k.rows || k.bits[row/64]>>(row%64)&1 == 1
}

// in is how many rows from to to-1 are kept.
func (k Kept) in(from, to int) (n int) {
	if k.bits == nil {
		return to - from
	}
	for row := from; row < to; row++ {
		if k.Has(row) {
			n++
		}
	}
	return n
}

// blocks is where the blocks of the output start, counted in rows that are kept, and
// where the last ends: a block is what is kept of so many rows of the spine, as
// carried columns come.
func (k Kept) blocks(rows int) []int {
	starts := []int{0}
	for raw := 0; raw < k.rows; raw += rows {
		starts = append(starts, starts[len(starts)-1]+k.in(raw, min(raw+rows, k.rows)))
	}
	return starts
}
