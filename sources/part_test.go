package sources

import (
	"errors"
	"io"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestEndedPartsHoldNothing holds that a part at its end keeps what it has counted
// and no vectors: a table has a part for each file, and a run keeps all of them.
func TestEndedPartsHoldNothing(t *testing.T) {
	table := find(t, "testdata/out_of_type.parquet")
	parts, err := table.Parts([]string{"u64", "ms"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		var b event.Batch
		for {
			if err := p.Read(t.Context(), &b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		part := p.(*part)
		for _, c := range part.cursors {
			if c.null != nil || c.col.Ints != nil || c.col.Codes != nil || c.dict != nil || c.pages != nil {
				t.Errorf("column %s of a part at its end holds vectors", c.name)
			}
		}
		if n := part.Counted()[event.OutOfType]; n != 4 {
			t.Errorf("a part at its end has counted %d values out of type, want 4", n)
		}
	}
}
