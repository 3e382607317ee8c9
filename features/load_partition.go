package features

import "fmt"

// NextPartition is the evidence of completeness that is no mark of a writer: a
// partition is complete once the next one is there.
const NextPartition = "next_partition"

// partitions reads how the folders of a source's history cut its time. The keys
// that say more of partitions are faults where there are none, and so is a lateness
// that nothing asks for: what is offered is never ignored.
func (l *loader) partitions(o *object, s *Source) {
	n := o.take("partitioned_by")
	if !quiet(n) && len(n.Content) == 0 {
		l.fault(n, o.of("partitioned_by")+" is empty", "write {KEY: FIELD}, or remove the key")
	}
	for _, p := range o.pairs(n, o.of("partitioned_by"), "write {KEY: FIELD}, such as {dt: event_time}") {
		part := Partitioned{Key: o.lines.text(p.key), Field: l.asWord(p.value, oneLine(p.key.Value)+" of "+o.of("partitioned_by"))}
		if part.Field.Given() {
			s.PartitionedBy = append(s.PartitionedBy, part)
		}
	}
	if c := o.take("cutover"); c != nil {
		l.cutover(o, s, c)
	}
	l.partitionKeys(o, s)
}

// partitionKeys holds that what is said of a source's partitions fits together.
func (l *loader) partitionKeys(o *object, s *Source) {
	if !o.has("partitioned_by") {
		for _, t := range []struct {
			text Text
			what string
		}{{s.Cutover.Complete, "complete of " + o.of("cutover")}, {s.Holes, o.of("holes")}} {
			if t.text.Given() {
				l.faultAt(t.text, t.what+" without partitioned_by", "say which folders bound a time: partitioned_by: {KEY: FIELD}")
			}
		}
	}
	for _, p := range s.PartitionedBy {
		if first := s.PartitionedBy[0].Field.Value; p.Field.Value != first {
			l.faultAt(p.Field, fmt.Sprintf("%s of %s bounds %s, and its first key %s", tick(p.Key.Value), o.of("partitioned_by"), tick(p.Field.Value), tick(first)), "all keys cut one time; leave the others out")
			return
		}
	}
	if len(s.PartitionedBy) > 0 {
		l.partitionField(o, s, s.PartitionedBy[0].Field)
	}
	asked := s.ByArrival() || s.Cutover.Complete.Value == NextPartition || s.Stream != nil
	if s.Lateness.Given() && !asked {
		l.faultAt(s.Lateness, o.of("lateness")+" is asked for by nothing", "remove it; it is for partitions by arrival_timestamp, for complete: next_partition, and for streams")
	}
}

// partitionField holds that the field which folders bound is a time by which
// questions reach events.
func (l *loader) partitionField(o *object, s *Source, field Text) {
	d := s.Dimension
	switch {
	case s.ByArrival():
		if !o.has("lateness") {
			l.faultAt(field, fmt.Sprintf("%s has partitions by arrival and no lateness", o.subject), "add lateness: how late an event may arrive at most, such as 1h; partitions are fetched so much further")
		}
	case d != nil && !d.Mode.Given(), d == nil && !s.EventTimestamp.Given():
		return // told already
	case d != nil && (d.Mode.Value == "current" || d.LandsAfter.Given()):
		mend := "remove partitioned_by"
		if d.LandsAfter.Given() {
			mend += ", or name the field with the time at which a snapshot landed, as landed and here"
		}
		l.faultAt(field, fmt.Sprintf("%s is a dimension of mode %s, which no folder's time bounds", o.subject, d.Mode.Value), mend)
	case field.Value != s.Time():
		times := "event_timestamp, " + tick(s.EventTimestamp.Value) + ", or that of arrival_timestamp"
		if d != nil {
			times = "the dimension's own time, " + tick(s.Time())
		}
		l.faultAt(field, fmt.Sprintf("%s is no time by which questions reach %s", tick(field.Value), o.subject), "name the field of "+times)
	}
}

// ByArrival reports whether the folders bound when events arrived.
func (s *Source) ByArrival() bool {
	return s.Dimension == nil && s.Arrival.Given() && len(s.PartitionedBy) > 0 && s.PartitionedBy[0].Field.Value == s.Arrival.Value && s.Arrival.Value != s.EventTimestamp.Value
}

// Keys are the keys of the folders that bound a time.
func (s *Source) Keys() (keys []string) {
	for _, p := range s.PartitionedBy {
		keys = append(keys, p.Key.Value)
	}
	return keys
}

// LatenessMicros is the lateness in microseconds; 0 where none is given.
func (s *Source) LatenessMicros() int64 {
	us, _ := ParseDuration(s.Lateness.Value)
	return us
}
