package sources

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// calendar is a unit of the calendar in which folders cut time, coarse to fine.
type calendar int

const (
	year calendar = iota
	month
	day
	hour
	minute
)

var calendarNames = [...]string{"year", "month", "day", "hour", "minute"}

func (c calendar) String() string { return calendarNames[c] }

// after is the instant a unit after t.
func (c calendar) after(t time.Time) time.Time {
	switch c {
	case year:
		return t.AddDate(1, 0, 0)
	case month:
		return t.AddDate(0, 1, 0)
	case day:
		return t.AddDate(0, 0, 1)
	case hour:
		return t.Add(time.Hour)
	}
	return t.Add(time.Minute)
}

// calendarKeys is what keys are called whose values are parts of a date.
var calendarKeys = map[string]calendar{"year": year, "yyyy": year, "yr": year, "month": month, "mon": month, "day": day, "dd": day, "hour": hour, "hr": hour, "hh": hour, "minute": minute, "min": minute}

// wholeDates is how a value may be written that says by itself which time it is: its
// shape, the layout that reads it, and the unit that it is one of.
var wholeDates = []struct {
	shape  *regexp.Regexp
	layout string
	unit   calendar
}{
	{regexp.MustCompile(`^\d{4}$`), "2006", year},
	{regexp.MustCompile(`^\d{4}-\d\d$`), "2006-01", month},
	{regexp.MustCompile(`^\d{6}$`), "200601", month},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d$`), "2006-01-02", day},
	{regexp.MustCompile(`^\d{8}$`), "20060102", day},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d-\d\d$`), "2006-01-02-15", hour},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d$`), "2006-01-02T15", hour},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d$`), "2006-01-02 15", hour},
	{regexp.MustCompile(`^\d{10}$`), "2006010215", hour},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d-\d\d-\d\d$`), "2006-01-02-15-04", minute},
	{regexp.MustCompile(`^\d{12}$`), "200601021504", minute},
}

// partOfDate is the shape of a value that is a part of a date: month=3.
var partOfDate = regexp.MustCompile(`^\d{1,2}$`)

// dated is what one folder says of time.
type dated struct {
	unit  calendar
	whole bool
	begin time.Time // whole
	n     int       // else: which month of its year, which hour of its day
	pair  hivePair
}

// datedOf reads a folder; the error follows its name.
func datedOf(p hivePair) (dated, error) {
	c := dated{pair: p}
	unit, named := calendarKeys[strings.ToLower(p.key)]
	if partOfDate.MatchString(p.value) && named && unit > year {
		c.unit = unit
		c.n, _ = strconv.Atoi(p.value)
		return c, nil
	}
	for _, w := range wholeDates {
		if w.shape.MatchString(p.value) {
			t, err := time.Parse(w.layout, p.value)
			if err != nil {
				return c, fmt.Errorf("is no %s of the calendar", w.unit)
			}
			c.whole, c.unit, c.begin = true, w.unit, t
			return c, nil
		}
	}
	at, err := event.ParseTime(p.value)
	switch {
	case err == nil && named: // An instant to the second does not say how long its partition is; the key does.
		c.whole, c.unit, c.begin = true, unit, time.UnixMicro(int64(at)).UTC()
		return c, nil
	case partOfDate.MatchString(p.value) && !named:
		return c, fmt.Errorf("is a part of a date, and its key does not say which; call it year, month, day, hour or minute")
	case err == nil:
		return c, fmt.Errorf("is an instant, and nothing says how long its partition is; write it as a day or an hour, or call the key day or hour")
	}
	return c, fmt.Errorf("is no time; write 2026-01-31, 2026-01-31-05, 2026-01 or 2026, or the parts as year=2026, month=01, day=31, hour=05")
}

// spanOf is the times that folders bound together; ok is false where they bound
// none. The finer stands within the coarser, in whatever order the folders lie.
func spanOf(pairs []hivePair) (s event.Span, ok bool, err error) {
	cuts := make([]dated, len(pairs))
	for i, p := range pairs {
		if p.null {
			return s, false, nil // rows without a time
		}
		if cuts[i], err = datedOf(p); err != nil {
			return s, false, fmt.Errorf("folder %s %w", p.folder, err)
		}
	}
	slices.SortStableFunc(cuts, func(a, b dated) int { return int(a.unit) - int(b.unit) })
	var begin, end time.Time
	last := calendar(-1)
	for _, c := range cuts {
		from := c.begin
		if !c.whole {
			if from, err = c.within(begin, last); err != nil {
				return s, false, err
			}
		}
		to := c.unit.after(from)
		if last >= 0 && (from.Before(begin) || to.After(end)) {
			return s, false, fmt.Errorf("folder %s is not within that of the %s above it", c.pair.folder, last)
		}
		begin, end, last = from, to, c.unit
	}
	return event.Span{From: event.Time(begin.UnixMicro()), To: event.Time(end.UnixMicro())}, last >= 0, nil
}

// within is when a part of a date begins, the coarser parts being known.
func (c dated) within(begin time.Time, last calendar) (time.Time, error) {
	if c.unit != last+1 {
		return begin, fmt.Errorf("folder %s stands without its %s", c.pair.folder, c.unit-1)
	}
	from := begin
	switch c.unit {
	case month:
		from = begin.AddDate(0, c.n-1, 0)
	case day:
		from = begin.AddDate(0, 0, c.n-1)
	case hour:
		from = begin.Add(time.Duration(c.n) * time.Hour)
	case minute:
		from = begin.Add(time.Duration(c.n) * time.Minute)
	}
	if from.Before(begin) || !from.Before(last.after(begin)) {
		return begin, fmt.Errorf("folder %s is no %s of its %s", c.pair.folder, c.unit, last)
	}
	return from, nil
}

// spanning is how the folders of a table bound its rows' times.
type spanning struct {
	keys []string // none: nothing says that they do
}

// bound is a folder whose keys bound times.
type bound struct {
	span   event.Span
	folder string // the folders of these keys alone, such as dt=2026-01-01/hour=05
}

// boundOfFolders is what a table's keys say of some folders; nil: nothing.
func (s *spanning) boundOfFolders(pairs []hivePair) (*bound, error) {
	var own []hivePair
	var names []string
	for _, p := range pairs {
		if slices.Contains(s.keys, p.key) {
			own, names = append(own, p), append(names, p.folder)
		}
	}
	span, ok, err := spanOf(own)
	if !ok || err != nil {
		return nil, err
	}
	return &bound{span, strings.Join(names, "/")}, nil
}

// Misfit is a key of folders that does not bound times as a definition says.
type Misfit struct{ Key, Problem, Mend string }

// Error is the problem.
func (m *Misfit) Error() string { return m.Problem }

// Partition says that the folders of these keys bound a time of the rows: that of
// dt=2026-01-31 is of that day, in UTC. Folders of null, and files that are in no
// such folder, bound nothing. The error is a Misfit.
func (t *Table) Partition(keys []string) error {
	t.span = spanning{keys: keys}
	seen := map[string]bool{}
	for i := range t.Files {
		f := &t.Files[i]
		for _, p := range f.hive {
			seen[p.key] = true
		}
		var err error
		if f.bound, err = t.span.boundOfFolders(f.hive); err != nil {
			return &Misfit{keys[0], fmt.Sprintf("%s: %v", f.Path, err), "or leave the key out: it is a column all the same"}
		}
	}
	for _, k := range keys {
		if seen[k] {
			continue
		}
		var found []string
		for other := range seen {
			found = append(found, other)
		}
		slices.Sort(found)
		mend := "name the folder above them in history; its own name and those above it are not looked at"
		if len(found) > 0 {
			mend = "its folders have " + strings.Join(found, ", ")
		}
		return &Misfit{k, fmt.Sprintf("no folder of %s is called %s=…", t.Path, k), mend}
	}
	return nil
}

// Within is the table of the files whose rows may have a time in a span, the others
// left out. It shares what it has with the table it is of.
func (t *Table) Within(s event.Span) *Table {
	w := t.none()
	for i := range t.Files {
		if b := t.Files[i].bound; b == nil || b.span.Meets(s) {
			w.Files = append(w.Files, t.Files[i])
		}
	}
	return w
}

// none is the table without its files.
func (t *Table) none() *Table {
	return &Table{Path: t.Path, text: t.text, window: t.window, columns: t.columns, places: t.places, marks: t.marks, span: t.span, Files: []File{}}
}

// WithoutFiles is the table without some of its files. It shares what it has with the table
// it is of.
func (t *Table) WithoutFiles(left func(f *File) bool) *Table {
	w := t.Within(event.Always())
	w.Files = slices.DeleteFunc(slices.Clone(t.Files), func(f File) bool { return left(&f) })
	return w
}

// Partition is a span of time that folders stand for.
type Partition struct {
	event.Span
	Folder string // such as dt=2026-01-31
}

// Partitions are those that there are, of files or of marks alone, in the order of
// time, each once.
func (t *Table) Partitions() (all []Partition) {
	for i := range t.Files {
		if b := t.Files[i].bound; b != nil {
			all = append(all, Partition{b.span, b.folder})
		}
	}
	for _, m := range t.marks {
		if b, err := t.span.boundOfFolders(hivePairs(m.hive)); err == nil && b != nil {
			all = append(all, Partition{b.span, b.folder})
		}
	}
	slices.SortFunc(all, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Folder, b.Folder))
	})
	return slices.Compact(all)
}

// Holes are the times between two partitions that no partition stands for.
func (t *Table) Holes() (holes []Partition) {
	var before Partition
	for i, p := range t.Partitions() {
		if i > 0 && p.From > before.To {
			holes = append(holes, Partition{event.Span{From: before.To, To: p.From}, fmt.Sprintf("between %s and %s", before.Folder, p.Folder)})
		}
		if i == 0 || p.To > before.To {
			before = p
		}
	}
	return holes
}

// NextPartition is the evidence that a partition is complete once the next one
// is there.
const NextPartition = "next_partition"

// Complete is up to when the partitions are complete, by a mark of that name in
// each, or by NextPartition; and what ends them there. ok is false where there is
// none. A mark tells of all folders below its own.
func (t *Table) Complete(by string) (until event.Time, why string, ok bool) {
	all := t.Partitions()
	if len(all) == 0 {
		return 0, "there is no partition", false
	}
	last := all[len(all)-1]
	if by == NextPartition {
		return last.From, last.Folder + " is the last one", true
	}
	until, why, ok = event.MinTime, "", true
	for _, p := range all {
		until = max(until, p.To)
	}
	why = last.Folder + " is the last one"
	marked := map[string]bool{}
	for _, m := range t.marks {
		if b, err := t.span.boundOfFolders(hivePairs(m.hive)); path.Base(filepath.ToSlash(m.path)) == by && err == nil && b != nil {
			marked[m.hive] = true
		}
	}
	for i := range t.Files {
		f := &t.Files[i]
		if f.bound != nil && f.bound.span.From < until && !covered(f.folders, marked) {
			until, why = f.bound.span.From, fmt.Sprintf("%s has no %s", f.bound.folder, by)
		}
	}
	return until, why, true
}

// covered reports whether a folder, or one above it, is marked.
func covered(folders string, marked map[string]bool) bool {
	for at := folders; at != "." && at != ""; at = path.Dir(at) {
		if marked[at] {
			return true
		}
	}
	return false
}

// Folder is the times of the folder that a part's file lies in.
func (p *part) Folder() (event.Span, bool) { return p.file.Folder() }

// Place names the file and the row, from 1 on, of a row of the last batch.
func (p *part) Place(row int) string {
	return fmt.Sprintf("%s, row group %d, row %d", p.file.Path, p.group, p.rows+int64(row)+1)
}

// Folder is the times of the folder that a part's file lies in.
func (p *textPart) Folder() (event.Span, bool) { return p.file.Folder() }

// Place names the file and the row, from 1 on, of a row of the last batch.
func (p *textPart) Place(row int) string {
	return fmt.Sprintf("%s, row %d", p.file.Path, p.rows-int64(p.last)+int64(row)+1)
}

// Folder is the times of the folder that a file lies in; ok is false where it bounds none.
func (f *File) Folder() (times event.Span, ok bool) {
	if f.bound == nil {
		return event.Span{}, false
	}
	return f.bound.span, true
}

// Empty is a table without files or columns.
func Empty() *Table { return &Table{} }

// FolderColumns are the columns whose values stand in the names of folders alone.
func (t *Table) FolderColumns() (names []string) {
	for _, c := range t.columns {
		if c.hive {
			names = append(names, c.name)
		}
	}
	return names
}
