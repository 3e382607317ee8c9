package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/store"
)

// guess is a first definition over somebody's own file. Each choice that a person
// must look at says so beside it.
type guess struct {
	file     *sources.Description
	path     string // of the file, as the definition names it
	schema   event.Schema
	sampled  int   // rows that were looked at
	distinct []int // values in these, by column; 0: not counted
	source   string
	time     string
	spells   string     // the column that the time is computed from; empty: it is stored
	spelled  []spelling // by column
	id       string     // empty: none
	key      string     // empty: none
	entity   string
}

// guessRows is how many rows a guess looks at.
const guessRows = 10_000

func newGuess(ctx context.Context, path, dir string) (*guess, error) {
	d, err := newFinder().Describe(ctx, path)
	if err != nil {
		return nil, err
	}
	t := d.Table()
	g := &guess{file: d, path: path, source: nameOfFile(path)}
	for _, f := range t.Schema() {
		if f.Type.Scalar() && f.Type.Kind != event.Null {
			g.schema = append(g.schema, f)
		}
	}
	if err := g.sample(ctx, t); err != nil {
		return nil, err
	}
	if file, err := filepath.Abs(path); err == nil && !store.Is(path) {
		if at, err := filepath.Abs(dir); err == nil {
			if g.path, err = filepath.Rel(at, file); err != nil {
				g.path = file
			}
		}
	}
	if g.time = g.best(func(i int, f event.Field) int {
		if f.Type.Kind != event.Timestamp {
			return 0
		}
		return 1 + 2*matches(timeNames, f.Name)
	}); g.time == "" {
		g.computeTime()
	}
	if g.time == "" {
		return nil, wrongf("%s has no column with instants, of type timestamp, and none in which texts or numbers are seen to be some; a source of events needs one, and a definition can compute it under fields, with strptime(x, '%%d.%%m.%%Y') from text or to_timestamp(x) from seconds since 1970", path)
	}
	g.choose()
	return g, nil
}

// choose finds the id of the events and the key of the entity.
func (g *guess) choose() {
	g.id = g.best(func(i int, f event.Field) int {
		if !keyable(f) || f.Name == g.spells || g.distinct[i] < g.sampled || matches(idNames, f.Name) == 0 {
			return 0
		}
		return 1 + matches(eventNames, f.Name)
	})
	g.key = g.best(func(i int, f event.Field) int {
		if !keyable(f) || f.Name == g.id || f.Name == g.spells || g.distinct[i] < 2 {
			return 0
		}
		score := 2*matches(idNames, f.Name) + 2*matches(whoNames, f.Name)
		if g.distinct[i] < g.sampled {
			score++
		}
		return score
	})
	g.entity = strings.TrimSuffix(plainName(g.key), "_id")
	if g.key == "" {
		g.entity = "everything"
	}
}

// What names of columns say.
var (
	timeNames  = regexp.MustCompile(`(?i)^(event_?time(stamp)?|timestamp|ts|time|occurred_at|created(_at)?)$`)
	idNames    = regexp.MustCompile(`(?i)(^|_|[a-z])(id|key|uuid|number|no)$`)
	eventNames = regexp.MustCompile(`(?i)^(event_?)?(id|uuid)$`)
	whoNames   = regexp.MustCompile(`(?i)(user|customer|account|client|member|device|card|driver|player|person)`)
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
)

func matches(what *regexp.Regexp, name string) int {
	if what.MatchString(name) {
		return 1
	}
	return 0
}

// keyable reports whether a column may be a key or an id.
func keyable(f event.Field) bool { return f.Type.Kind == event.String || f.Type.Kind == event.Int }

// best is the column with the highest score above 0, the first of equals.
func (g *guess) best(score func(i int, f event.Field) int) (name string) {
	most := 0
	for i, f := range g.schema {
		if s := score(i, f); s > most {
			name, most = f.Name, s
		}
	}
	return name
}

// plainName is a name that a definition may give, made of any text.
func plainName(text string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "_"), "_")
	if name == "" || name[0] < 'a' || name == "at" || name == "request" {
		return "x_" + name
	}
	return name
}

func nameOfFile(path string) string {
	base := filepath.Base(path)
	base, _, _ = strings.Cut(base, ".")
	if name := plainName(base); name != "x_" {
		return name
	}
	return "events"
}

