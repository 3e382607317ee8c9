package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// request is what a client asks, as JSON values, however it came.
type request struct {
	service  string   // one of service and features
	features []string // as Feast names them, VIEW:FEATURE
	entities []given  // keys and request fields, in the order of the request
	full     bool     // names of the answer with their views
	views    bool     // the answer lists the views, which have no versions
	context  bool     // something came as request_context

	asOf      []event.Time     // none: now; one for all rows, or one a row
	positions map[string]int64 // by TOPIC/PARTITION the offset of a record that must be applied
	wait      time.Duration    // for these; negative: as long as may be

	most int // rows; more are refused before they are read
}

// What is read of a request before it is looked at has bounds of its own: a few bytes
// of text become many times as many of memory (R2).
const (
	membersMost  = 1 << 12 // of an object: names of columns, partitions
	featuresMost = 1 << 14
)

// given is a column of a request: a value a row.
type given struct {
	name   string
	values []json.RawMessage
}

// readRequest reads the JSON that Feast's clients send, and what is ours beside it.
// Keys are read as they are spelled; one that means nothing is refused, as who wrote
// asof would otherwise be told of now.
func readRequest(body []byte, most int) (*request, error) {
	if !utf8.Valid(body) {
		return nil, wrong("the request is not UTF-8")
	}
	r := &request{wait: -1, most: most}
	err := members(body, "the request", func(key string, value json.RawMessage) error {
		switch key {
		case "feature_service":
			return r.optional(value, key, &r.service)
		case "features":
			return r.optional(value, key, &r.features)
		case "full_feature_names":
			return r.optional(value, key, &r.full)
		case "include_feature_view_version_metadata":
			return r.optional(value, key, &r.views)
		case "entities", "request_context":
			return r.columns(value, key)
		case "as_of":
			return r.instants(value)
		case "positions":
			return r.readPositions(value)
		case "wait":
			return r.readWait(value)
		}
		return wrong("unknown key %s of the request; its keys are feature_service, features, entities, request_context, full_feature_names, include_feature_view_version_metadata, as_of, positions, wait", quoted(key))
	})
	if err != nil {
		return nil, err
	}
	return r, r.check()
}

// members calls do for each member of an object, in order, none twice.
func members(text []byte, what string, do func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	t, err := d.Token()
	if err != nil {
		return notJSON(what, err)
	}
	if t != json.Delim('{') {
		return wrong("%s must be an object of JSON", what)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return notJSON(what, err)
		}
		key, _ := t.(string) // the decoder takes nothing else for a key
		if seen[key] {
			return wrong("%s stands twice in %s", quoted(key), what)
		}
		if seen[key] = true; len(seen) > membersMost {
			return wrong("%s has more than %d members", what, membersMost)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return notJSON(what, err)
		}
		if err := do(key, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return notJSON(what, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrong("something stands behind the end of %s", what)
	}
	return nil
}

// notJSON is the refusal of what is no JSON. The decoder's words are kept: they name
// the character.
func notJSON(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrong("%s ends before its JSON does", what)
	}
	return wrong("%s is not JSON: %s", what, strings.TrimPrefix(err.Error(), "json: "))
}

// quoted is a word of a client in a sentence, no longer than one can read.
func quoted(word string) string {
	if len(word) > 60 {
		word = strings.ToValidUTF8(word[:60], "") + "..."
	}
	return fmt.Sprintf("%q", word)
}

// optional reads a value that may be null. The types are few: text, texts, truth.
func (r *request) optional(value json.RawMessage, key string, to any) error {
	if key == "features" && bytes.Count(value, []byte{','}) >= featuresMost {
		return wrong("features names more than %d", featuresMost)
	}
	if json.Unmarshal(value, to) != nil {
		kind := map[string]string{"feature_service": "a string", "features": "a list of strings"}[key]
		if kind == "" {
			kind = "true or false"
		}
		return wrong("%s must be %s", key, kind)
	}
	return nil
}

