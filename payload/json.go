package payload

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/timeseam/timeseam/features/event"
)

// JSON reads one JSON text from bytes, word by word, or a whole value into a
// column. It holds the text to the grammar, to UTF-8, and to names that stand once
// in their object, whoever asks for them. The zero JSON is ready for Begin.
type JSON struct {
	data  []byte
	at    int
	first bool     // nothing of the innermost list or object was read yet
	names [][]byte // of the objects that are open
	bases []int    // where the names begin of each list and object that is open
	text  []byte   // of the last string that had escapes
	arena []byte   // of the names that had escapes
}

// depthMost is how deep lists and objects may stand in each other.
const depthMost = 10_000

// What may be wrong with JSON besides its grammar. Who knows where the text comes
// from may say more.
var (
	ErrUnended  = errors.New("its JSON does not end")
	ErrFollowed = errors.New("something follows the end of its JSON")
	errDepth    = fmt.Errorf("its JSON is nested deeper than %d", depthMost)
	errMapKey   = errors.New("a key of a map is null or stands twice; each entry has a key of its own")
	errMapEntry = errors.New("an entry of a map is [key, value]")
)

// Misread is a value that its column cannot hold.
type Misread struct {
	Text []byte // as it is spelled
	Type event.Type
}

// Error says which, for a person; place and mend are the caller's to add.
func (e *Misread) Error() string { return fmt.Sprintf("%s is no %s", Ticked(e.Text), e.Type) }

// InColumn is an error in the value of a column.
type InColumn struct {
	Column string
	Err    error
}

// Error names the column.
func (e *InColumn) Error() string { return "column " + e.Column + ": " + e.Err.Error() }

// Unwrap is what is wrong with the value.
func (e *InColumn) Unwrap() error { return e.Err }

// Begin makes ready to read data, which is not changed.
func (j *JSON) Begin(data []byte) {
	j.data, j.at, j.first = data, 0, false
	j.names, j.bases, j.arena = j.names[:0], j.bases[:0], j.arena[:0]
}

// Finish holds that nothing but white space follows the value that was read.
func (j *JSON) Finish() error {
	if j.at = skipSpace(j.data, j.at); j.at < len(j.data) {
		return ErrFollowed
	}
	return nil
}

// Kind is the first byte of the next value, list, object or end of one; of a
// number it may be a digit or a minus. 0: the text ends, or is none of JSON.
func (j *JSON) Kind() byte {
	if j.at = skipSpace(j.data, j.at); j.at < len(j.data) {
		return j.data[j.at]
	}
	return 0
}

// wrong is the error of the grammar at a place.
func (j *JSON) wrong(at int, should string) error {
	if at >= len(j.data) {
		return ErrUnended
	}
	return fmt.Errorf("its JSON is wrong: at byte %d is %s, where %s should be", at+1, Ticked(j.data[at:min(len(j.data), at+8)]), should)
}

// stopped is the error where scanString or its like gave end.
func (j *JSON) stopped(end int, should string) error { return j.wrong(-end-1, should) }

// Open goes into the list or object that is next.
func (j *JSON) Open() error {
	if len(j.bases) >= depthMost {
		return errDepth
	}
	j.at = skipSpace(j.data, j.at) + 1
	j.bases, j.first = append(j.bases, len(j.names)), true
	return nil
}

// More goes to the next element of the list or object that was opened last; end is
// ] or }. false: there is no more, and it is closed.
func (j *JSON) More(end byte) (bool, error) {
	if j.at = skipSpace(j.data, j.at); j.at >= len(j.data) {
		return false, ErrUnended
	}
	first, b := j.first, j.data[j.at]
	switch j.first = false; {
	case b == end:
		j.at++
		return false, j.close()
	case first:
		return true, nil
	case b != ',':
		return false, j.wrong(j.at, "a comma or "+string(end))
	}
	j.at = skipSpace(j.data, j.at+1)
	return true, nil
}

// close leaves a list or object, whose names must differ.
func (j *JSON) close() error {
	base := j.bases[len(j.bases)-1]
	j.bases = j.bases[:len(j.bases)-1]
	err := distinct(j.names[base:])
	j.names = j.names[:base]
	return err
}

