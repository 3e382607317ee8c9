package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
	"github.com/urfave/cli/v2"
)

// The pages must speak of the program that there is: its commands and flags, and
// a language reference made from the tables that the program itself reads.

var rewriteLanguage = flag.Bool("rewrite-language", false, "write docs/language.md anew")

var (
	codeBlock = regexp.MustCompile("(?s)\n```[a-z]*\n(.*?)\n```")
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
)

// TestDocsCommands holds that every command line shown in a page, with its flags,
// is one that the program knows.
func TestDocsCommands(t *testing.T) {
	app := newApp(io.Discard, io.Discard)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range append(pages, "../../README.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, line := range commandLines(string(text)) {
			shown++
			if err := knownLine(app, line); err != nil {
				t.Errorf("%s shows %q: %v", filepath.Base(page), line, err)
			}
		}
	}
	if shown < 10 {
		t.Errorf("the pages show %d command lines; something is amiss with how they are found", shown)
	}
}

// commandLines is what a page shows of the program's command lines.
func commandLines(text string) (lines []string) {
	var shown []string
	for _, m := range codeBlock.FindAllStringSubmatch(text, -1) {
		shown = append(shown, strings.Split(m[1], "\n")...)
	}
	for _, m := range codeSpan.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		shown = append(shown, m[1])
	}
	for _, line := range shown {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		for _, program := range []string{"timeseam ", "bin/timeseam ", "go run ./cmd/timeseam "} {
			if rest, ok := strings.CutPrefix(line, program); ok {
				rest, _, _ = strings.Cut(rest, " #")
				rest, _, _ = strings.Cut(rest, " | ")
				lines = append(lines, rest)
			}
		}
	}
	return lines
}

// knownLine says what the program does not know of a command line.
func knownLine(app *cli.App, line string) error {
	words := strings.Fields(line)
	command := app.Command(words[0])
	flags := append(slices.Clone(app.Flags), cli.HelpFlag, cli.VersionFlag)
	switch {
	case command != nil:
		flags = append(slices.Clone(command.Flags), cli.HelpFlag)
	case words[0] != "COMMAND" && !strings.HasPrefix(words[0], "-"):
		return fmt.Errorf("there is no command %s", words[0])
	}
	for _, w := range words {
		name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !strings.HasPrefix(w, "-") || name == "" {
			continue
		}
		if !slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }) {
			return fmt.Errorf("there is no flag %s", w)
		}
	}
	return nil
}

// TestDocsFlags holds that docs/cli.md tells every command and, in the command's
// section, every flag with its variable; and no others.
func TestDocsFlags(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, flagged, _ := strings.Cut(string(text), "\n## Flags\n")
	for _, command := range newApp(io.Discard, io.Discard).Commands {
		if !strings.Contains(string(text), "| `timeseam "+command.Name) {
			t.Errorf("docs/cli.md does not tell the command %s", command.Name)
		}
		_, section, ok := strings.Cut(flagged, "\n### "+command.Name+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		if !ok && len(command.Flags) > 0 {
			t.Errorf("docs/cli.md has no section of the flags of %s", command.Name)
		}
		var told []string
		for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)").FindAllStringSubmatch(section, -1) {
			told = append(told, m[1])
		}
		for _, f := range command.Flags {
			name := f.Names()[0]
			if !slices.Contains(told, name) {
				t.Errorf("docs/cli.md does not tell the flag --%s of %s", name, command.Name)
			}
			told = slices.DeleteFunc(told, func(s string) bool { return s == name })
			if v, ok := f.(cli.DocGenerationFlag); ok {
				for _, variable := range v.GetEnvVars() {
					if !strings.Contains(section, "`"+variable+"`") {
						t.Errorf("docs/cli.md does not tell the variable %s of %s", variable, command.Name)
					}
				}
			}
		}
		for _, name := range told {
			t.Errorf("docs/cli.md tells a flag --%s that %s does not have", name, command.Name)
		}
	}
}

