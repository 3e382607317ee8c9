package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// Values as people write them, in a file of cases or on the command line, and as
// programs read them.

// yamlNumbers are YAML's words for what is no number.
var yamlNumbers = strings.NewReplacer(".nan", "nan", ".NaN", "nan", ".inf", "inf", ".Inf", "inf")

// appendWritten appends what stands in text as a value of the column's type.
func appendWritten(c *event.Column, text string) error {
	wrong := fmt.Errorf("%s is no %s", visible(short(text)), c.Type)
	switch c.Type.Kind {
	case event.String:
		c.AppendText([]byte(text))
	case event.Bytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%s is no base64, in which bytes are written", visible(short(text)))
		}
		c.AppendText(b)
	case event.Bool:
		if text != "true" && text != "false" {
			return wrong
		}
		c.AppendInt(map[string]int64{"true": 1}[text])
	case event.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong
		}
		c.AppendInt(n)
	case event.Double:
		x, err := strconv.ParseFloat(yamlNumbers.Replace(text), 64)
		if err != nil {
			return wrong
		}
		if math.IsNaN(x) {
			x = event.CanonicalNaN
		}
		c.AppendFloat(x)
	case event.Decimal:
		d, err := event.ParseDecimal(text, c.Type.Scale)
		if err != nil || !d.Fits(c.Type.Precision) {
			return wrong
		}
		c.AppendDecimal(d)
	case event.Date, event.Timestamp:
		at, err := event.ParseTime(text)
		if err != nil {
			return fmt.Errorf("%s is no instant; write 2026-01-31 or 2026-01-31T12:00:00Z", visible(short(text)))
		}
		if c.Type.Kind == event.Date {
			day := time.UnixMicro(int64(at)).UTC().Truncate(24 * time.Hour)
			c.AppendInt(day.Unix() / (24 * 60 * 60))
			return nil
		}
		c.AppendInt(int64(at))
	default:
		return fmt.Errorf("a value of type %s cannot be written here", c.Type)
	}
	return nil
}

// appendNode appends a value of a YAML file: a scalar, a list, or a map for a
// struct or a map.
func appendNode(c *event.Column, n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		c.AppendNull()
		return nil
	case n.Kind == yaml.ScalarNode && c.Type.Scalar():
		return appendWritten(c, n.Value)
	case n.Kind == yaml.SequenceNode && c.Type.Kind == event.List:
		for _, e := range n.Content {
			if err := appendNode(c.Elem, e); err != nil {
				return err
			}
		}
		c.EndList()
		return nil
	case n.Kind == yaml.MappingNode && c.Type.Kind == event.Struct:
		return appendStruct(c, n)
	case n.Kind == yaml.MappingNode && c.Type.Kind == event.Map:
		return appendMap(c, n)
	}
	return fmt.Errorf("%s is expected here, %s", article(c.Type), shapeOf(c.Type))
}

// article is a type with the word that stands before it.
func article(t event.Type) string {
	if t.Kind == event.Int {
		return "an " + t.String()
	}
	return "a " + t.String()
}

// shapeOf is how values of a type are written.
func shapeOf(t event.Type) string {
	switch t.Kind {
	case event.List:
		return "written [a, b]"
	case event.Struct, event.Map:
		return "written {name: value}"
	}
	return "one value"
}

// appendMap appends a map, whose keys are in ascending order as those of every map.
func appendMap(c *event.Column, n *yaml.Node) error {
	entries := event.Make(*c.Type.Elem)
	var order []int
	for i := 0; i < len(n.Content); i += 2 {
		for k := range 2 {
			if err := appendNode(&entries.Fields[k], n.Content[i+k]); err != nil {
				return err
			}
		}
		entries.Rows++
		order = append(order, i/2)
	}
	keys := &entries.Fields[0]
	slices.SortFunc(order, func(i, j int) int { return event.Compare(keys, i, keys, j) })
	for _, i := range order {
		c.Elem.Append(&entries, i)
	}
	c.EndList()
	return nil
}

func appendStruct(c *event.Column, n *yaml.Node) error {
	given := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		given[n.Content[i].Value] = n.Content[i+1]
	}
	var names []string
	for i, f := range c.Type.Fields {
		names = append(names, f.Name)
		if v := given[f.Name]; v == nil {
			c.Fields[i].AppendNull()
		} else if err := appendNode(&c.Fields[i], v); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		delete(given, f.Name)
	}
	for name := range given {
		return fmt.Errorf("%s has no field %s%s", c.Type, name, nearestOf(name, names))
	}
	c.Rows++
	c.NotNull()
	return nil
}

// valueText is a value as a person reads it on a terminal.
func valueText(c *event.Column, i int) string { return printable(plainText(c, i)) }

// plainText is a value of any type in all its characters: lists, maps and structs in
// brackets.
func plainText(c *event.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	var parts []string
	switch c.Type.Kind {
	case event.List:
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, plainText(c.Elem, int(k)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case event.Map:
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, plainText(&c.Elem.Fields[0], int(k))+": "+plainText(&c.Elem.Fields[1], int(k)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case event.Struct:
		for k, f := range c.Type.Fields {
			parts = append(parts, f.Name+": "+plainText(&c.Fields[k], i))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case event.Double:
		return strconv.FormatFloat(c.Floats[i], 'g', -1, 64)
	case event.String:
		return string(c.Text(i))
	case event.Bytes:
		return base64.StdEncoding.EncodeToString(c.Text(i))
	}
	return cell(c, i)
}

// valueJSON is a value as a program reads it: numbers as numbers where JSON has
// them, decimals, instants and what is no finite number as text.
func valueJSON(c *event.Column, i int) any {
	if c.IsNull(i) {
		return nil
	}
	switch c.Type.Kind {
	case event.Bool:
		return c.Ints[i] != 0
	case event.Int:
		return c.Ints[i]
	case event.Double:
		if x := c.Floats[i]; !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	case event.List:
		all := []any{}
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			all = append(all, valueJSON(c.Elem, int(k)))
		}
		return all
	case event.Map:
		all := map[string]any{}
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			all[plainText(&c.Elem.Fields[0], int(k))] = valueJSON(&c.Elem.Fields[1], int(k))
		}
		return all
	case event.Struct:
		all := map[string]any{}
		for k, f := range c.Type.Fields {
			all[f.Name] = valueJSON(&c.Fields[k], i)
		}
		return all
	}
	return plainText(c, i)
}

// writtenJSON is valueJSON as text, for tables of other programs.
func writtenJSON(c *event.Column, i int) string {
	if c.IsNull(i) {
		return ""
	}
	if c.Type.Scalar() {
		return plainText(c, i)
	}
	text, err := json.Marshal(valueJSON(c, i))
	if err != nil {
		return plainText(c, i)
	}
	return string(text)
}
