package sources

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// hivePair is one folder key=value on the way to a file.
type hivePair struct {
	key, value string
	null       bool
	folder     string // as it is called
}

// hiveNull is how Hive names the folder of rows without a value.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// hivePairs reads the folders between a table's root and a file. A value may be
// empty, and is then an empty text; a folder without a key is no partition.
func hivePairs(folders string) (pairs []hivePair) {
	for _, s := range strings.Split(folders, "/") {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			continue
		}
		pairs = append(pairs, hivePair{key: unescape(key), value: unescape(value), null: value == hiveNull, folder: s})
	}
	return pairs
}

// unescape undoes the percent signs that writers put for characters which a
// folder's name cannot hold. A percent sign that begins nothing stands for itself.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// partition returns what the file's folders say of a key.
func (f *File) partition(key string) (hivePair, bool) {
	for _, p := range f.hive {
		if p.key == key {
			return p, true
		}
	}
	return hivePair{}, false
}

// mergeHive adds the keys of partitions that no file has as a column of its own.
// fields types those that it names.
func (t *Table) mergeHive(fields event.Schema) error {
	spelled := map[string]string{} // each key by its small letters
	for i := range t.Files {
		f := &t.Files[i]
		for k, p := range f.hive {
			for _, q := range f.hive[:k] {
				if q.key == p.key && q.folder != p.folder {
					return fmt.Errorf("open %s: its folders %s and %s say different things of %s; a key has one value", f.Path, q.folder, p.folder, p.key)
				}
			}
			small := strings.ToLower(p.key)
			if other, is := spelled[small]; is && other != p.key {
				return fmt.Errorf("open %s: its folder %s and others called %s=… differ in upper and lower case alone; rename one", f.Path, p.folder, other)
			}
			spelled[small] = p.key
			if _, known := t.places[p.key]; known {
				continue
			}
			t.places[p.key] = len(t.columns)
			t.columns = append(t.columns, column{name: p.key, typ: event.Of(hiveKind(t.Files, p.key)), from: i, hive: true})
		}
	}
	return t.Declare(fields)
}

// Declare gives the columns that stand in folders' names the types of fields; it
// is asked before anything is read. The other columns keep those of their files.
func (t *Table) Declare(fields event.Schema) error {
	for _, f := range fields {
		at, known := t.places[f.Name]
		if !known || !t.columns[at].hive {
			continue
		}
		c := t.columns[at]
		c.typ = f.Type
		for i := range t.Files {
			if _, _, err := t.Files[i].folderValue(&c); err != nil {
				return fmt.Errorf("open %s: %w", t.Files[i].Path, err)
			}
		}
		t.columns[at] = c
	}
	return nil
}

// hiveKind is the type of a partition column that nothing declares: the narrowest
// of integers, dates, instants and truths that all its values are, else strings.
func hiveKind(files []File, key string) event.Kind {
	ints, dates, times, truths, any := true, true, true, true, false
	for i := range files {
		p, ok := files[i].partition(key)
		if !ok || p.null {
			continue
		}
		any = true
		ints, dates = ints && isHiveInt(p.value), dates && isHiveDate(p.value)
		times, truths = times && isHiveTime(p.value), truths && isHiveTruth(p.value)
	}
	switch {
	case any && ints:
		return event.Int
	case any && dates:
		return event.Date
	case any && times:
		return event.Timestamp
	case any && truths:
		return event.Bool
	}
	return event.String
}

func isHiveInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

const hiveDay = "2006-01-02"

func isHiveDate(s string) bool {
	_, err := time.Parse(hiveDay, s)
	return err == nil && len(s) == len(hiveDay)
}

// isHiveTime takes dates too, as an instant may be written as its midnight.
func isHiveTime(s string) bool {
	_, is := payload.ParseInstant([]byte(s))
	return is
}

func isHiveTruth(s string) bool {
	_, is := payload.ParseBool([]byte(s))
	return is && len(s) > 1 // 0 and 1 are numbers.
}

// folderValue is the value, in one row, that a file's folders give a column; ok is
// false where they say nothing of it.
func (f *File) folderValue(c *column) (v event.Column, ok bool, err error) {
	p, ok := f.partition(c.name)
	if !ok {
		return v, false, nil
	}
	v = event.Make(c.typ)
	switch {
	case p.null:
		v.AppendNull()
	case !c.typ.Scalar() || payload.AppendText(&v, []byte(p.value)) != nil:
		return v, true, fmt.Errorf("folder %s is no %s; declare another type for %s", p.folder, c.typ, p.key)
	}
	return v, true, nil
}

// constantOf is a column that a file's rows have no values of their own for: what
// its folders say, or null.
func (f *File) constantOf(c *column, batch int) (*constant, error) {
	value, ok, err := f.folderValue(c)
	if err != nil {
		return nil, err
	}
	if !ok {
		value = event.Make(c.typ)
		value.AppendNull()
	}
	return &constant{value: value, batch: batch}, nil
}

// agreement is a column that a file has and its folders name too: the file's values
// count, and each must be what the folder says, as nobody could tell which of two
// is meant.
type agreement struct {
	at     int // the column's place in the batch
	name   string
	pair   hivePair
	value  event.Column // one row
	absent bool         // a null of the file is nothing said: of JSON, a name that is not there
}

// agree returns the agreement of a column of the file; nil where its folders say
// nothing of it.
func (f *File) agree(c *column, at int) (*agreement, error) {
	value, ok, err := f.folderValue(c)
	if !ok || err != nil {
		return nil, err
	}
	p, _ := f.partition(c.name)
	return &agreement{at: at, name: c.name, pair: p, value: value}, nil
}

// differs returns an error if a row of c is not what the folder says; before is
// how many rows of the file came before.
func (a *agreement) differs(c *event.Column, n int, before int64) error {
	for i := range n {
		null := c.IsNull(i)
		if null && (a.absent || a.value.IsNull(0)) || !null && !a.value.IsNull(0) && a.same(c, i) {
			continue
		}
		is := "null"
		if !null {
			is = payload.Ticked([]byte(Text(c, i)))
		}
		return fmt.Errorf("row %d: column %s is %s, and its folder is %s; write the rows into their folder, or leave the column out of the files", before+int64(i)+1, a.name, is, a.pair.folder)
	}
	return nil
}

func (a *agreement) same(c *event.Column, i int) bool {
	if c.Type.Text() {
		return bytes.Equal(c.Text(i), a.value.Text(0))
	}
	return event.Compare(c, i, &a.value, 0) == 0
}
