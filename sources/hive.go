package sources

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// hivePair is one folder key=value on the way to a file.
type hivePair struct {
	key, value string
	null       bool
}

// hiveNull is how Hive names the folder of rows without a value.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// hivePairs reads the folders between a table's root and a file.
func hivePairs(folders string) (pairs []hivePair) {
	for _, s := range strings.Split(folders, "/") {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			continue
		}
		pairs = append(pairs, hivePair{key: unescape(key), value: unescape(value), null: value == hiveNull})
	}
	return pairs
}

// unescape undoes the percent signs that writers put for characters which a
// folder's name cannot hold.
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

// hiveKind is the type of a partition column, which nothing declares: integers if
// all its values are, dates if all are, else strings.
func hiveKind(files []File, key string) event.Kind {
	ints, dates, any := true, true, false
	for i := range files {
		p, ok := files[i].partition(key)
		if !ok || p.null {
			continue
		}
		any = true
		_, isInt := hiveInt(p.value)
		_, isDate := hiveDate(p.value)
		ints, dates = ints && isInt, dates && isDate
	}
	switch {
	case any && ints:
		return event.Int
	case any && dates:
		return event.Date
	}
	return event.String
}

func hiveInt(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

const secondsOfDay = 24 * 60 * 60

// hiveDate returns the days since 1970.
func hiveDate(s string) (int64, bool) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil || len(s) != len("2006-01-02") {
		return 0, false
	}
	days := t.Unix() / secondsOfDay // Exact: t is a midnight.
	return days, true
}

// hiveValue is a column of one row with a partition's value.
func hiveValue(p hivePair, k event.Kind) event.Column {
	c := event.Make(event.Of(k))
	v, ok := int64(0), !p.null
	switch k {
	case event.Int:
		v, _ = hiveInt(p.value)
	case event.Date:
		v, _ = hiveDate(p.value)
	}
	switch {
	case !ok:
		c.AppendNull()
	case k == event.String:
		c.AppendText([]byte(p.value))
	default:
		c.AppendInt(v)
	}
	return c
}
