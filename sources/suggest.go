package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// This file reads a table of text without declared types and says which types its
// values would take.

// FindTyped opens a table of whatever its ending names: of text fields are the declared
// columns, as in Dialect; what files of Parquet have is of their own types.
func (f Finder) FindTyped(ctx context.Context, path string, fields event.Schema) (*Table, error) {
	if json, is := f.textAt(ctx, path); is {
		return f.FindText(ctx, path, Dialect{JSON: json, Fields: fields})
	}
	return f.Find(ctx, path)
}

// textAt reports whether a path names text and, if so, whether JSON lines: by the
// endings of what it names, as nothing else tells before it is read.
func (f Finder) textAt(ctx context.Context, path string) (json, is bool) {
	name := filepath.Base(path)
	switch {
	case parquetEndings.match(name) && !isGlob(path):
		return false, false
	case csvEndings.match(name):
		return false, true
	case jsonEndings.match(name):
		return true, true
	}
	every := endings{names: slices.Concat(parquetEndings.names, csvEndings.names, jsonEndings.names), packed: true}
	all, err := f.list(ctx, every, path)
	if err != nil {
		return false, false // Find says why.
	}
	for _, ends := range []endings{parquetEndings, csvEndings, jsonEndings} {
		if slices.ContainsFunc(all, func(at found) bool { return ends.match(at.path) }) {
			return ends.names[0] == jsonEndings.names[0], ends.packed
		}
	}
	return false, false
}

// kinds is a set of kinds of values.
type kinds uint8

const (
	boolish kinds = 1 << iota
	intish
	doubleish
	decimalish
	dateish
	timeish
	numberish = intish | doubleish | decimalish
	anything  = boolish | numberish | dateish | timeish
)

// guess is what the values of one column have in common so far.
type guess struct {
	name    string
	could   kinds // what all values could be
	values  int64
	present int64 // that are not null; values are those of a single one
	files   int
	marks   []string // texts that mostly stand for null
	mixed   bool     // JSON: values of several shapes
	bad     bool     // not UTF-8

	whole, fraction int         // the most digits before and after the point
	lost            bool        // a double would lose some of the digits
	ends            [4][2]int64 // least and greatest as int, date and time; by place of endsOf
	reals           [2]float64
	exact           [2][]byte // these, as they are written

	texts, bare int64    // JSON: values in quotes, and single ones without
	elem        *guess   // JSON: of lists
	fields      []*guess // JSON: of objects
	places      map[string]int
}

func newGuess(name string) *guess { return &guess{name: name, could: anything} }

// guessesMost is how many names the objects of one table may have.
const guessesMost = 10_000

// text takes a text from CSV, or from quotes in JSON.
func (g *guess) text(b []byte) {
	if len(b) <= 4 && slices.Contains(nullWords, string(b)) && string(b) != "NaN" && string(b) != "nan" {
		g.mark(string(b))
		return
	}
	g.values++
	g.present++
	if !utf8.Valid(b) {
		g.bad = true
	}
	if g.could&boolish != 0 && (len(b) < 4 || !isBool(b)) {
		g.could &^= boolish
	}
	if g.could&numberish != 0 {
		g.number(b)
	}
	if g.could&dateish != 0 {
		g.instant(dateish, b, payload.ParseDate)
	}
	if g.could&timeish != 0 {
		g.instant(timeish, b, payload.ParseInstant)
	}
}

func isBool(b []byte) bool { _, ok := payload.ParseBool(b); return ok }

// mark notes a text that mostly stands for null.
func (g *guess) mark(null string) {
	if !slices.Contains(g.marks, null) {
		g.marks = append(g.marks, null)
	}
}

