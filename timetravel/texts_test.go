package timetravel

import (
	"fmt"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// textBatch is a column that has every text once, of a dictionary of its own.
func textBatch(texts ...string) event.Column {
	c := event.Make(event.Of(event.String))
	for i := len(texts) - 1; i >= 0; i-- {
		c.Dict.Add([]byte(texts[i]))
	}
	for i := range texts {
		c.AppendCode(uint32(len(texts) - 1 - i))
	}
	return c
}

// TestFewTextsAreHeldOnce gives batches that repeat their texts one dictionary, and
// leaves those that bring more than are shared their own.
func TestFewTextsAreHeldOnce(t *testing.T) {
	var s readScratch
	var first event.Column
	for n, texts := range [][]string{{"de", "fr"}, {"fr", "it", "de"}, {"it"}} {
		c := textBatch(texts...)
		s.settle(column{1, 2}, &c, []int32{0})
		for i, want := range texts {
			if got := string(c.Text(i)); got != want {
				t.Fatalf("batch %d, row %d: %q, want %q", n, i, got, want)
			}
		}
		if n == 0 {
			first = c
		} else if c.Dict != first.Dict {
			t.Errorf("batch %d has a dictionary of its own", n)
		}
	}
	if n := first.Dict.Len(); n != 3 {
		t.Errorf("%d texts are held, want 3", n)
	}
	other := textBatch("de")
	if s.settle(column{1, 3}, &other, []int32{0}); other.Dict == first.Dict {
		t.Error("two columns have one dictionary")
	}
	for batch := range 2 * sharedMost / sharedBatch {
		var texts []string
		for k := range sharedBatch {
			texts = append(texts, fmt.Sprintf("%d of %d", k, batch))
		}
		c := textBatch(texts...)
		s.settle(column{1, 2}, &c, []int32{0})
		if string(c.Text(7)) != texts[7] {
			t.Fatalf("batch %d: row 7 is %q", batch, c.Text(7))
		}
	}
	if n := first.Dict.Len(); n > sharedMost {
		t.Errorf("%d texts are held for good", n)
	}
	long := textBatch(string(make([]byte, sharedBytes+1)))
	if s.settle(column{1, 4}, &long, []int32{0}); len(s.texts[column{1, 4}].symbols.Bytes) > 0 {
		t.Error("a long text is held for good")
	}
}
