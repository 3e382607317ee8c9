package main

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/timeseam/timeseam/features/event"
)

// commas is what a column of texts shows of numbers that have a comma where
// definitions have a point.
type commas struct {
	other bool // a value is no such number
	shown bool // there is one with a comma that cannot part thousands
}

var (
	commaNumber    = regexp.MustCompile(`^-?[0-9]+(,[0-9]+)?$`)
	commaThousands = regexp.MustCompile(`^-?[0-9]{1,3}(,[0-9]{3})*$`)
)

func (c *commas) take(col event.Column, rows int) {
	if col.Type.Kind != event.String {
		c.other = true
	}
	for row := 0; row < rows && !c.other; row++ {
		if col.IsNull(row) {
			continue
		}
		text := col.Text(row)
		c.other = !commaNumber.Match(text)
		c.shown = c.shown || bytes.Contains(text, []byte(",")) && !commaThousands.Match(text)
	}
}

// commaNote says beside a field how to make numbers of its texts.
func (g *guess) commaNote(f event.Field) string {
	c := g.spelled[g.schema.Index(f.Name)].commas
	if c.other || !c.shown {
		return ""
	}
	return fmt.Sprintf("   # ? decimal commas: replace(%s, ',', '.')::double under fields", inExpression(f.Name))
}

// A column may be an id with a few values twice where so many rows were looked at,
// and so many of a hundred values differ.
const (
	nearlyRows    = 100
	nearlyPercent = 99
)

// nearlyID is the line of a definition without an id: a comment, which names the
// column that is nearly one.
func (g *guess) nearlyID() string {
	name := g.best(func(i int, f event.Field) int {
		numbers := g.commaNote(f) != ""
		if g.sampled < nearlyRows || g.distinct[i]*100 < g.sampled*nearlyPercent || f.Name == g.key || f.Name == g.spells || numbers {
			return 0
		}
		return 1 + 2*matches(idNames, f.Name)
	})
	if name == "" {
		return "    # event_id: ...   # ? a column that tells events apart, if there is one: without it every row counts\n"
	}
	return fmt.Sprintf("    # event_id: %s   # ? %d of %d rows differ in it; if it tells events apart, the same event twice counts once with it: without it every row counts\n",
		quoted(name), g.distinct[g.schema.Index(name)], g.sampled)
}