// TestDocsDefinition holds that the definition in docs/language.md has no fault.
func TestDocsDefinition(t *testing.T) {
	text, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), "\n```yaml\n")
	shown, _, _ = strings.Cut(shown, "```")
	def, err := features.Load("language.md", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	str, num, at := event.Of(event.String), event.Of(event.Double), event.Of(event.Timestamp)
	_, err = features.Compile(def, features.Catalog{Histories: map[string]event.Schema{
		"transactions": {{Name: "account_id", Type: str}, {Name: "event_time", Type: at}, {Name: "event_id", Type: str}, {Name: "amount", Type: num}, {Name: "status", Type: str}, {Name: "country", Type: str}},
		"accounts":     {{Name: "account_id", Type: str}, {Name: "valid_from", Type: at}, {Name: "tier", Type: str}, {Name: "credit_limit", Type: num}},
	}}, "")
	if err != nil {
		t.Error(err)
	}
}

// TestDocsInputs holds that what docs/inputs.md says of tables is a definition's,
// once it has features.
func TestDocsInputs(t *testing.T) {
	text, err := os.ReadFile("../../docs/inputs.md")
	if err != nil {
		t.Fatal(err)
	}
	str, at := event.Of(event.String), event.Of(event.Timestamp)
	rest := "version: 1\nname: inputs\nentities: {account: account_id}\nfeature_views: {spend: {entity: account, source: transactions, features: {total: sum(amount)}}}\nfeature_services: {fraud: {features: [spend]}}\n"
	shown := strings.Split(string(text), "\n```yaml\n")
	for _, s := range shown[1:] {
		s, _, _ = strings.Cut(s, "```")
		def, err := features.Load("inputs.md", []byte(rest+s))
		if err != nil {
			t.Fatal(err)
		}
		set := ""
		if len(def.TrainingSets) > 0 {
			set = def.TrainingSets[0].Name.Value
		}
		_, err = features.Compile(def, features.Catalog{Histories: map[string]event.Schema{"transactions": {{Name: "account_id", Type: str}, {Name: "event_time", Type: at}, {Name: "amount", Type: event.DecimalOf(12, 2)}}}}, set)
		if err != nil {
			t.Error(err)
		}
	}
	if len(shown) < 3 {
		t.Errorf("%d definitions are shown", len(shown)-1)
	}
}

// TestSpecsValidate holds that every worked definition has no fault, also where
// its tables are not at hand.
func TestSpecsValidate(t *testing.T) {
	specs, err := filepath.Glob("../../specs/*/features.yaml")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"timeseam", "validate"}, specs...), &stdout, &stderr); code == exitDone {
		return
	}
	for _, line := range strings.Split(strings.TrimSpace(stderr.String()), "\n") {
		if !strings.HasPrefix(line, "note: ") {
			t.Error(line)
		}
	}
}

