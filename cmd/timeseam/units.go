package main

import (
	"fmt"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features/event"
)

// unitsLeast is how many rows it takes to tell in what unit a copy has its times: by
// chance so many are not all of whole milliseconds.
const unitsLeast = 16

// note counts the rows of a copy, and those whose times are of parts of a millisecond,
// of a cut by id: where copies have their times in other units, an event and its copy
// are of two instants, and would both count.
func (j *joined) note(side cutover.Side, b *event.Batch) {
	if j.cut == nil || j.cut.Kind != cutover.ByID {
		return
	}
	at, fine := j.input.Happened(b), int64(0)
	for i, t := range at.Ints {
		if t%1000 != 0 && !at.IsNull(i) {
			fine++
		}
	}
	j.timed[side].Add(int64(len(at.Ints)))
	j.fine[side].Add(fine)
}

// units returns an error if one copy has its times in milliseconds and the other in
// microseconds.
func (j *joined) units() error {
	for _, side := range []cutover.Side{cutover.History, cutover.Stream} {
		other := 1 - side
		if j.timed[side].Load() < unitsLeast || j.fine[side].Load() > 0 || 2*j.fine[other].Load() < max(j.timed[other].Load(), unitsLeast) {
			continue
		}
		field := j.source.Time()
		copies := [2]string{"history", "stream"}
		return fmt.Errorf("source %s: the %s has %s in milliseconds and the %s in microseconds, so that an event of both would count twice; write fields: {%s: {%s: date_trunc('millisecond', %s)}}, and both are of one instant",
			j.source.Name.Value, copies[side], field, copies[other], field, copies[other], field)
	}
	return nil
}
