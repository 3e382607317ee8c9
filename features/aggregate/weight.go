package aggregate

import "github.com/timeseam/timeseam/features/event"

// Based reports whether events that Forget took out still count in some window.
func (r *Run) Based() bool {
	for t := range r.tracks {
		if r.tracks[t].dropped > 0 {
			return true
		}
	}
	return false
}

// What a run and its parts take beside their rows, in bytes.
const (
	runBytes    = 400
	trackBytes  = 128
	columnBytes = 240
	windowBytes = 16
)

// foldBytes is what a fold takes beside its rows, and for each of them, once it was asked
// and with the room that its vectors have to grow. TestRunBytes measures it.
var foldBytes = [...]struct{ fixed, row int }{
	sumFold:       {500, 21},
	momentFold:    {500, 61},
	minFold:       {230, 12},
	maxFold:       {230, 12},
	distinctFold:  {192, 50},
	sortedFold:    {240, 20},
	pairFold:      {1170, 160},
	frequencyFold: {192, 45},
	groupFold:     {330, 320}, // every third row has a value of its own, say
}

// PackedBytes is about how many bytes a run that forgot nothing takes as Snapshot writes
// it: a text has a dozen, say.
func (l *Layout) PackedBytes(rows int) int {
	const head, text = 12, 13
	row := 8
	for _, t := range l.Columns {
		switch t.Kind {
		case event.String, event.Bytes:
			row += 1 + text
		case event.Decimal:
			row += 1 + 16
		default:
			row += 1 + 8
		}
	}
	return head + len(l.tracks) + rows*row
}

// RunBytes is about how many bytes a run takes that holds so many rows.
func (l *Layout) RunBytes(rows int) int {
	fixed := runBytes + len(l.tracks)*trackBytes + len(l.Columns)*columnBytes + len(l.windows)*windowBytes
	row := 8
	for _, t := range l.Columns {
		switch t.Kind {
		case event.String, event.Bytes:
			row += 4
		case event.Decimal:
			row += 16
		default:
			row += 8
		}
	}
	for i := range l.tracks {
		if l.tracks[i].filter >= 0 || len(l.tracks[i].nonNull) > 0 {
			row += 8
		}
	}
	for _, f := range l.folds {
		of := foldBytes[f.kind]
		fixed, row = fixed+of.fixed, row+of.row
	}
	return fixed + rows*row
}
