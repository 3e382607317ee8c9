package features

import (
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Clean returns a batch of the input with null in place of NaN where its source
// says so, and counts them; else the batch itself (S8.5). What expressions make
// of it afterwards is theirs. Vectors are copied: they are the source's own.
func (in *Input) Clean(b *event.Batch, n *event.Counts) *event.Batch {
	if !in.Source.NaN.Given() {
		return b
	}
	clean := *b
	clean.Columns = slices.Clone(b.Columns)
	for i := range clean.Columns {
		if c := &clean.Columns[i]; c.Type.Kind == event.Double {
			n[event.NaNNull] += withoutNaN(c)
		}
	}
	return &clean
}

// withoutNaN makes a column's NaNs null and returns how many there were.
func withoutNaN(c *event.Column) (found int64) {
	for i, x := range c.Floats {
		if x == x {
			continue
		}
		if found == 0 {
			c.Floats = slices.Clone(c.Floats)
			null := make([]bool, len(c.Floats))
			copy(null, c.Null)
			c.Null = null
		}
		found++
		c.Floats[i], c.Null[i] = 0, true
	}
	return found
}

// RefuseOwn is Refuse of the rows of a spine that are events themselves: what is
// counted of the spine.
func (p *Plan) RefuseOwn(n *event.Counts) error {
	for i, o := range p.Queries.events {
		if o != nil {
			if err := p.Inputs[i].Refuse(n); err != nil {
				return fmt.Errorf("the spine, whose rows are events themselves: %w", err)
			}
		}
	}
	return nil
}

// Refuse returns an error where the input had NaNs and its source rejects them.
func (in *Input) Refuse(n *event.Counts) error {
	if in.Source.NaN.Value == "reject" && n[event.NaNNull] > 0 {
		return fmt.Errorf("source %s has %d NaN in the columns that are read, and says nan: reject; mend the data, or say nan: null", in.Source.Name.Value, n[event.NaNNull])
	}
	return nil
}
