package sink

import (
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// jsonCells makes cells that spell values as JSON, for the column it names where
// a value does not fit.
type jsonCells struct {
	column string
	*misfit
}

// of spells arr, nulls as null.
func (j jsonCells) of(arr arrow.Array) cell {
	c := j.present(arr)
	if arr.NullN() == 0 && arr.DataType().ID() != arrow.NULL {
		return c
	}
	return func(dst []byte, i int) []byte {
		if arr.IsNull(i) {
			return append(dst, "null"...)
		}
		return c(dst, i)
	}
}

// present spells those rows of arr that are not null.
func (j jsonCells) present(arr arrow.Array) cell {
	switch a := arr.(type) {
	case *array.Null:
		return func(dst []byte, _ int) []byte { return append(dst, "null"...) }
	case *array.Map:
		return j.pairs(a)
	case *array.Struct:
		return j.object(a)
	case array.ListLike:
		return j.list(a)
	case array.ExtensionArray:
		if _, how := plain(a); how == nested {
			return j.present(a.Storage())
		}
	}
	c, how := plain(arr)
	switch how {
	case bare:
		return c
	case float:
		return quotedWords(c)
	case marked:
		return func(dst []byte, i int) []byte { return append(c(append(dst, '"'), i), '"') }
	}
	if a, ok := arr.(array.StringLike); ok {
		return func(dst []byte, i int) []byte { return j.quote(dst, a.Value(i)) }
	}
	return func(dst []byte, i int) []byte { return j.quote(dst, arr.ValueStr(i)) }
}

// quotedWords puts NaN, inf and -inf in quotes: JSON has numbers only.
func quotedWords(c cell) cell {
	return func(dst []byte, i int) []byte {
		from := len(dst)
		dst = c(dst, i)
		if last := dst[len(dst)-1]; last >= '0' && last <= '9' {
			return dst
		}
		dst = append(dst, '"', '"')
		copy(dst[from+1:], dst[from:len(dst)-2])
		dst[from] = '"'
		return dst
	}
}

func (j jsonCells) list(a array.ListLike) cell {
	elem := j.of(a.ListValues())
	return func(dst []byte, i int) []byte {
		lo, hi := a.ValueOffsets(i)
		dst = append(dst, '[')
		for k := lo; k < hi; k++ {
			if k > lo {
				dst = append(dst, ',')
			}
			dst = elem(dst, int(k))
		}
		return append(dst, ']')
	}
}

func (j jsonCells) object(a *array.Struct) cell {
	t := a.DataType().(*arrow.StructType)
	names, fields := make([][]byte, a.NumField()), make([]cell, a.NumField())
	for f := range fields {
		names[f] = append(j.quote(nil, t.Field(f).Name), ':')
		fields[f] = j.of(a.Field(f))
	}
	return func(dst []byte, i int) []byte {
		dst = append(dst, '{')
		for f, c := range fields {
			if f > 0 {
				dst = append(dst, ',')
			}
			dst = c(append(dst, names[f]...), i)
		}
		return append(dst, '}')
	}
}

// pairs spells a map: an object where its keys are texts, else a list of lists of
// key and value.
func (j jsonCells) pairs(a *array.Map) cell {
	key, value := j.of(a.Keys()), j.of(a.Items())
	_, text := a.Keys().(array.StringLike)
	marks := []byte("[],[]")
	if text {
		marks = []byte("{}:  ")
	}
	return func(dst []byte, i int) []byte {
		lo, hi := a.ValueOffsets(i)
		dst = append(dst, marks[0])
		for k := lo; k < hi; k++ {
			if k > lo {
				dst = append(dst, ',')
			}
			if !text {
				dst = append(dst, marks[3])
			}
			dst = append(key(dst, int(k)), marks[2])
			dst = value(dst, int(k))
			if !text {
				dst = append(dst, marks[4])
			}
		}
		return append(dst, marks[1])
	}
}

const hexDigits = "0123456789abcdef"

// quote spells a text as a JSON string. What is escaped is what must be.
func (j jsonCells) quote(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		j.note(j.column, "holds text that is not UTF-8 (%q); write Parquet or Arrow, or leave the column out", shortened(s))
		return append(dst, `""`...)
	}
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// shortened is the beginning of a text, as much as a sentence can hold.
func shortened(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
