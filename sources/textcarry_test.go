package sources

import (
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestTextCarriesNested holds that lists, structs and maps are carried row by
// row, whatever is null around them and within.
func TestTextCarriesNested(t *testing.T) {
	want := []string{ // Arrow sorts the columns by name.
		`{"m":[{"key":"x","value":{"a":5}},{"key":"y","value":null}],"r":{"a":1,"l":[1]},"s":[{"a":1},null]}`,
		`{"m":null,"r":null,"s":null}`,
		`{"m":[],"r":{"a":2,"l":null},"s":[null,{"a":3}]}`,
		`{"m":[{"key":"z","value":{"a":6}}],"r":{"a":null,"l":[]},"s":[]}`,
	}
	lines := `{"r":{"a":1,"l":[1]},"s":[{"a":1},null],"m":{"x":{"a":5},"y":null}}
{}
{"r":{"a":2},"s":[null,{"a":3}],"m":{}}
{"r":{"l":[]},"s":[],"m":{"z":{"a":6}}}
`
	one := event.StructOf(event.Field{Name: "a", Type: event.Of(event.Int)})
	fields := []event.Field{
		{Name: "r", Type: event.StructOf(event.Field{Name: "a", Type: event.Of(event.Int)}, event.Field{Name: "l", Type: event.ListOf(event.Of(event.Int))})},
		{Name: "s", Type: event.ListOf(one)},
		{Name: "m", Type: event.MapOf(event.Of(event.String), one)},
	}
	table := must(textTable(t, "a.jsonl", []byte(lines), Dialect{JSON: true, Fields: fields}))
	var got []string
	for _, r := range carried(t, must(table.Carry(nil, 10)), 10) {
		data := must(r.MarshalJSON())
		for row := range strings.SplitSeq(strings.Trim(string(data), "[]\n"), "\n,") {
			got = append(got, row)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("carried\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
