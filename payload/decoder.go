package payload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// Formats of messages.
const (
	FormatJSON     = "json"
	FormatAvro     = "avro"
	FormatProtobuf = "protobuf"
)

// EnvelopeDebezium is the envelope that Debezium puts around a row that changed.
const EnvelopeDebezium = "debezium"

// Options say how messages are written.
type Options struct {
	Format   string // one of the formats
	Envelope string // "" or EnvelopeDebezium

	// Registry says that messages begin with the id of a schema there (Confluent's
	// wire format). Subject, such as payments-value, is where the newest schema
	// stands: it says what fields are that a message's own schema has not. It may
	// be empty.
	Registry *Registry
	Subject  string

	// Schema is the file of the one schema of all messages, which then have no id:
	// Avro's JSON (.avsc), Protobuf's source (.proto) or descriptors (.binpb).
	Schema  string
	Message string   // of Protobuf; "": the file has one
	Imports []string // folders where Protobuf's imports are looked for, beside the file's own
}

// Check says what of the options does not go together.
func (o *Options) Check() error {
	switch {
	case !slices.Contains([]string{FormatJSON, FormatAvro, FormatProtobuf}, o.Format):
		return fmt.Errorf("there is no format %s; formats are json, avro and protobuf", o.Format)
	case o.Envelope != "" && o.Envelope != EnvelopeDebezium:
		return fmt.Errorf("there is no envelope %s; the one there is is debezium", o.Envelope)
	case o.Envelope != "" && o.Format == FormatProtobuf:
		return errors.New("an envelope of debezium is read from json and avro; write one of them")
	case o.Registry != nil && o.Schema != "":
		return errors.New("a registry and a schema file are both named; messages have one or the other")
	case o.Format == FormatJSON && o.Schema != "":
		return errors.New("json needs no schema file; leave it out")
	case o.Format != FormatJSON && o.Registry == nil && o.Schema == "":
		return fmt.Errorf("format %s needs a schema; name a registry, or a schema file", o.Format)
	case o.Subject != "" && o.Registry == nil:
		return errors.New("a subject is named without a registry; name the registry that has it")
	case o.Format != FormatProtobuf && (o.Message != "" || len(o.Imports) > 0):
		return errors.New("message and imports belong to format protobuf")
	}
	return nil
}

// A Decoder reads messages into rows of columns. Between two Begins the columns
// grow by one row a message; what Columns returned is valid until the second. It
// belongs to one goroutine.
type Decoder interface {
	// Begin makes all columns empty.
	Begin()
	// Append appends one row to every column, or on an error none of it. Poison
	// tells errors of the message from those of others.
	Append(ctx context.Context, value []byte) error
	// Columns are the columns, in the order of the fields that were asked for.
	Columns() []event.Column
}

// rows appends rows of one schema. After an error it may leave a row in part.
type rows interface {
	append(value []byte) error
}

// outside is an error that does not lie in a message: another message of its schema,
// or any, would meet it too.
type outside struct{ err error }

func (e *outside) Error() string { return e.err.Error() }
func (e *outside) Unwrap() error { return e.err }

// Poison reports whether an error of Append is of the message alone, so that the
// next may be read. Else the registry could not be asked, or a schema does not give
// the fields that are asked for, and going on would lose more than one message.
func Poison(err error) bool {
	var out *outside
	return err != nil && !errors.As(err, &out)
}

// decoder is the Decoder of all formats.
type decoder struct {
	Options
	columns []*Column
	picks   []pick    // where the fields that were asked for are
	own     []*Column // what a row's schema knows: without those of an envelope
	change  *change   // of an envelope
	rows    int
	one     rows            // of all messages
	json    rows            // that reads JSON
	known   map[uint32]rows // by the id of their schema
	newest  *schema         // that the registry has for the subject
}

// New returns a decoder of messages into fields, those that are used alone. One of a
// struct is called by its path, payload.amount. It reads
// the schemas that it needs at once, and asks the registry for others as messages
// name them. An error that is Misfits says which fields are not as the schema has
// them.
func New(ctx context.Context, o Options, fields event.Schema) (Decoder, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := &decoder{Options: o, known: map[uint32]rows{}}
	var err error
	if d.columns, d.picks, err = nested(fields); err != nil {
		return nil, err
	}
	d.own = d.columns
	if o.Envelope != "" {
		if d.change, d.own, err = newChange(d.columns); err != nil {
			return nil, err
		}
	}
	switch {
	case o.Registry == nil && o.Format == FormatJSON:
		d.one = d.jsonRows()
	case o.Registry == nil:
		var s *schema
		if s, err = loadSchema(ctx, &d.Options); err == nil {
			d.one, err = d.compile(s)
		}
	case o.Subject != "":
		if d.newest, err = o.Registry.newest(ctx, &d.Options); err == nil {
			_, err = d.compile(d.newest)
		}
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Begin makes all columns empty.
func (d *decoder) Begin() {
	for _, c := range d.columns {
		c.Begin()
	}
	d.rows = 0
}

// Columns are the columns as they go into a batch.
func (d *decoder) Columns() []event.Column {
	all := make([]event.Column, len(d.picks))
	for i := range d.picks {
		all[i] = d.picks[i].of(d.columns)
	}
	return all
}

// Append appends one row, or nothing.
func (d *decoder) Append(ctx context.Context, value []byte) error {
	err := d.append(ctx, value)
	if err != nil {
		takeBack(d.columns, d.rows)
		return err
	}
	d.rows++
	return nil
}

func (d *decoder) append(ctx context.Context, value []byte) error {
	if len(value) == 0 {
		return errEmpty
	}
	if d.one == nil {
		return d.framed(ctx, value)
	}
	err := d.one.append(value)
	if err != nil && value[0] == magic && len(value) > headLength {
		return fmt.Errorf("%w; it begins with a zero byte, as messages do whose schema stands in a registry: name the registry, if it has one", err)
	}
	return err
}

// errEmpty is a message without a byte.
var errEmpty = errors.New("it is empty")

// jsonRows reads JSON, in an envelope or without. All schemas share the one reader,
// which remembers of each column whether its object had it.
func (d *decoder) jsonRows() rows {
	if d.json == nil {
		d.json = d.newJSON()
	}
	return d.json
}

func (d *decoder) newJSON() rows {
	objects := &jsonRow{NewObjects(d.own)}
	if d.change == nil {
		return objects
	}
	return &jsonChange{change: d.change, objects: objects}
}

// jsonRow is rows of JSON.
type jsonRow struct{ *Objects }

func (j *jsonRow) append(value []byte) error { return j.Append(value) }
