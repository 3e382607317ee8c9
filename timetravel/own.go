package timetravel

import (
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// addEvents appends what the rows of a batch are as events themselves (S4.7).
func (s *spine) addEvents(own []*features.OwnEvents) {
	if s.events == nil && own != nil {
		s.events = make([]*features.OwnEvents, len(own))
	}
	for v, from := range own {
		if from == nil {
			continue
		}
		if s.events[v] == nil {
			s.events[v] = &features.OwnEvents{}
		}
		to := s.events[v]
		before := int32(len(to.Keys))
		for _, place := range from.Place {
			if place >= 0 {
				place += before
			}
			to.Place = append(to.Place, place)
		}
		to.Keys = append(to.Keys, from.Keys...)
		to.Columns = s.append(to.Columns, from.Columns, len(from.Keys))
	}
}

// hashEvents has the dictionaries make their hashes, in one goroutine: several
// sweepers will read them.
func (s *spine) hashEvents() {
	for _, own := range s.events {
		for i := 0; own != nil && i < len(own.Columns); i++ {
			if d := own.Columns[i].Dict; d != nil {
				d.Hashes()
			}
		}
	}
}

// ownOf is the spine's rows as events of a view; nil: they are none.
func (s *spine) ownOf(view int) *features.OwnEvents {
	if s.events == nil {
		return nil
	}
	return s.events[view]
}

// bring gathers what the partition's questions are themselves as events of the
// key that they ask, in the order in which they will be asked: the columns for
// the store, and of each question its place there or -1.
func (s *sweeper) bring() {
	own := s.spine.ownOf(s.view)
	if own == nil {
		return
	}
	keys, places := s.spine.keys[s.query], s.ownPlaces[:0]
	mine := resize(&s.own, len(s.queries))
	for k := range s.queries {
		row := s.queries[k].row
		if mine[k] = own.At(int(row), keys[row]); mine[k] >= 0 {
			places, mine[k] = append(places, int32(mine[k])), len(places)
		}
	}
	s.ownPlaces = places
	columns := make([]event.Column, len(own.Columns))
	for i := range columns {
		columns[i] = permuted(&own.Columns[i], places)
	}
	s.store.Intern(columns)
	s.store.Own.Columns = columns
}

// ownOf is the place in the store of the own event of the partition's question k.
func (s *sweeper) ownOf(k int) int {
	if s.spine.events == nil || s.spine.events[s.view] == nil {
		return -1
	}
	return s.own[k]
}
