package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/sink"
)

// What a record is known by, in an archive: where it stood, and when it was stamped,
// which is its arrival. A cut by offset reads partition and offset of a history.
var (
	topicField = event.Field{Name: "_topic", Type: event.Of(event.String)}
	places     = event.Schema{
		{Name: "_partition", Type: event.Of(event.Int)},
		{Name: "_offset", Type: event.Of(event.Int)},
		stamp,
	}
)

// archiveRows are encoded together: fewer than of an output, as every worker has its
// own file.
const archiveRows = 32 << 10

// archive is a file of Parquet of records of one topic: topic, partition, offset,
// timestamp, and then the columns of rows that were made of them, whichever these are.
// It is there once it is committed. It is a sink of batches of such rows with their
// places behind them, as who reads a topic or applies its records has them.
type archive struct {
	event.Sink
	topic event.Column
	rows  event.Batch
}

// newArchive begins a file for rows of these columns.
func newArchive(ctx context.Context, path, topic string, columns event.Schema) (*archive, error) {
	if err := copied(columns, "leave spool out"); err != nil {
		return nil, err
	}
	target, err := sink.Place{Path: path}.Resolve()
	if err != nil {
		return nil, err
	}
	schema := append(event.Schema{topicField}, places...)
	for i, name := range archivedNames(columns) {
		schema = append(schema, event.Field{Name: name, Type: columns[i].Type})
	}
	a := &archive{topic: event.Make(topicField.Type)}
	a.topic.Dict.Add([]byte(topic))
	a.Sink, err = target.Open(ctx, sink.Options{Schema: schema, RowGroupRows: archiveRows})
	return a, err
}

// copied returns an error if an archive cannot have a column.
func copied(columns event.Schema, mend string) error {
	for _, f := range columns {
		if !f.Type.Scalar() {
			return fmt.Errorf("column %s is %s, which is not copied: %s, or make single values of it", f.Name, f.Type, mend)
		}
	}
	return nil
}

// archivedNames is what columns are called in an archive. Those of Kafka's own names
// stand there as it has them, and what a definition calls so beside them.
func archivedNames(columns event.Schema) []string {
	taken := append([]string{topicField.Name}, names(places)...)
	all := names(columns)
	for i, name := range all {
		for slices.Contains(taken, name) || name != columns[i].Name && columns.Index(name) >= 0 {
			name += "_"
		}
		all[i], taken = name, append(taken, name)
	}
	return all
}

// Write takes the next rows, with their places behind them.
func (a *archive) Write(ctx context.Context, b *event.Batch) error {
	for len(a.topic.Codes) < b.Len {
		a.topic.AppendCode(0)
	}
	topic := a.topic
	topic.Codes = topic.Codes[:b.Len]
	values := len(b.Columns) - len(places)
	a.rows.Len = b.Len
	a.rows.Columns = append(append(append(a.rows.Columns[:0], topic), b.Columns[values:]...), b.Columns[:values]...)
	return a.Sink.Write(ctx, &a.rows)
}

// kafkaOwn is what is read of records beside what a copy reads: when each was stamped,
// and of those that are archived where it stood.
func (j *joined) kafkaOwn() event.Schema {
	if j.spooled() {
		return places
	}
	return event.Schema{stamp}
}

// archiveParts copies the records of parts to archives in a folder, one each, so many at
// a time, and returns their files.
func (s *spool) archiveParts(ctx context.Context, topic *kafka.Topic, dir string, parts []event.Source, workers int) ([]string, error) {
	return s.copy(ctx, copying{dir, parts, workers, func(path string, p event.Source) (event.Sink, error) {
		schema := p.Schema()
		return newArchive(ctx, path, topic.Name, schema[:len(schema)-len(places)])
	}})
}
