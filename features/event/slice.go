package event

// Slice returns rows i to j-1 of a column of single values, sharing its vectors.
// A value written to either is seen in both; an append to the slice is not (cut).
func (c *Column) Slice(i, j int) Column {
	s := Column{Type: c.Type, Dict: c.Dict, Null: cut(c.Null, i, j), Ints: cut(c.Ints, i, j), Floats: cut(c.Floats, i, j),
		Decimals: cut(c.Decimals, i, j), Codes: cut(c.Codes, i, j)}
	if c.Type.Kind == Null {
		s.Rows = j - i
	}
	return s
}

// cut bounds the capacity too, so that appending to a slice copies and never
// writes into the rows behind it.
func cut[T any](v []T, i, j int) []T {
	if v == nil {
		return nil
	}
	return v[i:j:j]
}
