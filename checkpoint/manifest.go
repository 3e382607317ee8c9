package checkpoint

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// Format is the version of what is written. A release reads its own and those that
// docs/formats.md names.
const Format = 1

// Manifest is the head of a file.
type Manifest struct {
	Format int       `json:"checkpoint"`
	Number int64     `json:"number"`
	Writer string    `json:"writer"` // tells files of one number apart
	Made   time.Time `json:"time"`   // by the writer's clock, for a person
	Whole  bool      `json:"whole"`
	State  live.Head `json:"state"`
	Rows   int64     `json:"rows"`  // that were applied since the file before
	Bases  []Stretch `json:"bases"` // which file has the newest base of which groups
	Chain  []File    `json:"chain"` // the files before it that it needs, by number
}

// Stretch is key groups beside each other whose newest base is in one file.
type Stretch struct {
	From int   `json:"from"`
	To   int   `json:"to"` // up to but without
	File int64 `json:"file"`
}

// File tells a file from others.
type File struct {
	Number int64  `json:"number"`
	Bytes  int64  `json:"bytes"`
	Sum    string `json:"crc32c"` // of its head, which has the sums of all else
}

// bases says of each key group which file has its newest base; 0: none has.
type bases [event.KeyGroups]int64

// stretches is the short form.
func (b *bases) stretches() (all []Stretch) {
	for g, file := range b {
		if n := len(all); n > 0 && all[n-1].File == file {
			all[n-1].To = g + 1
		} else {
			all = append(all, Stretch{From: g, To: g + 1, File: file})
		}
	}
	return slices.DeleteFunc(all, func(s Stretch) bool { return s.File == 0 })
}

// oldest is the file of the oldest base; 0: some group has none.
func (b *bases) oldest() int64 { return slices.Min(b[:]) }

// first is the file of the oldest base that there is.
func (b *bases) first() (file int64) {
	for _, f := range b {
		if f > 0 && (file == 0 || f < file) {
			file = f
		}
	}
	return file
}

// errManifest is that of a head that does not hold together.
var errManifest = fmt.Errorf("%w: what it says of itself does not hold together", ErrDamaged)

// readManifest reads the head of the file of a number. Whatever may stand there, what
// is returned holds together.
func readManifest(head []byte, number int64) (*Manifest, *bases, error) {
	var form struct {
		Format *int `json:"checkpoint"`
	}
	if err := json.Unmarshal(head, &form); err != nil || form.Format == nil {
		return nil, nil, fmt.Errorf("%w: its head is none of a checkpoint", ErrDamaged)
	}
	if *form.Format != Format {
		return nil, nil, fmt.Errorf("%w %d, and this release reads format %d; restore it with the release that wrote it, or begin anew in an empty folder", ErrFormat, *form.Format, Format)
	}
	m, b := new(Manifest), new(bases)
	if err := json.Unmarshal(head, m); err != nil {
		return nil, nil, errManifest
	}
	if m.Number != number {
		return nil, nil, fmt.Errorf("%w: it was written as number %d; give it its name again", ErrDamaged, m.Number)
	}
	last := int64(0)
	for _, f := range m.Chain {
		if f.Number <= last || f.Number >= number {
			return nil, nil, errManifest
		}
		last = f.Number
	}
	at := 0
	for _, s := range m.Bases {
		known := s.File == number || slices.ContainsFunc(m.Chain, func(f File) bool { return f.Number == s.File })
		if s.From < at || s.To <= s.From || s.To > len(b) || !known {
			return nil, nil, errManifest
		}
		for g := s.From; g < s.To; g++ {
			b[g] = s.File
		}
		at = s.To
	}
	if m.Whole != (b.oldest() > 0) {
		return nil, nil, errManifest
	}
	return m, b, nil
}
