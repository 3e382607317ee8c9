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

// What a run, its parts and a fold take beside their rows, and a fold for each row, in
// bytes.
const (
	runBytes     = 512
	trackBytes   = 128
	columnBytes  = 240
	windowBytes  = 16
	foldBytes    = 320
	foldRowBytes = 24
)

// RunBytes is about how many bytes a run takes that holds so many rows.
func (l *Layout) RunBytes(rows int) int {
	fixed := runBytes + len(l.tracks)*trackBytes + len(l.Columns)*columnBytes + len(l.windows)*windowBytes + len(l.folds)*foldBytes
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
	return fixed + rows*(row+len(l.folds)*foldRowBytes)
}
