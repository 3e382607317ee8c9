package features

import (
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// Definition is what a user wrote, read but not yet compiled: every name, type
// and expression with its place in the file. Load makes it; Compile gives it
// meaning. Lists are in the order of the file, which is that of columns; a map
// would lose it.
type Definition struct {
	File         string // as named by the user, for faults
	Name         Text
	Description  string
	Sources      []Source
	Entities     []Entity
	Views        []View
	Services     []Service
	TrainingSets []TrainingSet
	Online       *Online // nil: nothing is said of it
}

// Pos is a place in the definition's file, both from 1, Column in characters.
type Pos struct{ Line, Column int }

// Text is a scalar as written and where it stands; empty with Line 0: not
// given. Every text that can be at fault keeps its place, so that a fault found
// by the compiler, long after YAML is gone, still points at the user's words.
type Text struct {
	Pos
	Value string
	// Quoted is how many bytes of quoting stand before the value's first
	// character, or -1 where the value's bytes do not stand one for one in the
	// file (block and folded scalars, escapes).
	Quoted int
	// Cut: a YAML comment follows, so that an expression may end before its
	// author meant it to.
	Cut bool
}

// Given reports whether the scalar stands in the file.
func (t Text) Given() bool { return t.Line > 0 }

// Source is where events (or the versions of a dimension) come from.
type Source struct {
	Name           Text
	Description    string
	Owner          string
	History        Table   // without a path: there is a stream alone
	Refresh        Text    // a duration: how often the daemon looks for more of the history; not given: never
	Stream         *Stream // nil: there is a history alone
	Fields         []Declared
	EventTimestamp Text
	Arrival        Text // arrival_timestamp; of a dimension recorded_at
	EventID        Text
	Version        Text // of copies of an event the greatest counts
	NaN            Text // null or reject; not given: NaN stays NaN
	OrderBy        []Order
	Dimension      *Dimension // nil: a source of events
	PartitionedBy  []Partitioned
	Holes          Text // accepted; not given: a partition that is missing between others ends the run
	Cutover        Cutover
	Lateness       Text // a duration
}

// Cutover is where a history ends and the stream goes on.
type Cutover struct {
	Pos
	Complete   Text // the mark of a partition that is complete, or next_partition
	By         Text // offset, id or event_time; not given: the strongest of which there is evidence
	Partition  Text // the history's column with the partition of Kafka
	Offset     Text // the history's column with the offset
	Margin     Text // a duration; not given: the source's lateness
	Spool      bool
	AcceptLate bool
}

// Stream is a source's rows as records of a topic. Texts but Format, Envelope,
// Message and Columns are addresses: they take the environment when the topic is
// opened, and are no part of any value.
type Stream struct {
	Pos
	Topic, Brokers   Text
	Format, Envelope Text
	Registry         Registry
	Schema           Text // a file
	Message          Text
	Columns          []Declared // of parts of a record, their types
	TLS              *TLS       // nil: none
	SASL             *SASL      // nil: none
	DeadLetter       Text       // a file of JSON lines
	DeadTopic        Text       // in its place: a topic
	MaxPoison        int64      // 0: any number
}

// Registry is a schema registry; not given where URL is not.
type Registry struct {
	URL, User, Password, Token Text
	TLS                        *TLS // nil: the system's authorities, and no certificate
}

// TLS is how ends of a connection prove who they are; all may be empty.
type TLS struct{ CA, Cert, Key, ServerName Text }

// SASL is who asks.
type SASL struct{ Mechanism, User, Password Text }

// Partitioned is a key of the history's folders, and the field whose time it
// bounds.
type Partitioned struct {
	Key, Field Text
}

// Table is where rows are stored, and how.
type Table struct {
	Pos
	Format string // parquet, csv or json
	Path   Text   // a file, a glob or a directory

	// Of CSV:
	Delimiter byte     // 0: not given
	Quote     byte     // 0: not given
	Headless  bool     // no header; the columns are the declared fields
	Null      []string // what stands for null; nil: not given
}

// Time is the field with a source's instants: of a dimension, from when a row
// holds. Empty where every row always does.
func (s *Source) Time() string {
	switch d := s.Dimension; {
	case d == nil:
		return s.EventTimestamp.Value
	case d.Landed.Given():
		return d.Landed.Value
	case d.Snapshot.Given():
		return d.Snapshot.Value
	default:
		return d.ValidFrom.Value
	}
}

// Dimension says how a source's rows are versions of something.
type Dimension struct {
	Pos
	Mode       Text // versions, scd2, snapshots, current
	ValidFrom  Text // versions, scd2
	ValidTo    Text // scd2
	Deleted    Text // versions: a condition; not given: none is
	Snapshot   Text // snapshots: the field that names it
	Landed     Text // snapshots: a field, or else
	LandsAfter Text // a duration
	Leak       Text // current: accepted
}

// Declared is a field whose type, or whose expression over the columns of the
// history or of the stream, the definition gives. A source's fields and a view's request fields
// are both such.
type Declared struct {
	Name    Text
	Type    event.Type // Unknown: from the history
	TypePos Pos
	History Text // an expression over the history's columns; not given: the column of the same name
	Stream  Text // the same over the parts of a record
}

// Order is a column that orders events of one time.
type Order struct {
	Column Text
	Desc   bool
}

// Entity is what keys a view: no column, one, or several.
type Entity struct {
	Name    Text
	Columns []Text
}

// View is a feature view: over a source of events, over a dimension, or, without
// a source, derived.
type View struct {
	Name        Text
	Description string
	Entity      Text // not given on a derived view
	Source      Text // not given: derived
	Where       Text
	Windows     []Window // none: not given
	WindowsList bool     // `windows:`, a list, whose columns carry suffixes
	OrderBy     []Order
	TTL         Text // a duration; dimension views only
	Request     []Declared
	Features    []Feature
}

// Feature is one named value of a view.
type Feature struct {
	Name        Text
	Description string
	Value       Text // the expression
	Windows     []Window
	WindowsList bool
	MinCount    int64
	MinCountPos Pos
	Default     Text // a literal, as written; not given: none
	By          Text // an expression over the event; given: the value is a map
}

// Window is a window as written: exactly one of Length, Rows and Lifetime.
// Durations stay as written here, since columns are named after them; Compile
// turns them into microseconds.
type Window struct {
	Pos
	Length   Text // a duration such as 30d
	Rows     int64
	Lifetime bool
	Offset   Text // a duration; not given: none
	Bounds   Text // "[)", "[]", "(]", "()"; not given: "[)"

	ahead bool // a label's: it begins at t
}

// Service is a list of features that are used together.
type Service struct {
	Name        Text
	Description string
	Owner       string
	Features    []ServiceFeature
}

// ServiceFeature is a view or one of its columns as a service lists it, perhaps
// in another role: under another name, and asked by other columns.
type ServiceFeature struct {
	View   Text // view, or view.column
	As     Text // in place of the view's name; not given: none
	Entity []KeyedBy
}

// sameGuise reports whether both are columns of one view in one role.
func (f ServiceFeature) sameGuise(g ServiceFeature) bool {
	view, _, one := strings.Cut(f.View.Value, ".")
	other, _, also := strings.Cut(g.View.Value, ".")
	return one && also && view == other && guiseName(f.Entity) == guiseName(g.Entity)
}

// guiseName is the same for equal columns of equal entities, and for no others.
func guiseName(ks []KeyedBy) string {
	var parts []string
	for _, k := range ks {
		part := k.Entity.Value
		for _, c := range k.Columns {
			part += "\x00" + c.Value
		}
		parts = append(parts, part)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x01")
}

// KeyedBy is the columns of a query that key an entity, in place of the
// entity's own.
type KeyedBy struct {
	Entity  Text
	Columns []Text
}

// TrainingSet is a service asked for every row of a spine.
type TrainingSet struct {
	Name          Text
	Description   string
	Service       Text
	Spine         Spine
	Labels        []Text // columns of the spine
	EventLabels   []EventLabel
	Censored      Text // drop; not given: kept
	Known         Text // visibility: {known: ...}
	Delay         Text // a duration; not given: none
	DecideAfter   Text // a duration; not given: none
	Self          *Self
	VisibilityPos Pos
	Split         *Split
	Sample        *Sample
}

// Self says that a row of the spine is itself an event, which counts.
type Self struct {
	Include Text // the word
	Source  Text // of which it is one; not given: the only one that the service counts
}

// Split marks the rows of a training set as train, validation or test: by time
// (Starts), or by the hash of columns (Of).
type Split struct {
	Pos
	Starts  []Mark // the instants at which validation and test begin, in this order
	Embargo Text   // a duration; not given: none
	Of      []Text
	Shares  []Mark // the shares of train, validation and test, in this order
	Seed    int64
}

// Mark is a split and what is said of it.
type Mark struct {
	Name  string
	Value Text
}

// Sample keeps a share of the rows whose label is false or zero.
type Sample struct {
	Pos
	Negatives Text // the share
	Label     Text // not given: the only label
	Of        []Text
	Seed      int64
}

// EventLabel is a label that later events tell.
type EventLabel struct {
	Name        Text
	Description string
	Source      Text
	Match       []Match
	Within      Text // a duration
	Value       Text
	Attribute   Text // last_touch; not given: an event is told to every row that it matches
}

// Match is a column of the spine that must equal a field of a label's source.
type Match struct{ Spine, Field Text }

// Spine is the queries of a training set: a table with entity columns, request
// fields and an event timestamp; or the events of a source, and then Table,
// Fields and EventTimestamp are the source's; or a grid.
type Spine struct {
	Pos
	Table          Table
	Fields         []Declared // the types of a table of text
	EventTimestamp Text
	Entity         []KeyedBy
	Columns        []Text // of the spine, to be kept; ColumnsGiven false: all
	ColumnsGiven   bool
	Source         Text // not given: the table is the spine's own
	From, To       Text // instants, of a source; not given: no end
	Where          Text // of a source
	Grid           *Grid
}

// Grid is questions at instants that are equally far apart: From of the spine,
// and every so much later before To, for each entity that was active.
type Grid struct {
	Every  Text // a duration
	Active Text // a duration; not given: Every
	Entity Text
}

// Online is where the daemon serves and what it writes. No value depends on any of
// it, so that it enters no plan and no digest. Texts but service and sample are
// addresses or secrets and take the environment when they are used.
type Online struct {
	Pos
	Serve       *Serving // nil: nothing is served
	Checkpoint  Text     // a directory of this machine or of S3
	ServedLog   *ServedLog
	Archive     Text // a directory of Parquet files
	PositionLog Text // a directory
}

// Serving is which service is served, where, and to whom.
type Serving struct {
	Pos
	Service   Text
	Listen    Text // not given: see package serve
	GRPC      Text // not given: HTTP alone
	Tokens    []Text
	TokenFile Text
	TLS       *ServingTLS // nil: none
	Insecure  Text        // true, where it is: anybody may ask from anywhere
	Limits    Limits
}

// ServingTLS is how the server proves who it is, and whose clients may ask.
type ServingTLS struct {
	Cert, Key Text
	ClientCA  Text // not given: clients need no certificate
}

// Limits are what one request, and one client, may ask for; 0 and not given: see
// package serve.
type Limits struct {
	Body  int64 // bytes
	Batch int64 // rows
	Rate  int64 // requests a second
	Wait  Text  // a duration
}

// ServedLog is where answers are written, and of which keys.
type ServedLog struct {
	Parquet Text
	Sample  Text // the share of keys; not given: all
}
