package timetravel_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// The text tables of specs. A line is a row; cells stand between bars and may be
// padded with blanks. The first line names the columns with their types; lines
// that start with # and empty lines are remarks. Null is ∅. Text stands bare, or
// in JSON's quotes where it would be read as something else. Doubles may be NaN,
// inf and -inf; instants are in ISO 8601 and UTC; bytes are 0x and hexadecimal;
// lists and structs are JSON, in which what is no JSON number is a string.

const nullCell = "∅"

// parseTable reads a text table.
func parseTable(text string) (table, error) {
	var t table
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells, err := splitCells(line)
		if err == nil && t.schema == nil {
			t.schema, err = parseHeader(cells)
		} else if err == nil {
			err = t.parseRow(cells)
		}
		if err != nil {
			return table{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if t.schema == nil {
		return table{}, fmt.Errorf("no line names the columns")
	}
	return t, nil
}

// splitCells splits a line at the bars outside of quotes.
func splitCells(line string) ([]string, error) {
	var cells []string
	start, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '\\' && quoted:
			i++
		case line[i] == '|' && !quoted:
			cells = append(cells, strings.TrimSpace(line[start:i]))
			start = i + 1
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	return append(cells, strings.TrimSpace(line[start:])), nil
}

func parseHeader(cells []string) (event.Schema, error) {
	var s event.Schema
	for _, c := range cells {
		name, rest, ok := strings.Cut(c, ":")
		if strings.HasPrefix(c, `"`) {
			end := strings.LastIndex(c, `":`)
			if end < 0 || json.Unmarshal([]byte(c[:end+1]), &name) != nil {
				return nil, fmt.Errorf("%s is no column", c)
			}
			rest, ok = c[end+2:], true
		}
		t, err := expr.ParseType(rest)
		if !ok || err != nil {
			return nil, fmt.Errorf("column %s has no type: %v", c, err)
		}
		if s.Index(name) >= 0 {
			return nil, fmt.Errorf("column %s stands twice", name)
		}
		s = append(s, event.Field{Name: name, Type: t})
	}
	return s, nil
}

func (t *table) parseRow(cells []string) error {
	if len(cells) != len(t.schema) {
		return fmt.Errorf("%d cells under %d columns", len(cells), len(t.schema))
	}
	row := make([]value, len(cells))
	for i, c := range cells {
		var err error
		if row[i], err = parseCell(c, t.schema[i].Type); err != nil {
			return fmt.Errorf("column %s: %w", t.schema[i].Name, err)
		}
	}
	t.rows = append(t.rows, row)
	return nil
}

// parseCell reads one value; a list or a struct by way of JSON.
func parseCell(c string, t event.Type) (value, error) {
	switch {
	case c == nullCell:
		return nil, nil
	case c == "":
		return nil, fmt.Errorf(`an empty cell; write %s for null or "" for the empty text`, nullCell)
	case t.Kind == event.List || t.Kind == event.Struct || t.Kind == event.Map:
		d := json.NewDecoder(strings.NewReader(c))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s is no JSON: %w", c, err)
		}
		return fromJSON(v, t)
	case c[0] == '"':
		var s string
		if err := json.Unmarshal([]byte(c), &s); err != nil {
			return nil, fmt.Errorf("%s is no quoted text", c)
		}
		return parseScalar(s, t)
	}
	return parseScalar(c, t)
}

func fromJSON(v any, t event.Type) (value, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		return parseScalar(x, t)
	case bool:
		return x, nil
	case json.Number:
		return parseScalar(x.String(), t)
	case []any:
		l := make(list, len(x))
		for i := range x {
			var err error
			if l[i], err = fromJSON(x[i], *t.Elem); err != nil {
				return nil, err
			}
		}
		return l, nil
	}
	if t.Kind == event.Map {
		return mapFromJSON(v, t)
	}
	fields, ok := v.(map[string]any)
	if !ok || len(fields) != len(t.Fields) {
		return nil, fmt.Errorf("%v has not the fields of %s", v, t)
	}
	r := make(record, len(t.Fields))
	for i, f := range t.Fields {
		x, ok := fields[f.Name]
		if !ok {
			return nil, fmt.Errorf("%v has no field %s", v, f.Name)
		}
		var err error
		if r[i], err = fromJSON(x, f.Type); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// mapFromJSON reads an object as a map, which is a list of its entries in the
// order of their keys.
func mapFromJSON(v any, t event.Type) (value, error) {
	fields, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is no %s", v, t)
	}
	m := list{}
	for text, x := range fields {
		key, err := parseScalar(text, t.KeyType())
		if err != nil {
			return nil, err
		}
		held, err := fromJSON(x, t.ValueType())
		if err != nil {
			return nil, err
		}
		m = append(m, record{key, held})
	}
	slices.SortFunc(m, compare)
	return m, nil
}

func parseScalar(s string, t event.Type) (value, error) {
	switch t.Kind {
	case event.String:
		return s, nil
	case event.Bool:
		b, err := strconv.ParseBool(s)
		return b, err
	case event.Int:
		i, err := strconv.ParseInt(s, 10, 64)
		return i, err
	case event.Double:
		f, err := strconv.ParseFloat(s, 64)
		return f, err
	case event.Decimal:
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			return nil, fmt.Errorf("%s is no decimal number", s)
		}
		r.Mul(r, new(big.Rat).SetInt(tenTo(t.Scale)))
		v := fit(r.Num(), t)
		if !r.IsInt() || v == nil {
			return nil, fmt.Errorf("%s is outside %s", s, t)
		}
		return v, nil
	case event.Bytes:
		b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
		return octets(b), err
	}
	at, err := event.ParseTime(s)
	if err != nil || t.Kind == event.Timestamp {
		return at, err
	}
	return day(floorDiv(int64(at), microsOfDay)), nil
}

