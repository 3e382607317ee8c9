package features

import "github.com/timeseam/timeseam/features/event"

// Intern recodes text columns in the store's symbols, in place. It looks up
// each row's code by the hash that the dictionary holds and copies no text that
// is known already. Codes of the batch are replaced, not written over, as
// others may read them.
func (s *Store) Intern(columns []event.Column) {
	for i := range columns {
		if c := &columns[i]; c.Type.Text() && c.Dict != &s.symbols.Dict && c.Len() > 0 {
			s.intern(c)
		}
	}
}

// intern looks up the symbol of every text once where rows repeat texts, as they do
// where there are no more of these than rows; else once a row, as most of a large
// dictionary is of other rows.
func (s *Store) intern(c *event.Column) {
	codes, hashes := make([]uint32, len(c.Codes)), c.Dict.Hashes()
	known := s.known[:0]
	if n := c.Dict.Len(); n <= len(codes) {
		known = append(known, make([]uint32, n)...)
	}
	s.known = known
	for r, code := range c.Codes {
		switch {
		case c.IsNull(r):
		case len(known) == 0:
			codes[r] = s.symbols.Intern(c.Dict.At(code), hashes[code])
		case known[code] == 0:
			codes[r] = s.symbols.Intern(c.Dict.At(code), hashes[code])
			known[code] = codes[r] + 1
		default:
			codes[r] = known[code] - 1
		}
	}
	c.Codes, c.Dict = codes, &s.symbols.Dict
}

// Borrow makes column i of some events ready for an arena, for the time until Renew:
// it returns what to add to its codes. Texts that a run only carries stay in their
// dictionary, which few of them leave as answers; all others are interned.
func (s *Store) Borrow(columns []event.Column, i int) (add uint32) {
	c := &columns[i]
	if s.view.Layout.Carries(i) && c.Len() > 0 {
		if first, ok := s.symbols.Borrow(c.Dict); ok {
			return first
		}
	}
	s.Intern(columns[i : i+1])
	return 0
}

// own recodes answers, and what they are made of, in texts of their own, and appends
// the columns that speak these.
func (s *Store) own(c *event.Column, own []*event.Column) []*event.Column {
	for f := range c.Fields {
		own = s.own(&c.Fields[f], own)
	}
	if c.Elem != nil {
		own = s.own(c.Elem, own)
	}
	if c.Dict != &s.symbols.Dict {
		return own // no row has a text
	}
	s.take(c)
	return append(own, c)
}

// together is how many texts are looked up before they are used.
const together = 256

// take recodes a column of answers. Texts of a history lie anywhere: where some are is
// found out first, then all of these are looked at, and then they are used, so that
// memory brings many of them at a time.
func (s *Store) take(c *event.Column) {
	var texts [together][]byte
	for from := 0; from < len(c.Codes); from += together {
		codes := c.Codes[from:min(from+together, len(c.Codes))]
		far := false
		for k, code := range codes {
			if int(code) >= len(s.known) && !c.IsNull(from+k) {
				texts[k], far = s.symbols.At(code), true
			} else {
				texts[k] = nil
			}
		}
		for k := 0; far && k < len(codes); k++ {
			if len(texts[k]) > 0 {
				s.seen ^= texts[k][0]
			}
		}
		for k, code := range codes {
			switch {
			case c.IsNull(from + k):
			case int(code) < len(s.known):
				codes[k] = s.takeKnown(code)
			default:
				codes[k] = s.texts.Intern(texts[k], event.HashBytes(texts[k]))
			}
		}
	}
}

// takeKnown is the code that answers have for one of the symbols' own, each of which
// is looked up once.
func (s *Store) takeKnown(code uint32) uint32 {
	if s.known[code] == 0 {
		text := s.symbols.At(code)
		s.known[code] = s.texts.Intern(text, event.HashBytes(text)) + 1
	}
	return s.known[code] - 1
}