// distinct holds that no name stands twice. Many are sorted for that.
func distinct(names [][]byte) error {
	const few = 16
	if len(names) > few {
		slices.SortFunc(names, bytes.Compare)
	}
	for i, name := range names {
		rest := names[i+1:]
		if len(names) > few {
			rest = rest[:min(1, len(rest))]
		}
		for _, other := range rest {
			if bytes.Equal(name, other) {
				return fmt.Errorf("a name stands twice in one object (%s), and only one could count; write it once", Ticked(name))
			}
		}
	}
	return nil
}

// Name returns the next name of an object and goes behind its colon. The name is
// valid until the next Begin.
func (j *JSON) Name() ([]byte, error) {
	if j.at = skipSpace(j.data, j.at); j.at >= len(j.data) || j.data[j.at] != '"' {
		return nil, j.wrong(j.at, "a name in quotes")
	}
	end, escaped := scanString(j.data, j.at+1)
	if end < 0 {
		return nil, j.stopped(end, "text of UTF-8")
	}
	name := j.data[j.at+1 : end-1]
	if escaped {
		from := len(j.arena)
		j.arena = appendUnescaped(j.arena, name)
		name = j.arena[from:]
	}
	j.names = append(j.names, name)
	if j.at = skipSpace(j.data, end); j.at >= len(j.data) || j.data[j.at] != ':' {
		return nil, j.wrong(j.at, "a colon")
	}
	j.at++
	return name, nil
}

// Null reads the null that is next.
func (j *JSON) Null() error {
	end := scanWord(j.data, j.at)
	if end < 0 {
		return j.stopped(end, "a value")
	}
	j.at = end
	return nil
}

// Skip goes behind the next value, whatever it is.
func (j *JSON) Skip() error {
	switch kind := j.Kind(); kind {
	case '{', '[':
		return j.skipNested(kind)
	case '"':
		end, _ := scanString(j.data, j.at+1)
		if end < 0 {
			return j.stopped(end, "text of UTF-8")
		}
		j.at = end
		return nil
	case 't', 'f', 'n':
		return j.Null()
	}
	end := scanNumber(j.data, j.at)
	if end < 0 {
		return j.stopped(end, "a value")
	}
	j.at = end
	return nil
}

// skipNested goes behind a list or object. It loops rather than calls itself, as
// depth is its writer's to choose.
func (j *JSON) skipNested(kind byte) error {
	if err := j.Open(); err != nil {
		return err
	}
	ends := make([]byte, 1, 16)
	for ends[0] = kind + 2; len(ends) > 0; { // ] and } stand two behind [ and {.
		end := ends[len(ends)-1]
		more, err := j.More(end)
		if err == nil && more && end == '}' {
			_, err = j.Name()
		}
		if err != nil {
			return err
		}
		if !more {
			ends = ends[:len(ends)-1]
			continue
		}
		if kind := j.Kind(); kind == '{' || kind == '[' {
			ends = append(ends, kind+2)
			err = j.Open()
		} else {
			err = j.Skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// span goes behind the next value and returns its bytes.
func (j *JSON) span() ([]byte, error) {
	j.at = skipSpace(j.data, j.at)
	from := j.at
	err := j.Skip()
	return j.data[from:j.at], err
}

// Scalar returns the text of the next value, which must be one of a single value.
// A number may stand in quotes, as writers do who have readers without 64 bits;
// text without them is none. It is valid until the next call.
func (j *JSON) Scalar(t event.Type) ([]byte, error) { return j.scalar(j.Kind(), t) }

func (j *JSON) scalar(kind byte, t event.Type) ([]byte, error) {
	if kind == '"' && t.Scalar() {
		end, escaped := scanString(j.data, j.at+1)
		if end < 0 {
			return nil, j.stopped(end, "text of UTF-8")
		}
		text := j.data[j.at+1 : end-1]
		if j.at = end; escaped {
			j.text = appendUnescaped(j.text[:0], text)
			return j.text, nil
		}
		return text, nil
	}
	v, err := j.span()
	if err != nil {
		return nil, err
	}
	if kind == '{' || kind == '[' || !t.Scalar() || t.Text() {
		return nil, &Misread{bytes.Clone(v), t}
	}
	return v, nil
}
