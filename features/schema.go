package features

import (
	"encoding/json"
	"fmt"
)

// form is the shape of a value, as a JSON Schema says it (draft 2020-12). It
// says what one value must look like; what needs two places of a file (that a
// named view exists, that a dimension has no window) only the loader knows. It
// is less strict than the loader and never stricter: an editor must not mark
// what Load takes.
type form struct {
	Schema        string           `json:"$schema,omitempty"`
	Ref           string           `json:"$ref,omitempty"`
	Title         string           `json:"title,omitempty"`
	Description   string           `json:"description,omitempty"`
	Type          []string         `json:"type,omitempty"`
	Enum          []any            `json:"enum,omitempty"`
	Pattern       string           `json:"pattern,omitempty"`
	MinLength     int              `json:"minLength,omitempty"`
	Minimum       int              `json:"minimum,omitempty"`
	Items         *form            `json:"items,omitempty"`
	MinItems      int              `json:"minItems,omitempty"`
	UniqueItems   bool             `json:"uniqueItems,omitempty"`
	Properties    map[string]*form `json:"properties,omitempty"`
	Required      []string         `json:"required,omitempty"`
	PropertyNames *form            `json:"propertyNames,omitempty"`
	MinProperties int              `json:"minProperties,omitempty"`
	// Additional is false or a *form: what keys that Properties does not name hold.
	Additional any              `json:"additionalProperties,omitempty"`
	AnyOf      []*form          `json:"anyOf,omitempty"`
	OneOf      []*form          `json:"oneOf,omitempty"`
	AllOf      []*form          `json:"allOf,omitempty"`
	Not        *form            `json:"not,omitempty"`
	Defs       map[string]*form `json:"$defs,omitempty"`
}

// The forms of single values. A text is an expression or a literal, so that
// YAML may take it for a number or a truth; a word is the name of something.
var (
	variableForm = &form{Type: []string{"string"}, Pattern: `\$\{`}
	proseForm    = &form{Type: []string{"string"}, MinLength: 1}
	textForm     = &form{Type: []string{"string", "number", "boolean"}, MinLength: 1, Not: variableForm}
	wordForm     = &form{Type: []string{"string"}, MinLength: 1, Not: variableForm}
	nameForm     = &form{Type: []string{"string"}, Pattern: `^[a-z](_?[a-z0-9])*_?$`, Not: &form{Enum: []any{"request", "at"}}}
	addressForm  = &form{Type: []string{"string"}, MinLength: 1, Not: &form{Type: []string{"string"}, Pattern: `^[^/ ${}]*://`, Not: &form{Type: []string{"string"}, Pattern: `^[sS]3://`}}}
	typeForm     = &form{Type: []string{"string"}, MinLength: 1, Not: variableForm}
	durationForm = &form{Type: []string{"string"}, Pattern: `^[1-9][0-9]*(us|ms|s|m|h|d)$`}
	countForm    = &form{Type: []string{"integer"}, Minimum: 1}
	trueForm     = &form{Enum: []any{true}}
	truthForm    = &form{Type: []string{"boolean"}}
	nullsForm    = &form{Type: []string{"array"}, Items: &form{Type: []string{"string", "number", "boolean"}}}
	oneForm      = &form{Enum: []any{1}}
	instantForm  = &form{Type: []string{"string"}, Pattern: `^[0-9]{4}-`}
	nanForm      = &form{Enum: []any{nil, "null", "reject"}}
	shareForm    = &form{Type: []string{"number"}}
	secretForm   = &form{Type: []string{"string"}, Pattern: `^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`}

	windowTextForm = &form{Type: []string{"string"}, Pattern: `^([1-9][0-9]*(us|ms|s|m|h|d)|lifetime)$`}
	orderForm      = anyForm(wordForm, listForm(wordForm))
	columnsForm    = anyForm(wordForm, anyListForm(wordForm))
)

// refForm points to a section's definition, so that sections used in several
// places, as windows are, stand in the schema once.
func refForm(s *section) *form { return &form{Ref: "#/$defs/" + s.name} }

func anyForm(forms ...*form) *form { return &form{AnyOf: forms} }

// anyListForm is a list that may be empty.
func anyListForm(of *form) *form {
	return &form{Type: []string{"array"}, Items: of, UniqueItems: true}
}

// listForm is a list of at least one, each once, as the loader asks of nearly
// all lists.
func listForm(of *form) *form {
	return &form{Type: []string{"array"}, Items: of, UniqueItems: true, MinItems: 1}
}

// mapForm is a map of any keys of one form to values of one form.
func mapForm(name, value *form) *form {
	return &form{Type: []string{"object"}, PropertyNames: name, Additional: value}
}

// namedForm is a map of things of the user's naming.
func namedForm(s *section) *form { return mapForm(nameForm, refForm(s)) }

// filledForm is a map with at least one key.
func filledForm(m *form) *form {
	filled := *m
	filled.MinProperties = 1
	return &filled
}

// choiceForm is one of the words that are built.
func choiceForm(choices []choice) *form {
	f := &form{}
	for _, c := range builtChoices(choices) {
		f.Enum = append(f.Enum, c)
	}
	return f
}

// notBoth is the rule that two keys exclude each other.
func notBoth(a, b string) *form { return &form{Not: &form{Required: []string{a, b}}} }

// needs is the rule that a key stands only beside another.
func needs(a, b string) *form {
	return &form{AnyOf: []*form{{Not: &form{Required: []string{a}}}, {Required: []string{b}}}}
}

// schema is the section as a part of the schema: exactly its built keys. Keys
// that are not built yet are left out, so that no editor offers them.
func (s *section) schema() *form {
	f := &form{Title: s.title, Description: s.about, Type: []string{"object"}, Properties: map[string]*form{}, Additional: false, AllOf: s.rules}
	for _, k := range s.keys {
		if k.instead != "" {
			continue
		}
		described := *k.form
		described.Description = k.about
		f.Properties[k.name] = &described
		if k.required {
			f.Required = append(f.Required, k.name)
		}
	}
	return f
}

// JSONSchema is the JSON Schema of a definition, for editors. It is made from
// the table that the loader reads by; a copy kept by hand would fall behind.
func JSONSchema() []byte {
	all := sections()
	root := all[0].schema()
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Defs = map[string]*form{}
	for _, s := range all[1:] {
		root.Defs[s.name] = s.schema()
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("features: the language's table cannot be written as JSON: %v", err))
	}
	return append(text, '\n')
}
