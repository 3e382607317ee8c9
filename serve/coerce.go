package serve

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// coerce appends a value of JSON to a column, as the type that events have there: a
// number may stand in a string and the other way round, as keys of clients come from
// files and paths of URLs too, but nothing is rounded and nothing is guessed. false:
// the column's type has no such value.
func coerce(c *event.Column, v json.RawMessage) bool {
	if string(v) == "null" {
		c.AppendNull()
		return true
	}
	if len(v) == 0 {
		return false
	}
	switch c.Type.Kind {
	case event.Null:
		return false
	case event.List:
		return coerceList(c, v)
	case event.Struct:
		return coerceStruct(c, v)
	case event.Map:
		return coerceMap(c, v)
	}
	text, isText := string(v), v[0] == '"'
	if isText && json.Unmarshal(v, &text) != nil {
		return false
	}
	if !isText && (v[0] == '[' || v[0] == '{') {
		return false
	}
	return coerceText(c, text, isText)
}

// coerceText appends a single value, which stood in a string or did not.
func coerceText(c *event.Column, text string, isText bool) bool {
	switch c.Type.Kind {
	case event.Bool:
		if text != "true" && text != "false" {
			return false
		}
		v := int64(0)
		if text == "true" {
			v = 1
		}
		c.AppendInt(v)
	case event.Int:
		v, ok := wholeOf(text)
		if !ok {
			return false
		}
		c.AppendInt(v)
	case event.Double:
		v, ok := doubleOf(text, isText)
		if !ok {
			return false
		}
		c.AppendFloat(v)
	case event.Decimal:
		return coerceDecimal(c, text)
	case event.String:
		if !isText && strings.Trim(text, "-0123456789") != "" {
			return false // 1.0, 1e3 and true have several spellings
		}
		c.AppendText([]byte(text))
	case event.Bytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !isText {
			return false
		}
		c.AppendText(b)
	case event.Date, event.Timestamp:
		return isText && coerceTime(c, text)
	default:
		return false
	}
	return true
}

// wholeOf is the integer that a number is, also where it is spelled 17.0, as tools
// that hold keys in columns with nulls do.
func wholeOf(text string) (int64, bool) {
	if whole, fraction, found := strings.Cut(text, "."); found && strings.Trim(fraction, "0") == "" && fraction != "" {
		text = whole
	}
	v, err := strconv.ParseInt(text, 10, 64)
	return v, err == nil && text[0] != '+'
}

func doubleOf(text string, isText bool) (float64, bool) {
	if isText {
		switch text {
		case "NaN":
			return event.CanonicalNaN, true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
		if strings.Trim(text, "+-.0123456789eE") != "" {
			return 0, false // Go reads inf, hexadecimal and underscores too
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// decimalMost is more digits, with those of an exponent, than any decimal has.
const decimalMost = 100

func coerceDecimal(c *event.Column, text string) bool {
	if len(text) > decimalMost {
		return false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 { // 1e2 is a number of JSON as 100 is
		e, err := strconv.Atoi(text[i+1:])
		if err != nil || e > decimalMost || e < -decimalMost {
			return false
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			return false
		}
		text = strings.TrimRight(strings.TrimRight(r.FloatString(2*decimalMost), "0"), ".")
	}
	v, err := event.ParseDecimal(text, c.Type.Scale)
	if err != nil || !v.Fits(c.Type.Precision) {
		return false
	}
	c.AppendDecimal(v)
	return true
}

const secondsOfDay = 86_400

func coerceTime(c *event.Column, text string) bool {
	t, err := event.ParseTime(text)
	if err != nil {
		return false
	}
	if c.Type.Kind == event.Timestamp {
		c.AppendInt(int64(t))
		return true
	}
	at := time.UnixMicro(int64(t)).UTC()
	if at != at.Truncate(24*time.Hour) {
		return false
	}
	c.AppendInt(at.Unix() / secondsOfDay)
	return true
}

func coerceList(c *event.Column, v json.RawMessage) bool {
	var all []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &all) != nil {
		return false
	}
	for _, one := range all {
		if !coerce(c.Elem, one) {
			return false
		}
	}
	c.EndList()
	return true
}

func coerceStruct(c *event.Column, v json.RawMessage) bool {
	var of map[string]json.RawMessage
	if v[0] != '{' || json.Unmarshal(v, &of) != nil {
		return false
	}
	for i, f := range c.Type.Fields {
		one, given := of[f.Name]
		if !given {
			one = json.RawMessage("null")
		}
		if !coerce(&c.Fields[i], one) {
			return false
		}
		delete(of, f.Name)
	}
	c.Rows++
	c.NotNull()
	return len(of) == 0
}

// coerceMap appends an object whose keys are the map's, in their order.
func coerceMap(c *event.Column, v json.RawMessage) bool {
	var of map[string]json.RawMessage
	if v[0] != '{' || json.Unmarshal(v, &of) != nil {
		return false
	}
	entries := event.Make(*c.Type.Elem)
	for key, value := range of {
		if !coerceText(&entries.Fields[0], key, true) || !coerce(&entries.Fields[1], value) {
			return false
		}
		entries.Rows++
		entries.NotNull()
	}
	for _, i := range ascending(&entries.Fields[0]) {
		if n := c.Elem.Len(); n > int(c.Offsets[len(c.Offsets)-1]) && event.Compare(&c.Elem.Fields[0], n-1, &entries.Fields[0], i) == 0 {
			return false // 1 and 1.0 are one key
		}
		c.Elem.Append(&entries, i)
	}
	c.EndList()
	return true
}

// wanted is a type as a client would write its values.
func wanted(t event.Type) string {
	switch t.Kind {
	case event.Bool:
		return "true or false"
	case event.Int:
		return "a whole number of 64 bits"
	case event.Double:
		return "a number"
	case event.Decimal:
		return "a number of " + t.String()
	case event.String:
		return "a string"
	case event.Bytes:
		return "a string of bytes in base64"
	case event.Date:
		return "a date such as \"2026-01-31\""
	case event.Timestamp:
		return "an instant such as \"2026-01-31T12:00:00Z\""
	}
	return t.String()
}