// sample counts the values of the first rows.
func (g *guess) sample(ctx context.Context, t *sources.Table) (err error) {
	g.distinct = make([]int, len(g.schema))
	seen := make([]map[event.Hash]bool, len(g.schema))
	g.spelled = make([]spelling, len(g.schema))
	for i, f := range g.schema {
		seen[i] = map[event.Hash]bool{}
		if g.spelled[i], err = newSpelling(f.Type); err != nil {
			return err
		}
	}
	src, err := t.Read(names(g.schema))
	if err != nil {
		return err
	}
	defer src.Close()
	var b event.Batch
	for g.sampled < guessRows {
		if err := src.Read(ctx, &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		g.sampled += b.Len
		for i, f := range g.schema {
			if !keyable(f) {
				continue
			}
			keys, null := event.Keys(b.Columns[i:i+1], b.Len, nil)
			for row, k := range keys {
				if null == nil || !null[row] {
					seen[i][k] = true
				}
			}
			g.distinct[i] = len(seen[i])
			g.spelled[i].take(b.Columns[i], b.Len)
		}
	}
	return nil
}

// quoted is a text as a YAML value.
func quoted(text string) string {
	if regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./-]*$`).MatchString(text) && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// write writes the project.
func (g *guess) write(to string) error {
	for name, text := range map[string]string{"features.yaml": g.definition(), "features.test.yaml": g.cases(), "README.md": g.readme()} {
		if err := sink.WriteFile(filepath.Join(to, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func (g *guess) definition() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Guessed from %s and its first %s. Lines with a ? want a person to look.\nversion: 1\nname: %s\n\nsources:\n  %s:\n", printable(filepath.Base(g.path)), plural(g.sampled, "row"), g.source, g.source)
	fmt.Fprintf(&b, "    history: %s\n", yamlTable(g.file, filepath.ToSlash(g.path)))
	fmt.Fprintf(&b, "    event_timestamp: %s   # ? when it happened%s\n", quoted(g.time), g.others(cmp.Or(g.spells, g.time), func(f event.Field) bool {
		return f.Type.Kind == event.Timestamp || g.spells != "" && g.tells(g.schema.Index(f.Name))
	}))
	if g.id != "" {
		fmt.Fprintf(&b, "    event_id: %s   # ? no two of the rows looked at are equal in it; the same event twice then counts once\n", quoted(g.id))
	} else {
		b.WriteString(g.nearlyID())
	}
	b.WriteString("    fields:\n")
	for _, f := range g.schema {
		fmt.Fprintf(&b, "      %s: %s%s\n", quoted(f.Name), quoted(f.Type.String()), g.commaNote(f))
	}
	b.WriteString(g.timeField())
	if g.key == "" {
		fmt.Fprintf(&b, "\nentities:\n  %s: []   # ? no column looks like a key: the features are one for all\n", g.entity)
	} else {
		fmt.Fprintf(&b, "\nentities:\n  %s: %s   # ? whom the features are about%s\n", g.entity, quoted(g.key), g.others(g.key, func(f event.Field) bool {
			return f.Type.Kind == event.String || keyable(f) && matches(idNames, f.Name) > 0
		}))
	}
	fmt.Fprintf(&b, "\nfeature_views:\n  activity:\n    entity: %s\n    source: %s\n    windows: [1h, 1d, 30d]   # ? how far back to look\n    features:\n      events: count(*)       # activity__events_1h, activity__events_1d, activity__events_30d\n", g.entity, g.source)
	for _, f := range g.schema {
		if f.Type.Numeric() && f.Name != g.key && f.Name != g.id && f.Name != g.spells {
			fmt.Fprintf(&b, "      # %s_sum: sum(%s)\n", plainName(f.Name), inExpression(f.Name))
		}
	}
	b.WriteString("\nfeature_services:\n  all: {features: [activity]}\n\n" + g.trainingSet())
	return b.String()
}

// spine is the file as a spine.
func (g *guess) spine() string {
	return strings.TrimSuffix(yamlTable(g.file, filepath.ToSlash(g.path)), "}") + ", event_timestamp: " + yamlText(g.time) + g.spineFields() + "}"
}

// spineFields is the types of the file's columns, where it is text.
func (g *guess) spineFields() string {
	if g.file.Format == "" {
		return ""
	}
	var fields []string
	for _, f := range g.schema {
		if f.Type.Kind != event.String || g.file.Format == "json" {
			fields = append(fields, yamlText(f.Name)+": "+yamlText(f.Type.String()))
		}
	}
	if g.file.Format == "json" || len(fields) > 0 {
		return ", fields: {" + strings.Join(fields, ", ") + "}"
	}
	return ""
}

// inExpression is a column's name as expressions have it.
func inExpression(name string) string {
	return (&expr.Node{Op: expr.Ref, Path: []string{name}}).String()
}

// others is the columns that might have been meant as well.
func (g *guess) others(chosen string, may func(event.Field) bool) string {
	var also []string
	for _, f := range g.schema {
		if f.Name != chosen && f.Name != g.id && may(f) && len(also) < 5 {
			also = append(also, printable(f.Name))
		}
	}
	if len(also) == 0 {
		return ""
	}
	return "; or " + strings.Join(also, ", ")
}

func (g *guess) cases() string {
	key := ""
	if g.key != "" {
		key = quoted(g.key) + ": 1, "
	}
	id := ""
	if g.id != "" {
		id = quoted(g.id) + ": 1, "
	}
	field, hour := g.timeCase()
	return fmt.Sprintf(`# Cases for timeseam test features.yaml.
cases:
  - name: an event counts from just after its own instant
    events:
      %s:
        - {%s%s%s}
    asks:
      - {at: 2026-01-01T%s:00:00Z, %sexpect: {activity__events_1h: 0}}
      - {at: 2026-01-01T%s:30:00Z, %sexpect: {activity__events_1h: 1, activity__events_30d: 1}}
`, g.source, id, key, field, hour, key, hour, key)
}

func (g *guess) readme() string {
	entity := ""
	if g.key != "" {
		entity = "timeseam timeline features.yaml --entity " + g.entity + "=...\n"
	}
	return "# Features\n\n`features.yaml` is a first definition, guessed; `features.test.yaml` has its cases.\n\n```sh\ntimeseam " + strings.Join(g.commands(), "\ntimeseam ") + "\n" + entity + "```\n"
}
