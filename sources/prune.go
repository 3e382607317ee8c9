package sources

import "github.com/timeseam/timeseam/features/event"

// Known is what is known of the values that a column has in some rows, without any
// of these being read: two rows, no value being smaller than the first or greater
// than the second, as Statistics has them. ok is false where nothing is.
type Known func(column string) (bounds event.Column, ok bool)

// Without is the table without the row groups that nobody needs, and without the
// files of which then nothing is left. It shares what it has with the table it is
// of. unneeded is asked of each row group of Parquet that has rows, and of each file
// of text, of which folders alone tell. Parts and Read are of what is left; Carry is
// of whole tables only.
func (t *Table) Without(unneeded func(Known) bool) *Table {
	w := t.none()
	for i := range t.Files {
		f := t.Files[i]
		if t.text != nil {
			if !unneeded(t.known(&f, 0)) {
				w.Files = append(w.Files, f)
			}
			continue
		}
		skips, some := make([]bool, f.RowGroups), false
		for g := range skips {
			skips[g] = f.rowsOf(g) > 0 && unneeded(t.known(&f, g))
			some = some || skips[g]
		}
		if some {
			f.skips = skips
		}
		if f.left() > 0 || f.Rows == 0 {
			w.Files = append(w.Files, f)
		}
	}
	return w
}

// known tells of a row group of a file, and of a file of text as a whole. Several
// views ask for the same columns, which are looked at once.
func (t *Table) known(f *File, group int) Known {
	told := map[string]event.Column{}
	return func(name string) (event.Column, bool) {
		bounds, is := told[name]
		if !is {
			bounds = t.boundsOf(name, f, group)
			told[name] = bounds
		}
		// Where there are none, all may be null, and nobody proves that by them.
		return bounds, bounds.Len() == 2
	}
}

// boundsOf is the bounds of a column in a row group; no rows where they are not known.
func (t *Table) boundsOf(name string, f *File, group int) event.Column {
	at, ok := t.places[name]
	if !ok || t.columns[at].why != "" {
		return event.Column{}
	}
	c := &t.columns[at]
	e := newExtent(c.typ)
	if l := f.column(name); l != nil && l.form != formNull {
		e.group(&f.meta.RowGroups[group].Columns[l.index].MetaData, l)
	} else if v, ok, err := f.folderValue(c); ok && err == nil && l == nil && !v.IsNull(0) {
		e.take(&v, &v)
	}
	return e.result().Bounds
}

// skipped reports whether a row group is left out.
func (f *File) skipped(group int) bool { return f.skips != nil && f.skips[group] }

// rowsOf is how many rows of a row group are read.
func (f *File) rowsOf(group int) int64 {
	if f.skipped(group) {
		return 0
	}
	return f.meta.RowGroups[group].NumRows
}

// left is how many rows of a file are read; of text as many as are known.
func (f *File) left() int64 {
	if f.skips == nil {
		return f.Rows
	}
	n := int64(0)
	for g := range f.skips {
		n += f.rowsOf(g)
	}
	return n
}

// GroupsRead is how many row groups with rows are read; of text there are none.
func (t *Table) GroupsRead() (n int) {
	for i := range t.Files {
		for g := range t.Files[i].meta.RowGroups {
			if t.Files[i].rowsOf(g) > 0 {
				n++
			}
		}
	}
	return n
}

// StoredBytes is what columns take in the row groups that are read, compressed; of
// text it is the files as they are, whatever is asked of them.
func (t *Table) StoredBytes(columns []string) (n int64) {
	for i := range t.Files {
		f := &t.Files[i]
		if t.text != nil {
			n += f.Size
			continue
		}
		for _, name := range columns {
			l := f.column(name)
			for g := range f.meta.RowGroups {
				if l != nil && l.index >= 0 && l.why == "" && f.rowsOf(g) > 0 {
					n += f.meta.RowGroups[g].Columns[l.index].MetaData.TotalCompressedSize
				}
			}
		}
	}
	return n
}
