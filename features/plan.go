package features

import (
	"github.com/timeseam/timeseam/features/aggregate"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// Plan is a definition compiled for one training set, or for all its features:
// typed, with every name, branch and window resolved. It is immutable and any
// number of states may share it. All work by name, type or text is done when it
// is made, so that a run does none for an event. Its exported parts are for
// drivers and for explain; nobody may write to them.
type Plan struct {
	Definition  *Definition
	TrainingSet *TrainingSet // nil: all features of the definition
	Inputs      []Input
	Views       []*PlannedView
	Lookups     []Lookup
	Queries     QueryPlan
	Outputs     event.Schema // the computed columns, in the service's order
	Labels      []Label
	Marks       event.Schema // what choosing adds behind them: split, sample_weight
	Lints       []event.Fault

	frame     []origin // what the columns of the frame are
	steps     []step   // expressions over the frame, in the order in which they are computed
	outputs   []int    // the frame's column of each output
	described []Described
	marked    []Described
	inner     []Described
	digest    string
}

// Input is a source as it is read: the columns that the plan needs, whichever copy
// of the source they come from. Several views may read one input; each column is
// read once. A batch given to Rows or State.Apply has just these columns, in this
// order.
type Input struct {
	Source  *Source
	Columns event.Schema
	History Copy  // what is read of the history for them
	Stream  *Copy // what is read of records; nil: the source has no stream

	meaning int        // so many of the columns are what values are made of
	instant *expr.Expr // of a source with a stream: when a row happened
	placing *placing
}

// PlannedView is a view whose events are kept in runs: what is taken of each
// event, and what its runs are asked. It is shared by all goroutines of a run
// and read only.
type PlannedView struct {
	Name   string
	View   *View
	Input  int // place in Plan.Inputs
	Layout *aggregate.Layout

	key     []string // the columns that key its events
	keys    []*expr.Expr
	time    *expr.Expr
	arrival *expr.Expr // nil: nobody asks when events arrived
	where   *expr.Expr // nil: every event
	timed   int        // 1 and the column of the input that is its time; 0: none alone
	refuter *refuter   // of where
	columns []*expr.Expr
	own     bool     // the rows of the spine are events of it
	ends    *ends    // nil: versions end with the next one
	texts   []string // canonical text of each column
	kinds   []event.Type
}

// Lookup is a view asked by one of the queries' keys. A view is asked twice where
// a service has it in two roles: its events are the same, and answers are a set
// of slots for each lookup.
type Lookup struct {
	Name string // of the view, or of its first role
	View int    // place in Plan.Views
	Key  int    // place in Queries.Keys
	// Ahead: a label asks, and knows all events there are, also those that are not
	// known to the query.
	Ahead bool
	// LastTouch: of these, an event is known only to the last query before it.
	LastTouch bool
}

// Label is an output that later events tell. Until its window is closed it is not
// known (S14.6).
type Label struct {
	Output int // place in Outputs
	View   int // place in Views: its events say how far the data go
	Lookup int // place in Lookups
	Window aggregate.Window
	// LastTouch: an event is told to the last row alone that it matches; Events is
	// then the slot that counts a row's.
	LastTouch bool
	Events    int

	frame int // its first column of the frame; the output's is its last
}

// QueryPlan is what is read of a spine, and how it becomes queries. Views of
// one entity ask by one key, so that a query hashes it once.
type QueryPlan struct {
	Columns event.Schema // the spine's columns that queries are made of; Unknown types where no spine was at hand
	Keys    []QueryKey   // the distinct keys that views are asked by
	Source  *Source      // whose events are the questions, one by one or as a grid; nil: the spine is a table
	Stream  *Input       // how both copies of it become rows of its table; nil: it has no stream
	Grid    *GridPlan    // nil: each row is a question
	Carried []string     // the columns of the spine's table that the training set keeps as they are; nil: all
	Own     event.Schema // those that are computed, behind them
	Content event.Schema // the columns that tell questions of one instant apart; empty: nobody needs to

	time    *expr.Expr
	request []*expr.Expr
	own     []*expr.Expr
	where   *expr.Expr // of a source; nil: every event
	between event.Span // of a source: the instants that are asked of
	id      *expr.Expr // nil: questions have no identity
	keyed   []*expr.Expr
	content contentPlan
	chooser chooser
	events  []own // by input; nil: the rows are no events
}

// QueryKey is an entity's key in a query. types are those of the events; the
// spine's may be other kinds of the same identity, such as an integer of
// another width.
type QueryKey struct {
	Entity string
	named  []Text // the query's columns
	own    bool   // they are the entity's own, which a spine may call otherwise
	types  []event.Type
	source string // where the types come from, for faults
	exprs  []*expr.Expr
}

// askedBy is the spine's columns that hold the key: those of a role as the service
// names them, an entity's own as the spine calls them.
func (k *QueryKey) askedBy(s *Spine) []Text {
	for _, by := range s.Entity {
		if k.own && by.Entity.Value == k.Entity {
			return by.Columns
		}
	}
	return k.named
}

// origin is where a column of the frame comes from: exactly one of these. The
// instant is always column 0, so that `at` needs no looking up.
type origin struct {
	kind   originKind
	lookup int // slotOrigin
	index  int // requestOrigin: the request field; slotOrigin: the slot; stepOrigin: the step
	t      event.Type
}

// originKind says which of its fields an origin uses. The numbers enter the
// digest and keep their order.
type originKind uint8

const (
	atOrigin originKind = iota
	requestOrigin
	slotOrigin
	stepOrigin
)

// step computes one column of the frame from columns before it.
type step struct{ expr *expr.Expr }

// Digest is the fingerprint of the compiled meaning: equal digests give equal
// values. Descriptions, addresses and the order of what does not matter are no
// part of it. So a snapshot or a training set can name what it was made by (I3,
// S13.1).
func (p *Plan) Digest() string { return p.digest }
