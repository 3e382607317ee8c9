package serve

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
)

// Fields of the answer as Feast spells them.
const (
	present  = `"PRESENT"`
	notFound = `"NOT_FOUND"`
	noTime   = `"1970-01-01T00:00:00Z"`
)

// appendReply appends a reply as Feast's Python server writes it: a vector for each
// key of the request, then one for each feature.
func appendReply(b []byte, a *reply) []byte {
	b = append(b, `{"results":[`...)
	for i, at := range a.echoed {
		b = comma(b, i)
		b = appendVector(b, &a.asked.Columns[at], a.asked.Len)
		b = appendTexts(b, `"statuses"`, a.asked.Len, func(b []byte, _ int) []byte { return append(b, present...) })
		b = appendTexts(b, `"event_timestamps"`, a.asked.Len, func(b []byte, _ int) []byte { return append(b, noTime...) })
		b[len(b)-1] = '}'
	}
	var times [][]byte // of each row, spelled once
	if len(a.selected.names) > 0 {
		for _, t := range a.times {
			times = append(times, appendTime(nil, t))
		}
	}
	for i := range a.answer.Columns {
		b = comma(b, i+len(a.echoed))
		b = a.appendFeature(b, i, times)
	}
	b = append(b, `],"metadata":{"feature_names":[`...)
	for i, at := range a.echoed {
		b = appendText(comma(b, i), a.catalog.plan.Queries.Columns[at].Name)
	}
	for i, name := range a.selected.names {
		b = appendText(comma(b, i+len(a.echoed)), name)
	}
	b = append(b, ']')
	if a.views {
		b = append(b, `,"feature_view_metadata":[`...)
		for i, name := range a.selected.views {
			b = appendText(append(comma(b, i), `{"name":`...), name)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, `}}`...)
}

// appendFeature appends the vector of feature i. A value of a view over events or
// versions is of the instant that was asked; what is derived has none, as in Feast.
func (a *reply) appendFeature(b []byte, i int, times [][]byte) []byte {
	timed := a.selected.part.From[i] >= 0
	b = appendVector(b, &a.answer.Columns[i], a.asked.Len)
	b = appendTexts(b, `"statuses"`, a.asked.Len, func(b []byte, row int) []byte {
		if a.known(i, row) {
			return append(b, present...)
		}
		return append(b, notFound...)
	})
	b = appendTexts(b, `"event_timestamps"`, a.asked.Len, func(b []byte, row int) []byte {
		if timed && a.known(i, row) {
			return append(b, times[row]...)
		}
		return append(b, noTime...)
	})
	b[len(b)-1] = '}'
	return b
}

// comma separates a member or element from the ones before it.
func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendVector begins an object with the values of a column.
func appendVector(b []byte, c *event.Column, rows int) []byte {
	b = append(b, `{"values":[`...)
	for row := range rows {
		b = appendValue(comma(b, row), c, row)
	}
	return append(b, `],`...)
}

// appendTexts appends a list, and a comma behind it.
func appendTexts(b []byte, name string, rows int, one func(b []byte, row int) []byte) []byte {
	b = append(append(b, name...), `:[`...)
	for row := range rows {
		b = one(comma(b, row), row)
	}
	return append(b, `],`...)
}

// appendValue appends one value. Integers, booleans and texts are JSON's own. Doubles
// are the shortest that read back the same, spelled as Python spells them, and what JSON
// has no number for is a string, as in Protobuf's mapping. Decimals are strings, as
// readers of JSON make doubles of numbers.
func appendValue(b []byte, c *event.Column, i int) []byte {
	if c.IsNull(i) {
		return append(b, "null"...)
	}
	switch c.Type.Kind {
	case event.Bool:
		return strconv.AppendBool(b, c.Ints[i] != 0)
	case event.Int:
		return strconv.AppendInt(b, c.Ints[i], 10)
	case event.Double:
		return appendDouble(b, c.Floats[i])
	case event.Decimal:
		return append(append(append(b, '"'), c.Decimals[i].Text(c.Type.Scale)...), '"')
	case event.String:
		return appendText(b, c.Text(i))
	case event.Bytes:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, c.Text(i))
		return append(b, '"')
	case event.Date:
		return appendDate(b, c.Ints[i])
	case event.Timestamp:
		return appendTime(b, event.Time(c.Ints[i]))
	case event.List:
		b = append(b, '[')
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			b = appendValue(comma(b, int(k-c.Offsets[i])), c.Elem, int(k))
		}
		return append(b, ']')
	case event.Map:
		return appendMap(b, c, i)
	case event.Struct:
		b = append(b, '{')
		for f := range c.Fields {
			b = append(appendText(comma(b, f), c.Type.Fields[f].Name), ':')
			b = appendValue(b, &c.Fields[f], i)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// appendMap appends an object. Keys that are no texts are written as the texts that
// their values are elsewhere.
func appendMap(b []byte, c *event.Column, i int) []byte {
	keys, values := &c.Elem.Fields[0], &c.Elem.Fields[1]
	b = append(b, '{')
	for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
		b = comma(b, int(k-c.Offsets[i]))
		from := len(b)
		if b = appendValue(b, keys, int(k)); b[from] != '"' {
			b = append(b, '"')
			copy(b[from+1:], b[from:len(b)-1])
			b[from] = '"'
			b = append(b, '"')
		}
		b = appendValue(append(b, ':'), values, int(k))
	}
	return append(b, '}')
}

func appendDouble(b []byte, v float64) []byte {
	switch {
	case v != v:
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, v, 'e', -1, 64)
	}
	from := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, 64)
	for _, c := range b[from:] {
		if c == '.' {
			return b
		}
	}
	return append(b, ".0"...)
}

// appendTime appends an instant with as many digits of its fraction as Protobuf's
// mapping has: none, three or six.
func appendTime(b []byte, t event.Time) []byte {
	at, layout := time.UnixMicro(int64(t)).UTC(), `"2006-01-02T15:04:05Z"`
	switch nanos := at.Nanosecond(); {
	case nanos == 0:
	case nanos%1_000_000 == 0:
		layout = `"2006-01-02T15:04:05.000Z"`
	default:
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return at.AppendFormat(b, layout)
}

func appendDate(b []byte, days int64) []byte {
	return time.Unix(days*secondsOfDay, 0).UTC().AppendFormat(b, `"2006-01-02"`)
}

const hexDigits = "0123456789abcdef"

// appendText appends a string. What is no UTF-8 becomes the sign for that, as JSON has
// no other place for it.
func appendText[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))])); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		b = appendEscape(b, c)
		i += size
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return append(b, "\uFFFD"...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