// TestDocsLanguage holds docs/language.md to the tables that the loader and the
// type checker read.
func TestDocsLanguage(t *testing.T) {
	const page = "../../docs/language.md"
	have, err := os.ReadFile(page)
	if err != nil && !*rewriteLanguage {
		t.Fatal(err)
	}
	const mark = "\n## Reference: keys\n"
	prose, _, _ := strings.Cut(string(have), mark)
	functions, aggregates := runExamples(t)
	want := []byte(prose + mark + languageKeys(t) + languageAggregates(t, aggregates) + languageFunctions(t, functions))
	if *rewriteLanguage {
		if err := os.WriteFile(page, want, 0o666); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(have, want) {
		t.Error("docs/language.md is not what the tables say; run go test ./cmd/timeseam -run TestDocsLanguage -rewrite-language")
	}
}

// schemaPart is what the page takes of a part of the JSON Schema.
type schemaPart struct {
	Ref         string                 `json:"$ref"`
	Title       string                 `json:"title"`
	Description string                 `json:"description"`
	Properties  map[string]*schemaPart `json:"properties"`
	Required    []string               `json:"required"`
	Additional  json.RawMessage        `json:"additionalProperties"`
	Items       *schemaPart            `json:"items"`
	AnyOf       []*schemaPart          `json:"anyOf"`
	Defs        map[string]*schemaPart `json:"$defs"`
}

// languageKeys is a table of keys for each map that a definition may hold, each
// map after the one that names it first.
func languageKeys(t *testing.T) string {
	var root schemaPart
	if err := json.Unmarshal(features.JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	queue, seen := []*schemaPart{&root}, map[string]bool{}
	for len(queue) > 0 {
		part := queue[0]
		queue = queue[1:]
		fmt.Fprintf(&b, "\n### %s\n%s\n\n| key | |\n|---|---|\n", strings.ToUpper(part.Title[:1])+part.Title[1:], part.Description)
		keys := slices.Sorted(maps.Keys(part.Properties))
		slices.SortStableFunc(keys, func(x, y string) int { return place(part.Required, x) - place(part.Required, y) })
		for _, key := range keys {
			must := ""
			if slices.Contains(part.Required, key) {
				must = "**required.** "
			}
			fmt.Fprintf(&b, "| `%s` | %s%s |\n", key, must, strings.ReplaceAll(part.Properties[key].Description, "|", "\\|"))
			for _, name := range part.Properties[key].names() {
				if !seen[name] && root.Defs[name] != nil {
					seen[name] = true
					queue = append(queue, root.Defs[name])
				}
			}
		}
	}
	return b.String()
}

// place is where s stands in list, or the list's end.
func place(list []string, s string) int {
	if i := slices.Index(list, s); i >= 0 {
		return i
	}
	return len(list)
}

// names is the parts of the schema that a part refers to.
func (p *schemaPart) names() (all []string) {
	if p == nil {
		return nil
	}
	if p.Ref != "" {
		all = append(all, strings.TrimPrefix(p.Ref, "#/$defs/"))
	}
	for _, q := range append(slices.Clone(p.AnyOf), p.Items) {
		all = append(all, q.names()...)
	}
	var additional schemaPart
	if json.Unmarshal(p.Additional, &additional) == nil {
		all = append(all, additional.names()...)
	}
	return all
}

// languageFunctions is a table of functions for each group, each with the first of its
// examples.
func languageFunctions(t *testing.T, examples []sampled) string {
	first := map[string]string{}
	for _, e := range slices.Backward(examples) {
		first[called(e.text)] = "`" + strings.ReplaceAll(e.text+"` = `"+e.value, "|", "\\|") + "`"
	}
	var b strings.Builder
	b.WriteString("\n## Reference: functions\nA null argument makes a null, unless the table says otherwise.\n")
	group := ""
	for _, f := range expr.Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n### Functions of %s\n| function | gives | such as |\n|---|---|---|\n", group)
		}
		also := ""
		if len(f.Aliases) > 0 {
			also = "; also `" + strings.Join(f.Aliases, "`, `") + "`"
		}
		if first[f.Name] == "" {
			t.Errorf("testdata/examples.txt has no example of the function %s", f.Name)
		}
		fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", f.Signature, strings.ReplaceAll(f.Doc, "|", "\\|"), also, first[f.Name])
	}
	return b.String()
}

// TestDocsTesting does what docs/testing.md shows: its definition, its cases, what is
// said of them, and what is said of a value that is not as expected.
func TestDocsTesting(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```(?:yaml|text)\n(.*?)```").FindAllSubmatch(text, -1)
	if len(shown) != 4 {
		t.Fatalf("docs/testing.md shows %d files and outputs, want 4", len(shown))
	}
	t.Chdir(t.TempDir())
	t.Setenv("COLUMNS", "100")
	said := func(cases []byte) (int, string) {
		for name, data := range map[string][]byte{"features.yaml": shown[0][1], "features.test.yaml": cases} {
			if err := os.WriteFile(name, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		code := run(t.Context(), []string{"timeseam", "test", "features.yaml"}, &out, &out)
		return code, out.String()
	}
	if code, out := said(shown[1][1]); code != exitDone || out != string(shown[2][1]) {
		t.Errorf("docs/testing.md shows %q, and exit code %d says %q", shown[2][1], code, out)
	}
	other := bytes.Replace(shown[1][1], []byte("habit__orders: 0"), []byte("habit__orders: 1"), 1)
	if code, out := said(other); code != exitDiffer || out != string(shown[3][1]) {
		t.Errorf("docs/testing.md shows\n%s\nand exit code %d says\n%s", shown[3][1], code, out)
	}
}
