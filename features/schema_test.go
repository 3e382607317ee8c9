package features

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// schemaOf is JSONSchema as plain maps.
func schemaOf(t *testing.T) map[string]any {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// checker is a small checker of JSON Schema: what the language's schema uses,
// and any other keyword is an error, so that none is written in vain.
type checker struct {
	root map[string]any
}

// check returns what is wrong with value, "" for nothing.
func (c checker) check(schema map[string]any, value any, at string) string {
	for keyword, rule := range schema {
		if problem := c.keyword(schema, keyword, rule, value); problem != "" {
			return at + " (" + keyword + "): " + problem
		}
	}
	return ""
}

func (c checker) keyword(schema map[string]any, keyword string, rule, value any) string {
	switch keyword {
	case "$schema", "$defs", "title", "description":
		return ""
	case "$ref":
		name := strings.TrimPrefix(rule.(string), "#/$defs/")
		return c.check(c.root["$defs"].(map[string]any)[name].(map[string]any), value, name)
	case "type":
		return checkType(rule.([]any), value)
	case "enum":
		for _, allowed := range rule.([]any) {
			if reflect.DeepEqual(allowed, value) {
				return ""
			}
		}
		return fmt.Sprintf("%v is none of %v", value, rule)
	case "allOf", "anyOf", "oneOf":
		return c.combined(keyword, rule.([]any), value)
	case "not":
		if c.check(rule.(map[string]any), value, "") == "" {
			return fmt.Sprintf("%v matches what it must not", value)
		}
		return ""
	}
	switch v := value.(type) {
	case string:
		return checkString(keyword, rule, v)
	case float64:
		return checkNumber(keyword, rule, v)
	case []any:
		return c.list(keyword, rule, v)
	case map[string]any:
		return c.object(schema, keyword, rule, v)
	}
	return ""
}

func checkType(types []any, value any) string {
	for _, name := range types {
		switch v := value.(type) {
		case string:
			if name == "string" {
				return ""
			}
		case float64:
			if name == "number" || name == "integer" && v == float64(int64(v)) {
				return ""
			}
		case bool:
			if name == "boolean" {
				return ""
			}
		case []any:
			if name == "array" {
				return ""
			}
		case map[string]any:
			if name == "object" {
				return ""
			}
		}
	}
	return fmt.Sprintf("%v is no %v", value, types)
}

func (c checker) combined(keyword string, rules []any, value any) string {
	passed, problems := 0, ""
	for _, rule := range rules {
		if problem := c.check(rule.(map[string]any), value, ""); problem == "" {
			passed++
		} else {
			problems += " " + problem
		}
	}
	if keyword == "allOf" && passed == len(rules) || keyword == "anyOf" && passed > 0 || keyword == "oneOf" && passed == 1 {
		return ""
	}
	return fmt.Sprintf("%d passed:%s", passed, problems)
}

func checkString(keyword string, rule any, v string) string {
	switch keyword {
	case "pattern":
		if !regexp.MustCompile(rule.(string)).MatchString(v) {
			return fmt.Sprintf("%q does not match %s", v, rule)
		}
	case "minLength":
		if float64(len(v)) < rule.(float64) {
			return "too short"
		}
	default:
		return unusedKeyword(keyword)
	}
	return ""
}

func checkNumber(keyword string, rule any, v float64) string {
	if keyword == "minimum" && v < rule.(float64) {
		return fmt.Sprintf("%v is below %v", v, rule)
	}
	return unusedKeyword(keyword)
}

func (c checker) list(keyword string, rule any, v []any) string {
	switch keyword {
	case "items":
		for i, item := range v {
			if problem := c.check(rule.(map[string]any), item, fmt.Sprint(i)); problem != "" {
				return problem
			}
		}
	case "minItems":
		if float64(len(v)) < rule.(float64) {
			return "too few"
		}
	case "uniqueItems":
		for i := range v {
			for j := range i {
				if reflect.DeepEqual(v[i], v[j]) {
					return fmt.Sprintf("%v stands twice", v[i])
				}
			}
		}
	default:
		return unusedKeyword(keyword)
	}
	return ""
}

func (c checker) object(schema map[string]any, keyword string, rule any, v map[string]any) string {
	properties, _ := schema["properties"].(map[string]any)
	switch keyword {
	case "properties":
		for name, value := range v {
			if p, ok := properties[name]; ok {
				if problem := c.check(p.(map[string]any), value, name); problem != "" {
					return problem
				}
			}
		}
	case "required":
		for _, name := range rule.([]any) {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Sprintf("no %s", name)
			}
		}
	case "propertyNames":
		for name := range v {
			if problem := c.check(rule.(map[string]any), name, "key "+name); problem != "" {
				return problem
			}
		}
	case "minProperties":
		if float64(len(v)) < rule.(float64) {
			return "too few keys"
		}
	case "additionalProperties":
		for name, value := range v {
			if _, ok := properties[name]; ok {
				continue
			}
			if rule == false {
				return "unknown key " + name
			}
			if problem := c.check(rule.(map[string]any), value, name); problem != "" {
				return problem
			}
		}
	default:
		return unusedKeyword(keyword)
	}
	return ""
}

