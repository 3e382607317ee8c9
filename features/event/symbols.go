package event

import (
	"bytes"
	"math"
	"slices"
)

// Symbols is a dictionary in which equal texts have equal codes, so that a code
// is an identity, but for those of entries that it borrowed. It grows and never
// changes an entry (E2), until it is reset. It belongs to one goroutine, as the
// state does that interns in it.
type Symbols struct {
	Dict
	known []Hash   // of each entry
	table []uint32 // code+1 by hash, open addressing; length a power of two
}

// NewSymbols returns an empty set of symbols.
func NewSymbols() *Symbols {
	s := &Symbols{table: make([]uint32, 64)}
	s.Offsets = []uint32{0}
	return s
}

// Intern returns the code of text, adding it if it is new. h is its HashBytes.
// The table is probed linearly by the low word, the wide hash is compared first,
// and the text itself last: an identity may not rest on a hash alone here, as it
// costs nothing to be sure.
func (s *Symbols) Intern(text []byte, h Hash) uint32 {
	mask := uint64(len(s.table) - 1)
	for at := h.Lo & mask; ; at = (at + 1) & mask {
		c := s.table[at]
		if c == 0 {
			return s.add(text, h, at)
		}
		if s.known[c-1] == h && bytes.Equal(s.At(c-1), text) {
			return c - 1
		}
	}
}

// add keeps the table at most half full, so that a probe ends soon and always.
func (s *Symbols) add(text []byte, h Hash, at uint64) uint32 {
	code := s.Dict.Add(text)
	s.known = append(s.known, h)
	s.table[at] = code + 1
	if 2*s.Len() > len(s.table) {
		s.grow()
	}
	return code
}

// grow places codes anew by the hashes kept in known; no text is read again.
func (s *Symbols) grow() {
	s.table = make([]uint32, 2*len(s.table))
	mask := uint64(len(s.table) - 1)
	for c, h := range s.known {
		at := h.Lo & mask
		for s.table[at] != 0 {
			at = (at + 1) & mask
		}
		s.table[at] = uint32(c) + 1
	}
}

// firstBorrowed is the least code of a borrowed entry. Dictionaries of so many
// entries of their own there are none: their texts would be beyond 4 GiB.
const firstBorrowed = 1 << 31

// loans are dictionaries whose entries have codes here too. Codes are given out in
// blocks, each of one dictionary, so that a code tells its own.
type loans struct {
	from  []loan
	place []int32 // of a block of codes, its loan
}

// loan is a dictionary that was borrowed: its entry i has the code first+i.
type loan struct {
	first uint32
	dict  *Dict
}

const loanBits = 12

// Borrow gives every entry of another dictionary a code here, the first of which it
// returns, and copies nothing. Such codes name texts and are no identity: a text
// may have several. ok is false where there are no codes left. Who borrows keeps
// from unchanged until Reset.
func (s *Symbols) Borrow(from *Dict) (first uint32, ok bool) {
	l := &s.lent
	if n := len(l.from); n > 0 && l.from[n-1].dict == from {
		return l.from[n-1].first, true // batches of one row group share theirs
	}
	places := from.Len()>>loanBits + 1
	if places > (math.MaxUint32-firstBorrowed)>>loanBits-len(l.place) {
		return 0, false
	}
	first = firstBorrowed + uint32(len(l.place))<<loanBits
	for range places {
		l.place = append(l.place, int32(len(l.from)))
	}
	l.from = append(l.from, loan{first, from})
	return first, true
}

// borrowed is the text of a borrowed entry.
func (d *Dict) borrowed(i uint32) []byte {
	l := &d.lent.from[d.lent.place[(i-firstBorrowed)>>loanBits]]
	return l.dict.At(i - l.first)
}

// Texts is a copy of the entries, for who keeps codes beyond the next Reset.
func (s *Symbols) Texts() *Dict {
	return &Dict{Offsets: slices.Clone(s.Offsets), Bytes: slices.Clone(s.Bytes)}
}

// Reset takes out all entries and returns what was borrowed. It keeps its memory;
// nobody may have codes of before any more.
func (s *Symbols) Reset() {
	s.Offsets, s.Bytes, s.known = s.Offsets[:1], s.Bytes[:0], s.known[:0]
	clear(s.lent.from)
	s.lent = loans{s.lent.from[:0], s.lent.place[:0]}
	s.hashes.Store(nil)
	clear(s.table)
}