// number takes a text that may be a number. 007 is none: it would lose its zeros.
func (g *guess) number(b []byte) {
	d := bytes.TrimPrefix(b, []byte("-"))
	if len(d) > 1 && d[0] == '0' && d[1] >= '0' && d[1] <= '9' || len(d) > 0 && d[0] == '+' {
		g.could &^= numberish
		return
	}
	whole, fraction, _ := bytes.Cut(d, []byte("."))
	plain := len(whole)+len(fraction) > 0 && len(bytes.Trim(whole, "0123456789"))+len(bytes.Trim(fraction, "0123456789")) == 0
	if plain {
		g.whole, g.fraction = max(g.whole, len(whole)), max(g.fraction, len(fraction))
	} else {
		g.could &^= decimalish
	}
	v, isInt := payload.ParseInt(b)
	if isInt && plain && len(fraction) == 0 && !bytes.ContainsAny(b, ".") {
		g.reach(intish, v)
	} else {
		g.could &^= intish
	}
	f, isDouble := payload.ParseDouble(b)
	if !isDouble {
		g.could &^= doubleish
		return
	}
	if g.values == 1 {
		g.reals = [2]float64{f, f}
		g.exact[0], g.exact[1] = append(g.exact[0], b...), append(g.exact[1], b...)
	}
	if f < g.reals[0] || f == g.reals[0] && g.less(b, g.exact[0]) {
		g.exact[0] = append(g.exact[0][:0], b...)
	}
	if f > g.reals[1] || f == g.reals[1] && g.less(g.exact[1], b) {
		g.exact[1] = append(g.exact[1][:0], b...)
	}
	g.reals[0], g.reals[1] = min(g.reals[0], f), max(g.reals[1], f)
	g.lost = g.lost || plain && len(whole)+len(fraction) > 15 && !shortest(f, b)
}

// shortest tells whether b is how programs write the double f, whose digits then
// are no more than it has: 0.30000000000000004.
func shortest(f float64, b []byte) bool {
	var buf [64]byte
	return bytes.Equal(strconv.AppendFloat(buf[:0], f, 'f', -1, 64), bytes.TrimSuffix(b, []byte(".0")))
}

// less reports whether a is the lesser decimal, of two that are one double.
func (g *guess) less(a, b []byte) bool {
	if g.could&decimalish == 0 || bytes.Equal(a, b) {
		return false
	}
	x, err := event.ParseDecimal(string(a), g.fraction)
	y, err2 := event.ParseDecimal(string(b), g.fraction)
	return err == nil && err2 == nil && x.Cmp(y) < 0
}

// instant takes a text that may be a date or an instant.
func (g *guess) instant(kind kinds, b []byte, parse func([]byte) (int64, bool)) {
	v, ok := parse(b)
	if !ok {
		g.could &^= kind
		return
	}
	g.reach(kind, v)
}

// endsOf is the place of a kind in ends.
func endsOf(k kinds) int {
	switch k {
	case intish:
		return 0
	case dateish:
		return 1
	}
	return 2
}

func (g *guess) reach(k kinds, v int64) {
	e := &g.ends[endsOf(k)]
	if g.values == 1 {
		*e = [2]int64{v, v}
	}
	e[0], e[1] = min(e[0], v), max(e[1], v)
}

// typ is the narrowest type that holds all values.
func (g *guess) typ() event.Type {
	switch {
	case g.fields != nil:
		return g.structType()
	case g.elem != nil:
		return event.ListOf(g.elem.typ())
	case g.values == 0:
		return event.Of(event.String)
	case g.could&boolish != 0:
		return event.Of(event.Bool)
	case g.could&intish != 0:
		return event.Of(event.Int)
	case g.could&decimalish != 0 && g.lost && g.whole+g.fraction <= 38:
		return event.DecimalOf(g.whole+g.fraction, g.fraction) // A double would lose digits.
	case g.could&doubleish != 0:
		return event.Of(event.Double)
	case g.could&dateish != 0:
		return event.Of(event.Date)
	case g.could&timeish != 0:
		return event.Of(event.Timestamp)
	}
	return event.Of(event.String)
}

// structType leaves out fields whose names a type cannot spell as they are.
func (g *guess) structType() event.Type {
	t := event.StructOf()
	for _, f := range g.fields {
		if plainName(f.name) && f.problem() == "" {
			t.Fields = append(t.Fields, event.Field{Name: f.name, Type: f.typ()})
		}
	}
	return t
}

func plainName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (s[0] < '0' || s[0] > '9')
}

// problem is why no type holds all values, to follow "column x ".
func (g *guess) problem() string {
	switch {
	case g.bad:
		return "is not UTF-8; write the file as UTF-8"
	case g.mixed, g.bare > 0 && g.typ().Kind == event.String:
		return "holds values of several kinds, such as numbers and objects"
	case g.fields != nil && len(g.structType().Fields) == 0:
		return "holds objects without a field that can be named"
	case g.elem != nil && g.elem.problem() != "":
		return g.elem.problem()
	}
	return ""
}

