package live

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/shelf"
)

// notes are the rows that were applied since the engine was last saved, packed as they
// came: a batch's vectors are used again, and packed rows hold no pointers.
type notes struct {
	on    bool // every row since the last Save is there
	most  int
	bytes int
	rows  shelf.Rows
	views [][]Section
}

// Section is rows of a view, packed, which nobody changes any more.
type Section struct {
	Rows  int
	Bytes []byte
}

// sectionBytes is about how large a section becomes: a piece of work for a restore.
const sectionBytes = 4 << 20

// add notes what a view takes of a batch. Beyond the bound all is dropped, and what is
// saved next stands on nothing that was saved before (I5 of features).
func (n *notes) add(t *features.Taken) {
	if !n.on || len(t.Keys) == 0 {
		return
	}
	of := &n.views[t.View]
	if len(*of) == 0 || len((*of)[len(*of)-1].Bytes) >= sectionBytes {
		*of = append(*of, Section{})
	}
	s := &(*of)[len(*of)-1]
	before := len(s.Bytes)
	s.Bytes = n.rows.Append(s.Bytes, &shelf.Piece{Len: len(t.Keys), Keys: t.Keys, Times: t.Times, Columns: t.Columns})
	s.Rows += len(t.Keys)
	if n.bytes += len(s.Bytes) - before; n.bytes > n.most {
		n.drop()
	}
}

// drop forgets what was noted, and notes nothing until the engine is saved again.
func (n *notes) drop() {
	n.on, n.bytes = false, 0
	clear(n.views)
}

// take hands over what was noted, and begins anew; whole says whether it is all since
// it was taken last.
func (n *notes) take() (views [][]Section, whole bool) {
	views, whole = n.views, n.on
	n.views, n.bytes, n.on = make([][]Section, len(views)), 0, n.most > 0
	return views, whole
}

// Noted is how many bytes of rows wait to be saved, of at most Options.Notes. It is for
// the goroutine that applies.
func (e *Engine) Noted() int { return e.notes.bytes }

// Linked reports whether what is saved next follows on what was saved last. It is for
// the goroutine that applies.
func (e *Engine) Linked() bool { return e.notes.on }