// unusedKeyword lets the keywords of other kinds of values pass.
func unusedKeyword(keyword string) string {
	switch keyword {
	case "pattern", "minLength", "minimum", "items", "minItems", "uniqueItems", "properties", "required", "propertyNames", "minProperties", "additionalProperties":
		return ""
	}
	return "the checker does not know this keyword"
}

// plain reads YAML as an editor hands it to a schema: into JSON's values.
func plain(text string) (any, error) {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var back any
	err = json.Unmarshal(asJSON, &back)
	return back, err
}

func TestSchemaTakesWhatLoads(t *testing.T) {
	root := schemaOf(t)
	base, err := os.ReadFile("testdata/faults.base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{whole, string(base), wide(3)}
	specs, err := filepath.Glob("../specs/*/features.yaml")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no specs: %v", err)
	}
	for _, spec := range specs {
		text, err := os.ReadFile(spec)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		if _, err := Load("f.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
		value, err := plain(text)
		if err != nil {
			t.Fatal(err)
		}
		if problem := (checker{root}).check(root, value, "definition"); problem != "" {
			t.Errorf("the schema refuses what loads: %s", problem)
		}
	}
}

// beyondSchema is the cases of faults.txt that no schema can find: they compare
// two places of a file, meanings or spellings, or are gone once YAML is read.
var beyondSchema = map[string]bool{
	"two documents": true, "tags": true, "version as text": true, "twice": true, "anchors, aliases, merge keys": true,
	"address with an open variable": true, "address with a bad variable": true, "key twice": true, "feature twice": true,
	"order_by": true, "dimension with keys of events": true, "dimension modes": true, "labels from events": true, "unknown references": true, "the source of self": true, "reference far from any": true,
	"view without entity": true, "view without source": true, "view of a dimension": true, "view of events": true,
	"unknown service": true, "labels not kept": true, "characters of a terminal": true, "long words": true, "unknown alias": true,
	"expression that begins with a quote": true, "source that is empty": true, "own tags": true, "windows twice": true, "text after the end": true,
	"history of json with the keys of csv": true, "history of json without fields": true, "history of csv without header and fields": true,
	"history of csv with one character for two": true, "fields of a parquet spine": true, "fields of a csv spine": true, "a json spine without fields": true,
	"partitions by several times": true, "partitions by another field": true, "partitions by arrival without a lateness": true, "a lateness that nothing asks for": true,
	"partitions of a dimension by another field": true, "partitions of snapshots that land after": true, "partitions of current values": true,
	"completeness by a path": true, "refresh beside a stream": true, "a cutover without a stream": true, "a cutover without a history": true, "a cutover by id without ids": true, "a cutover of another kind": true,
	"formats of a stream": true, "a dead letter that is the topic": true,
	"a server of an unknown service": true, "addresses of a server": true, "more addresses of a server": true, "one address for two": true,
	"spine of a dimension": true, "spine of no source": true, "a grid of too many instants": true,
}

// TestSchemaRefuses holds that the schema finds the faults of single values.
func TestSchemaRefuses(t *testing.T) {
	root := schemaOf(t)
	base, err := os.ReadFile("testdata/faults.base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, cases := readFaultCases(t)
	for _, c := range cases {
		value, err := plain(c.definition(t, string(base)))
		if err != nil {
			continue
		}
		if problem := (checker{root}).check(root, value, "definition"); problem == "" && !beyondSchema[c.title] {
			t.Errorf("case %s: the schema takes it", c.title)
		}
	}
}

// TestTable holds the language's table to its own rules, so that the schema and
// the reference made of it are complete.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sections() {
		if seen[s.name] || s.title == "" || s.about == "" {
			t.Errorf("section %s: twice, or without title or about", s.name)
		}
		seen[s.name] = true
		keys := map[string]bool{}
		for _, k := range s.keys {
			where := s.name + "." + k.name
			switch {
			case keys[k.name]:
				t.Errorf("%s stands twice", where)
			case k.instead != "" && (k.form != nil || k.about != "" || k.required):
				t.Errorf("%s is not built and says more than what to do instead", where)
			case k.instead == "" && (k.form == nil || !strings.HasSuffix(k.about, ".")):
				t.Errorf("%s has no form, or no sentence about it", where)
			case k.required != (k.example != ""):
				t.Errorf("%s: an example belongs to required keys, and to each", where)
			}
			keys[k.name] = true
		}
	}
	var ref func(f *form)
	ref = func(f *form) {
		if f == nil {
			return
		}
		if f.Ref != "" && !seen[strings.TrimPrefix(f.Ref, "#/$defs/")] {
			t.Errorf("a form refers to %s, which is not among the sections", f.Ref)
		}
		if more, ok := f.Additional.(*form); ok {
			ref(more)
		}
		ref(f.Items)
		for _, g := range f.AnyOf {
			ref(g)
		}
	}
	for _, s := range sections() {
		for _, k := range s.keys {
			ref(k.form)
		}
	}
}