// describe is the guess as a column.
func (g *guess) describe(rows int64) ColumnDescription {
	t := g.typ()
	nulls := rows - g.present
	d := ColumnDescription{Name: g.name, Type: t.String(), Problem: g.problem(), Files: g.files, Nulls: &nulls}
	c := event.Make(t)
	switch {
	case g.values == 0 || d.Problem != "":
	case t.Kind == event.Double:
		c.AppendFloat(g.reals[0])
		c.AppendFloat(g.reals[1])
	case t.Kind == event.Decimal:
		for _, b := range g.exact {
			if v, err := event.ParseDecimal(string(b), t.Scale); err == nil {
				c.AppendDecimal(v)
			}
		}
	case t.Kind == event.Int, t.Kind == event.Date, t.Kind == event.Timestamp:
		kind := map[event.Kind]kinds{event.Int: intish, event.Date: dateish, event.Timestamp: timeish}[t.Kind]
		c.AppendInt(g.ends[endsOf(kind)][0])
		c.AppendInt(g.ends[endsOf(kind)][1])
	}
	if t.Scalar() && c.Len() == 2 {
		d.Min, d.Max = Text(&c, 0), Text(&c, 1)
	}
	return d
}

// json takes the next value of j.
func (g *guess) json(j *payload.JSON) error {
	switch kind := j.Kind(); kind {
	case 'n':
		return j.Null()
	case '{':
		g.present++
		g.mixed = g.mixed || g.elem != nil || g.values > 0
		if g.fields == nil {
			g.fields, g.places = []*guess{}, map[string]int{}
		}
		return g.object(j)
	case '[':
		g.present++
		g.mixed = g.mixed || g.fields != nil || g.values > 0
		if g.elem == nil {
			g.elem = newGuess("")
		}
		return each(j, ']', func() error { return g.elem.json(j) })
	default:
		return g.scalar(j, kind == '"')
	}
}

// scalar takes a text, number or truth value of JSON. A number in quotes is a
// text, as its writer has said; so is the name of a null.
func (g *guess) scalar(j *payload.JSON, quoted bool) error {
	t := event.Of(event.Double)
	if !quoted {
		g.bare++
	} else {
		t = event.Of(event.String)
		g.could &= dateish | timeish
		g.texts++
	}
	text, err := j.Scalar(t)
	if err != nil {
		return err
	}
	g.mixed = g.mixed || g.elem != nil || g.fields != nil || g.texts > 0 && g.bare > 0
	g.text(text)
	if g.marks != nil { // In JSON they are texts.
		g.marks, g.could = nil, 0
		g.present++
	}
	return nil
}

// object takes the fields of an object of JSON.
func (g *guess) object(j *payload.JSON) error {
	return each(j, '}', func() error {
		name, err := j.Name()
		if err != nil {
			return err
		}
		at, ok := g.places[string(name)]
		if !ok {
			if at = len(g.fields); at == guessesMost {
				return fmt.Errorf("there are more than %d names in its objects; declare those that are needed", guessesMost)
			}
			g.places[string(name)] = at
			g.fields = append(g.fields, newGuess(string(name)))
		}
		return g.fields[at].json(j)
	})
}

