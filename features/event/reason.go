package event

// Reason is why an event, a query or a value was refused or noted. This list is
// the only one: counters, manifests, logs and tests take their names from it.
type Reason uint8

// The reasons, each with what is done.
const (
	NoTime             Reason = iota // an event without time: skipped
	NoKey                            // an event without key (or with a part of it null): skipped
	NoArrival                        // an event without arrival time, where that decides: skipped
	ArrivedBefore                    // an event that arrived before its own time: known from its own time on
	Late                             // an event behind a later one of its key in reading order: in its place
	Duplicate                        // an event equal to one of the same key, time and id: counts once
	Conflicting                      // as Duplicate, but of other content: the smaller content stays
	UnorderedTies                    // events that only their content orders, in a view where order matters
	OutOfType                        // a value outside its type: null
	NaNNull                          // a NaN where the source says nan: null or reject: null, or the end of the run
	DivisionByZero                   // a division by zero: null
	QueryNoTime                      // a spine row without time: null features
	QueryNoKey                       // a spine row without key: features of an empty window
	QueryUnknownKey                  // a spine row whose key no event has: features of an empty window
	QueryDuplicate                   // a spine row equal to another in key and time: answered each time
	OutsideWindows                   // an event that no window of any query reaches
	RowOutsideInterval               // a spine row that is not of the data interval: left out
	RowEmbargoed                     // a spine row too close before a split: left out
	RowSampledOut                    // a negative that the sample has not: left out
	RowCensored                      // a spine row whose label is not known yet, where such are left out
	reasons
)

// reasonNames are part of the manifest's format (docs/formats.md) and of S17.1;
// they do not change.
var reasonNames = [reasons]string{"events_without_time", "events_without_key", "events_without_arrival", "arrivals_before_event", "late_events", "duplicates", "conflicting_duplicates", "unordered_ties",
	"values_out_of_type", "nan_values", "divisions_by_zero", "queries_without_time", "queries_without_key", "queries_with_unknown_key", "duplicate_queries", "events_outside_windows",
	"rows_outside_interval", "rows_embargoed", "rows_sampled_out", "rows_censored"}

// String is the reason's name in counters and manifests.
func (r Reason) String() string { return reasonNames[r] }

// Counts is how often each reason was met. It is a value without pointers: each
// worker counts for itself, and the sum does not depend on who counted what
// (S2.1).
type Counts [reasons]int64

// Add adds all of d.
func (c *Counts) Add(d *Counts) {
	for i, n := range d {
		c[i] += n
	}
}

// Each calls do for every reason, in the order of the list.
func (c *Counts) Each(do func(r Reason, n int64)) {
	for i, n := range c {
		do(Reason(i), n)
	}
}
