package sources

import (
	"errors"
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// nullWords are what writers spell for null, for the mend of a fault.
var nullWords = []string{"", "NA", "N/A", "n/a", "null", "NULL", "Null", "None", "nil", "-", `\N`, "NaN", "nan", "NaT"}

// mendOf says what to do about a text that is no value of t.
func mendOf(t event.Type, text []byte) string {
	word := string(text[:min(len(text), 16)])
	for _, null := range nullWords {
		if word == null && len(text) == len(null) {
			return fmt.Sprintf("if it stands for null, say null: [%q] beside the path", word)
		}
	}
	switch t.Kind {
	case event.String:
		return "it is not UTF-8; write the file as UTF-8, or declare the column bytes and write base64"
	case event.Bytes:
		return "bytes are written in base64"
	case event.Timestamp:
		return "write 2026-01-31T12:00:00Z, or declare the column int64 or string and make the instant of it in a field of its own, such as {type: timestamp, history: to_timestamp_ms(x)}"
	case event.Date:
		return "write 2026-01-31, or declare the column string and cast it"
	case event.List, event.Struct, event.Map:
		return "write it as JSON"
	}
	return "mend the file, or declare the column string and cast it"
}

// plainly adds to what is wrong with a JSON text what to do about it, where it
// comes from a file.
func plainly(err error) error {
	var bad *payload.Misread
	var none *payload.NotObject
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%w; %s", err, mendOf(bad.Type, bad.Text))
	case errors.Is(err, payload.ErrUnended):
		return fmt.Errorf("%w; one line holds one whole object", err)
	case errors.Is(err, payload.ErrFollowed):
		return fmt.Errorf("%w; one line holds one object", err)
	case errors.As(err, &none):
		return fmt.Errorf("%w; each line of JSON lines is one, such as {\"name\": 1}", err)
	}
	return err
}

// afterLine is plainly as it stands behind the number of a line.
func afterLine(err error) error {
	var in *payload.InColumn
	if errors.As(err, &in) {
		return fmt.Errorf(", %w", plainly(err))
	}
	return fmt.Errorf(": %w", plainly(err))
}