// each opens the list or object that is next and calls do for every element.
func each(j *payload.JSON, end byte, do func() error) error {
	if err := j.Open(); err != nil {
		return err
	}
	for {
		more, err := j.More(end)
		if err != nil || !more {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// describeText reads a table of text and says what is in it.
func (f Finder) describeText(ctx context.Context, path string, d Dialect) (*Description, error) {
	at, err := f.list(ctx, d.endings(), path)
	if err != nil {
		return nil, err
	}
	if !d.JSON {
		if d.Delimiter, err = delimiterOf(ctx, at[0]); err != nil {
			return nil, fmt.Errorf("open %s: %w", at[0].path, err)
		}
	}
	t, err := f.FindText(ctx, path, d)
	if err != nil {
		return nil, err
	}
	all := &guess{fields: []*guess{}, places: map[string]int{}}
	rows := int64(0)
	for i := range t.Files {
		n, err := t.text.guess(ctx, &t.Files[i], all)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.Files[i].Path, err)
		}
		t.Files[i].Rows = n
		rows += n
	}
	s, typed := t.text.description(t, all, rows)
	s.table, err = f.FindText(ctx, t.Path, typed)
	return s, err
}

// description puts together what was guessed, and the dialect with those types.
func (d *textual) description(t *Table, all *guess, rows int64) (*Description, Dialect) {
	s := &Description{Path: t.Path, Rows: rows, Format: t.Format()}
	if !d.JSON && d.Delimiter != ',' {
		s.Delimiter = string(d.Delimiter)
	}
	for i := range t.Files {
		f := &t.Files[i]
		s.SizeBytes += f.Size
		s.Files = append(s.Files, FileDescription{Path: f.Path, Rows: f.Rows, SizeBytes: f.Size})
	}
	typed := d.Dialect
	for _, g := range all.fields {
		c := g.describe(rows)
		s.Columns = append(s.Columns, c)
		if c.Problem == "" {
			typed.Fields = append(typed.Fields, event.Field{Name: g.name, Type: g.typ()})
		}
		for _, null := range g.marks {
			if g.typ().Kind != event.String && null != "" && !slices.Contains(s.Null, null) {
				s.Null = append(s.Null, null)
			}
		}
	}
	for i := range t.columns {
		if c := &t.columns[i]; c.hive {
			s.Columns = append(s.Columns, ColumnDescription{Name: c.name, Type: c.typ.String(), Partition: true, Files: len(t.Files)})
		}
	}
	typed.Null = append([]string{""}, s.Null...)
	return s, typed
}

// guess reads a file into what was guessed of those before.
func (d *textual) guess(ctx context.Context, f *File, all *guess) (rows int64, err error) {
	r, err := f.open(ctx)
	if err != nil {
		return 0, err
	}
	s, err := newStream(f.Path, r)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	lines := newLineReader(s)
	next := d.guessLine(lines, all)
	if !d.JSON {
		if next, err = d.guessRecord(lines, all); err != nil {
			return 0, err
		}
	}
	for ; ; rows++ {
		if rows%textRows == 0 && ctx.Err() != nil {
			return rows, ctx.Err()
		}
		if err := next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return rows, err
		}
	}
	for _, g := range all.fields {
		g.files++
	}
	return rows, nil
}

// guessRecord returns what takes the next record of CSV, the header being read.
func (d *textual) guessRecord(lines *lineReader, all *guess) (func() error, error) {
	c := &csvReader{lineReader: lines, delimiter: d.Delimiter, quote: d.Quote}
	if err := c.record(); err != nil {
		return nil, headError(err)
	}
	columns := make([]*guess, len(c.fields))
	for i, f := range c.fields {
		at, ok := all.places[string(f.text)]
		if !ok {
			at = len(all.fields)
			all.places[string(f.text)] = at
			all.fields = append(all.fields, newGuess(string(f.text)))
		}
		columns[i] = all.fields[at]
	}
	return func() error {
		if err := c.record(); err != nil {
			return err
		}
		if len(c.fields) != len(columns) {
			return fmt.Errorf("line %d: it has %d fields, and the table %d columns", c.line, len(c.fields), len(columns))
		}
		for i, f := range c.fields {
			if len(f.text) == 0 && !f.quoted {
				continue
			}
			columns[i].text(f.text)
		}
		return nil
	}, nil
}

// guessLine returns what takes the next line of JSON.
func (d *textual) guessLine(lines *lineReader, all *guess) func() error {
	j := new(payload.JSON)
	return func() error {
		for {
			line, size, err := lines.peek()
			if err != nil {
				return err
			}
			blank := len(trimSpace(line)) == 0
			if !blank {
				if err := all.line(j, line); err != nil {
					return fmt.Errorf("line %d: %w", lines.line, err)
				}
			}
			lines.take(size)
			lines.line++
			if !blank {
				return nil
			}
		}
	}
}

// line takes a line of JSON, which is one object.
func (g *guess) line(j *payload.JSON, line []byte) error {
	j.Begin(line)
	if j.Kind() != '{' {
		return plainly(&payload.NotObject{Text: line})
	}
	err := g.object(j)
	if err == nil {
		err = j.Finish()
	}
	if err != nil {
		return plainly(err)
	}
	return nil
}

// delimiterOf is the likeliest delimiter of a file: of those that are used, the
// one that stands most often in its first line.
func delimiterOf(ctx context.Context, at found) (byte, error) {
	_, f, err := startFile(ctx, at)
	if err != nil {
		return 0, err
	}
	s, err := newStream(at.path, f)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	line, _, err := newLineReader(s).peek()
	if err == io.EOF {
		return ',', nil
	}
	best, most := byte(','), 0
	for _, c := range []byte(",;\t|") {
		if n := bytes.Count(line, []byte{c}); n > most {
			best, most = c, n
		}
	}
	return best, err
}
