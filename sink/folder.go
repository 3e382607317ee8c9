package sink

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// Folder is a sink that writes a folder of files.
type Folder struct {
	*writer
	name    string // as the user named it
	output  folderMaker
	stage   *stage
	divided *partitioned // nil: it is not
}

func (t *Target) openFolder(ctx context.Context, l *layout, o Options) (*Folder, error) {
	column := -1
	if t.PartitionBy != "" {
		var err error
		if column, err = t.checkPartition(l); err != nil {
			return nil, err
		}
	}
	if t.FileSize > 0 && o.RowGroupRows == 0 {
		l.rows = groupRows(l, t.FileSize)
	}
	files := *l
	if column >= 0 {
		files = l.without(column)
		l.text /= partitionGroups
	}
	open, err := t.format.open(&files, t.compression)
	if err != nil {
		return nil, err
	}
	out, err := t.folderMaker(ctx)
	if err != nil {
		return nil, err
	}
	f := &Folder{name: t.path, output: out, stage: out.files()}
	in := func(folder string) encoder {
		return &rolling{stage: f.stage, folder: folder, ending: t.format.ending(t.compression), size: t.FileSize, always: folder == "", open: open}
	}
	enc := in("")
	if column >= 0 {
		f.divided = &partitioned{column: column, name: t.PartitionBy, rows: l.rows, without: files.stored, open: in, by: map[string]int{}}
		enc = f.divided
	}
	f.writer = newWriter(l, enc)
	return f, nil
}

// groupRows is how many rows are encoded together where files are to have a size:
// few enough that a file has some groups, as it ends with a group.
func groupRows(l *layout, size int64) int {
	width := int64(0)
	for _, f := range l.stored.Fields() {
		if t, ok := f.Type.(arrow.FixedWidthDataType); ok {
			width += int64(t.BitWidth()+7) / 8
		} else {
			width += 24
		}
	}
	return int(min(max(size/4/width, step), rowsDefault))
}

// without is the layout of files that lack a column.
func (l *layout) without(column int) layout {
	w := *l
	less := func(s *arrow.Schema) *arrow.Schema {
		return arrow.NewSchema(slices.Delete(slices.Clone(s.Fields()), column, column+1), nil)
	}
	w.declared, w.stored = less(l.declared), less(l.stored)
	return w
}

// Write takes the next rows. Of Carried it holds references until the rows are
// encoded; of the computed columns it holds nothing.
func (f *Folder) Write(ctx context.Context, b *event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.named(f.write(ctx, b))
}

// Commit finishes all files and puts the folder in its place.
func (f *Folder) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = f.finish()
	}
	f.close()
	if err == nil {
		err = f.stage.settle()
	}
	if err == nil {
		err = f.output.commit(ctx)
	}
	if err != nil {
		err = errors.Join(err, f.output.close())
	}
	return f.named(err)
}

// Written is the files of the folder, once they are committed.
func (f *Folder) Written() []Written {
	all := slices.Clone(f.stage.written())
	for i := range all {
		f.output.identify(&all[i])
	}
	return all
}

// Attach puts a small file beside the folder.
func (f *Folder) Attach(ctx context.Context, suffix string, data []byte) error {
	return f.output.attach(ctx, suffix, data)
}

// Close releases the output for other runs, and removes what was not committed.
func (f *Folder) Close() error {
	f.close()
	if f.divided != nil {
		f.divided.release()
	}
	return f.named(f.output.close())
}

func (f *Folder) named(err error) error { return writing(f.name, err) }
