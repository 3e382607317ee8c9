package event

import "bytes"

// Symbols is a dictionary in which equal texts have equal codes, so that a code
// is an identity. It grows and never changes an entry (E2). It belongs to one
// goroutine, as the state does that interns in it.
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
