package features

// Size is what a view's runs take.
type Size struct {
	Keys   int
	Ready  int64 // bytes of the runs that stand ready, about
	Packed int64 // bytes of the others
}

// Add adds the size of another part of the view's keys.
func (s *Size) Add(o Size) {
	s.Keys, s.Ready, s.Packed = s.Keys+o.Keys, s.Ready+o.Ready, s.Packed+o.Packed
}

// Sizes are those of the views, in the order of the plan's. It looks at each group, and
// at no key.
func (s *State) Sizes() (all []Size) {
	for _, store := range s.stores {
		all = append(all, store.table.size())
	}
	return all
}

// size is what the table's runs take.
func (t *table) size() Size {
	s := Size{Keys: t.len(), Ready: int64(t.bytes)}
	for i := range t.groups {
		s.Packed += int64(len(t.groups[i].bytes))
	}
	return s
}