// String writes a text table, its columns padded to one width.
func (t table) String() string {
	lines := make([][]string, len(t.rows)+1)
	for _, f := range t.schema {
		lines[0] = append(lines[0], formatText(f.Name, ":|\"")+":"+f.Type.String())
	}
	for i, row := range t.rows {
		for c, v := range row {
			lines[i+1] = append(lines[i+1], formatCell(v, t.schema[c].Type))
		}
	}
	width := make([]int, len(t.schema))
	for _, cells := range lines {
		for c := range cells {
			width[c] = max(width[c], utf8.RuneCountInString(cells[c]))
		}
	}
	var b strings.Builder
	for _, cells := range lines {
		for c := range cells {
			if c > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(cells[c])
			if c < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", width[c]-utf8.RuneCountInString(cells[c])))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func formatCell(v value, t event.Type) string {
	switch x := v.(type) {
	case nil:
		return nullCell
	case string:
		return formatText(x, "|\"")
	case list, record:
		return formatJSON(v, t)
	}
	return formatScalar(v)
}

// formatText leaves text bare unless it could be read as something else.
func formatText(s, special string) string {
	plain := s != "" && s != nullCell && s == strings.TrimSpace(s) && !strings.ContainsAny(s, special) && !strings.HasPrefix(s, "#") && utf8.ValidString(s)
	for _, r := range s {
		plain = plain && strconv.IsPrint(r) && !unicode.Is(unicode.Mn, r)
	}
	if plain {
		return s
	}
	return quoteJSON(s)
}

func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	var visible strings.Builder
	for _, r := range strings.TrimSpace(b.String()) {
		if unicode.Is(unicode.Mn, r) {
			fmt.Fprintf(&visible, "\\u%04x", r) // A mark would be seen as part of the letter before it.
			continue
		}
		visible.WriteRune(r)
	}
	return visible.String()
}

func formatScalar(v value) string {
	switch x := v.(type) {
	case float64:
		return formatDouble(x)
	case decimal:
		return formatDecimal(x)
	case octets:
		return "0x" + hex.EncodeToString([]byte(x))
	case day:
		return instant(x).String()[:10]
	}
	return fmt.Sprint(v)
}

func formatDouble(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0:
		return "0"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func formatDecimal(d decimal) string {
	return new(big.Rat).SetFrac(d.unscaled, tenTo(d.scale)).FloatString(d.scale)
}

func formatJSON(v value, t event.Type) string {
	var parts []string
	switch x := v.(type) {
	case nil:
		return "null"
	case list:
		for _, e := range x {
			if t.Kind == event.Map {
				entry := e.(record)
				parts = append(parts, quoteKey(entry[0])+": "+formatJSON(entry[1], t.ValueType()))
				continue
			}
			parts = append(parts, formatJSON(e, *t.Elem))
		}
		if t.Kind == event.Map {
			return "{" + strings.Join(parts, ", ") + "}"
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case record:
		for i, e := range x {
			parts = append(parts, quoteJSON(t.Fields[i].Name)+": "+formatJSON(e, t.Fields[i].Type))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case string:
		return quoteJSON(x)
	case int64, decimal, bool:
		return formatScalar(x)
	case float64:
		if rank(x) == 0 {
			return formatScalar(x)
		}
	}
	return quoteJSON(formatScalar(v))
}

// quoteKey is a map's key, which JSON has as text alone.
func quoteKey(v value) string {
	if s, ok := v.(string); ok {
		return quoteJSON(s)
	}
	return quoteJSON(formatScalar(v))
}

func TestTablesAreReadAsWritten(t *testing.T) {
	text := `# a remark
k:string | "odd : name":int64 | d:decimal(5,2) | f:double | t:timestamp | y:date | b:bytes | l:list<double> | s:struct<a: int64, t: timestamp> | m:map<date, list<string>>
plain | -1 | 1.50 | NaN | 0001-01-01T00:00:00Z | 9999-12-31 | 0x00ff | [1, "NaN", null] | {"a": 1, "t": "1969-12-31T23:59:59.999999Z"} | {"2026-01-02": ["b"], "2026-01-01": []}

"a | b" | ∅ | ∅ | -inf | ∅ | ∅ | ∅ | [] | ∅ | ∅
"" | 0 | -0.01 | 1e-300 | ∅ | ∅ | 0x | ∅ | {"a": null, "t": null} | {}
`
	a, err := parseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseTable(a.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, a)
	}
	for i := range a.rows {
		if !sameAll(a.rows[i], b.rows[i]) {
			t.Errorf("row %d: %v, read again %v", i, a.rows[i], b.rows[i])
		}
	}
	if got := a.rows[0][9].(list)[0].(record)[0]; got != day(20454) {
		t.Errorf("the least key of a map is %v", got)
	}
	if got := a.rows[0][8].(record)[1]; got != event.Time(-1) {
		t.Errorf("an instant in a struct is %v", got)
	}
}

func TestTablesAreStrict(t *testing.T) {
	for _, c := range []struct{ text, fault string }{
		{"", "no line names the columns"},
		{"a", "column a has no type"},
		{"a:int64|a:int64", "stands twice"},
		{"a:int64|b:int64\n1", "1 cells under 2 columns"},
		{"a:int64|b:int64\n1|", "an empty cell"},
		{"a:string\n\"x", "a quote is not closed"},
		{"a:int64\n1.5", "invalid syntax"},
		{"a:decimal(3,1)\n1.25", "outside decimal(3,1)"},
		{"a:timestamp\nnoon", "no instant"},
		{"a:struct<x: int64>\n{\"y\": 1}", "has no field x"},
	} {
		if _, err := parseTable(c.text); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %v, want a fault with %q", c.text, err, c.fault)
		}
	}
}
