package payload_test

import (
	"context"
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// A decoder reads only the fields that are asked for. A message that cannot be read
// leaves no row.
func Example() {
	fields := event.Schema{{Name: "id", Type: event.Of(event.Int)}, {Name: "place.city", Type: event.Of(event.String)}}
	d, err := payload.New(context.Background(), payload.Options{Format: payload.FormatJSON}, fields)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, message := range []string{`{"id": 1, "place": {"city": "Delft", "zip": "2611"}}`, `{"id": "one"}`, `{"id": 2}`} {
		if err := d.Append(context.Background(), []byte(message)); err != nil {
			fmt.Println(err)
		}
	}
	columns := d.Columns()
	fmt.Println(columns[0].Ints, string(columns[1].Text(0)), columns[1].IsNull(1))
	// Output:
	// column id: `one` is no int64
	// [1 2] Delft true
}
