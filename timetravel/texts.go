package timetravel

import (
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// column is a column of a view's runs.
type column struct{ view, place int }

// sharedTexts is the texts of a column that has few of them, such as countries: one
// dictionary for all batches that a goroutine reads, where every file, or row group,
// brings its own. It only grows, and nobody looks into it but who reads, until all is
// read.
type sharedTexts struct {
	symbols *event.Symbols
	codes   []uint32 // scratch: of the batch
	place   []uint32 // scratch: of each entry of the batch's dictionary its code
}

const (
	// sharedBatch is how many texts a batch may have for them to be shared: each is
	// looked up once.
	sharedBatch = 256
	// sharedMost is how many texts are shared: beyond, every batch brings others.
	sharedMost = 4096
	// sharedBytes is how long they may be together: what is shared is never let go of.
	sharedBytes = 1 << 16
)

// settle gives a column of text, of which some rows are asked for, the dictionary that
// the shelf is to hold with it.
func (s *readScratch) settle(of column, c *event.Column, order []int32) {
	switch {
	case !c.Type.Text():
	case c.Dict.Len() <= sharedBatch:
		if s.texts[of] == nil {
			if s.texts == nil {
				s.texts = map[column]*sharedTexts{}
			}
			s.texts[of] = &sharedTexts{symbols: event.NewSymbols()}
		}
		s.texts[of].share(c)
	case c.Dict.Len() > 2*len(order):
		*c = compact(c, order)
	}
}

// share recodes a column, if there is room for its texts.
func (s *sharedTexts) share(c *event.Column) {
	n := c.Dict.Len()
	if n == 0 || s.symbols.Len()+n > sharedMost || len(s.symbols.Bytes)+len(c.Dict.Bytes) > sharedBytes {
		return
	}
	place := resize(&s.place, n)
	for i, h := range c.Dict.Hashes() {
		place[i] = s.symbols.Intern(c.Dict.At(uint32(i)), h)
	}
	codes := resize(&s.codes, len(c.Codes))
	for i, code := range c.Codes {
		codes[i] = place[code]
	}
	c.Codes, c.Dict = codes, &s.symbols.Dict
}

// fewTexts is how many rows there must be for each text of the dictionaries that a
// column's chunks have, for all these to be looked up once.
const fewTexts = 4

// looksUp reports whether column i of chunks has few texts for the rows in order.
func (s *sweeper) looksUp(chunks []shelf.Piece, i int) bool {
	clear(s.dicts)
	if s.dicts == nil {
		s.dicts = map[*event.Dict][]uint32{}
	}
	left := len(s.order) / fewTexts
	for k := range chunks {
		d := chunks[k].Columns[i].Dict
		if _, seen := s.dicts[d]; !seen {
			if left -= d.Len(); left < 0 {
				return false
			}
			s.dicts[d] = nil
		}
	}
	return true
}

// lookUp is the code in the store's symbols of every entry of a dictionary.
func (s *sweeper) lookUp(d *event.Dict) []uint32 {
	codes := s.dicts[d]
	if codes == nil {
		codes = make([]uint32, max(d.Len(), 1)) // nulls have code 0, whatever there is
		for i, h := range d.Hashes() {
			codes[i] = s.store.Symbols().Intern(d.At(uint32(i)), h)
		}
		s.dicts[d] = codes
	}
	return codes
}