// columns reads lists of values by name.
func (r *request) columns(value json.RawMessage, key string) error {
	if key == "request_context" && string(value) == "null" {
		return nil
	}
	r.context = r.context || key == "request_context"
	return members(value, key, func(name string, value json.RawMessage) error {
		for _, g := range r.entities {
			if g.name == name {
				return wrong("%s stands both in entities and in request_context", quoted(name))
			}
		}
		values, err := r.list(value)
		if err != nil {
			return err
		}
		if values == nil {
			return wrong("%s of %s must be a list, with a value for each row", quoted(name), key)
		}
		r.entities = append(r.entities, given{name, values})
		return nil
	})
}

// list reads the elements of a list; nil: it is none. Where its commas leave it open
// whether it has too many they are counted one by one.
func (r *request) list(value json.RawMessage) ([]json.RawMessage, error) {
	values := []json.RawMessage{}
	if len(value) == 0 || value[0] != '[' {
		return nil, nil
	}
	if bytes.Count(value, []byte{','}) < r.most {
		return values, json.Unmarshal(value, &values) // a RawMessage is JSON already
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.Token()
	for d.More() {
		if len(values) == r.most {
			return nil, r.tooMany("more than " + strconv.Itoa(r.most))
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, notJSON("the request", err)
		}
		values = append(values, v)
	}
	return values, nil
}

// tooMany is the refusal of more rows than are answered.
func (r *request) tooMany(rows string) error {
	return &refusal{code: http.StatusRequestEntityTooLarge, problem: fmt.Sprintf("the request has %s rows and at most %d are answered; ask in several requests", rows, r.most)}
}

// instants reads as_of: an instant, or a list of them.
func (r *request) instants(value json.RawMessage) error {
	var one string
	var all []string
	if string(value) == "null" {
		return nil
	}
	if bytes.Count(value, []byte{','}) >= max(r.most, 1) {
		return r.tooMany("more than " + strconv.Itoa(r.most))
	}
	if json.Unmarshal(value, &one) == nil {
		all = []string{one}
	} else if json.Unmarshal(value, &all) != nil || len(all) == 0 {
		return wrong("as_of must be an instant such as \"2026-01-31T12:00:00Z\", or a list with one for each row")
	}
	for _, text := range all {
		if err := r.at(text); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) at(text string) error {
	t, err := event.ParseTime(text)
	if err != nil {
		return wrong("as_of: %s is no instant; write 2026-01-31T12:00:00Z", quoted(text))
	}
	r.asOf = append(r.asOf, t)
	return nil
}

func (r *request) readPositions(value json.RawMessage) error {
	if string(value) == "null" {
		return nil
	}
	r.positions = map[string]int64{}
	return members(value, "positions", func(key string, value json.RawMessage) error {
		var offset int64
		if json.Unmarshal(value, &offset) != nil || string(value) == "null" {
			return wrong("position %s must be the offset of a record", quoted(key))
		}
		return r.position(key, offset)
	})
}

func (r *request) position(key string, offset int64) error {
	if offset < 0 || offset == math.MaxInt64 {
		return wrong("position %s is %d, no offset", quoted(key), offset)
	}
	r.positions[key] = offset
	return nil
}

func (r *request) readWait(value json.RawMessage) error {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return wrong("wait must be a duration such as \"500ms\"")
	}
	return r.waitFor(text)
}

func (r *request) waitFor(text string) error {
	us, err := features.ParseDuration(text)
	if err != nil || us < 0 || us > math.MaxInt64/1000 {
		return wrong("wait is %s, no duration; write 500ms", quoted(text))
	}
	r.wait = time.Duration(us) * time.Microsecond
	return nil
}

// check holds what takes more than one key to tell.
func (r *request) check() error {
	switch {
	case r.service != "" && len(r.features) > 0:
		return wrong("the request has both feature_service and features; name one")
	case r.service == "" && len(r.features) == 0:
		return wrong("the request names neither feature_service nor features")
	case r.wait >= 0 && len(r.positions) == 0:
		return wrong("wait without positions: there is nothing to wait for")
	}
	return nil
}
