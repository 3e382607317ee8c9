package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers is the type of _headers. A name that stands twice has the value of the
// later one, as it has for Kafka's own clients that ask for one.
var Headers = event.MapOf(event.Of(event.String), event.Of(event.Bytes))

// ownTypes are Kafka's own columns, and what each may be.
var ownTypes = []struct {
	name  string
	types []event.Type
}{
	{"_key", []event.Type{event.Of(event.Bytes), event.Of(event.String)}},
	{"_timestamp", []event.Type{event.Of(event.Timestamp)}},
	{"_partition", []event.Type{event.Of(event.Int)}},
	{"_offset", []event.Type{event.Of(event.Int)}},
	{"_headers", []event.Type{Headers}},
	{"_value", []event.Type{event.Of(event.Bytes), event.Of(event.String)}},
}

// Own is Kafka's own columns, each in the type that it has where no other is named.
func Own() event.Schema {
	own := make(event.Schema, len(ownTypes))
	for i, o := range ownTypes {
		own[i] = event.Field{Name: o.name, Type: o.types[0]}
	}
	return own
}

// validOwn says which of the columns Kafka does not have, or not in that type.
func validOwn(own event.Schema) error {
	for _, f := range own {
		i := slices.IndexFunc(ownTypes, func(o struct {
			name  string
			types []event.Type
		}) bool {
			return o.name == f.Name
		})
		if i < 0 {
			return fmt.Errorf("no column %s is of Kafka's own", f.Name)
		}
		if !slices.ContainsFunc(ownTypes[i].types, f.Type.Equal) {
			names := make([]string, len(ownTypes[i].types))
			for k, t := range ownTypes[i].types {
				names[k] = t.String()
			}
			return fmt.Errorf("column %s of Kafka's own is no %s; it may be %s", f.Name, f.Type, strings.Join(names, " or "))
		}
	}
	return nil
}

// filler appends a value of each record to its column. What a column cannot hold is
// null and counted.
type filler func(c *event.Column, of []*kgo.Record, wrong *event.Counts)

var fillers = map[string]filler{
	"_key": func(c *event.Column, of []*kgo.Record, wrong *event.Counts) {
		for _, r := range of {
			appendBytes(c, r.Key, wrong)
		}
	},
	"_timestamp": func(c *event.Column, of []*kgo.Record, wrong *event.Counts) {
		for _, r := range of {
			appendInstant(c, r, wrong)
		}
	},
	"_partition": func(c *event.Column, of []*kgo.Record, _ *event.Counts) {
		for _, r := range of {
			c.AppendInt(int64(r.Partition))
		}
	},
	"_offset": func(c *event.Column, of []*kgo.Record, _ *event.Counts) {
		for _, r := range of {
			c.AppendInt(r.Offset)
		}
	},
	"_headers": func(c *event.Column, of []*kgo.Record, wrong *event.Counts) {
		for _, r := range of {
			appendHeaders(c, r.Headers, wrong)
		}
	},
	"_value": func(c *event.Column, of []*kgo.Record, wrong *event.Counts) {
		for _, r := range of {
			appendBytes(c, r.Value, wrong)
		}
	},
}

// appendBytes appends bytes, which a record may not have, and which a column of
// texts holds only if they are text.
func appendBytes(c *event.Column, v []byte, wrong *event.Counts) {
	switch {
	case v == nil:
		c.AppendNull()
	case c.Type.Kind == event.String && !utf8.Valid(v):
		wrong[event.OutOfType]++
		c.AppendNull()
	default:
		c.AppendText(v)
	}
}

// instantOf is a record's timestamp. Kafka writes -1 for none.
func instantOf(r *kgo.Record) (event.Time, bool) {
	ms := r.Timestamp.UnixMilli()
	if ms == -1 {
		return 0, false
	}
	return event.FloorTime(ms, event.Millisecond)
}

func appendInstant(c *event.Column, r *kgo.Record, wrong *event.Counts) {
	at, ok := instantOf(r)
	if !ok {
		if r.Timestamp.UnixMilli() != -1 {
			wrong[event.OutOfType]++
		}
		c.AppendNull()
		return
	}
	c.AppendInt(int64(at))
}

// appendHeaders appends a map of the headers, in the order of their names. Where a
// name is no text the map could not tell it, and is null.
func appendHeaders(c *event.Column, headers []kgo.RecordHeader, wrong *event.Counts) {
	for _, h := range headers {
		if !utf8.ValidString(h.Key) {
			wrong[event.OutOfType]++
			c.AppendNull()
			return
		}
	}
	if len(headers) > 1 {
		headers = slices.Clone(headers)
		slices.SortStableFunc(headers, func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) })
	}
	name, value := &c.Elem.Fields[0], &c.Elem.Fields[1]
	for i, h := range headers {
		if i+1 < len(headers) && headers[i+1].Key == h.Key {
			continue
		}
		name.AppendText([]byte(h.Key))
		if h.Value == nil {
			value.AppendNull()
		} else {
			value.AppendText(h.Value)
		}
		c.Elem.Rows++
	}
	c.EndList()
}

// emptied is a column without rows that uses the vectors of c again. Its dictionary is
// a new one with room for as many texts as the last.
func emptied(c *event.Column, t event.Type) event.Column {
	next := event.Make(t)
	switch {
	case !t.Scalar():
		return next
	case c.Dict != nil:
		next.Codes = c.Codes[:0]
		next.Dict.Bytes = make([]byte, 0, len(c.Dict.Bytes)+len(c.Dict.Bytes)/8)
		next.Dict.Offsets = append(make([]uint32, 0, len(c.Dict.Offsets)+1), 0)
	default:
		next.Ints = c.Ints[:0]
	}
	return next
}

// sizeOf is the bytes of a record that may come to be in a batch.
func sizeOf(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// clonedHeaders are headers that outlive the batch they came with.
func clonedHeaders(headers []kgo.RecordHeader) []kgo.RecordHeader {
	all := make([]kgo.RecordHeader, len(headers))
	for i, h := range headers {
		all[i] = kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	return all
}
