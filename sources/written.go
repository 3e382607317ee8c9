package sources

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// written is a type of Arrow as definitions write it: map<string, double>. A type
// that they have no word for keeps its own.
func written(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.MapType: // Before lists: a map is a list of entries too.
		return "map<" + written(t.KeyType()) + ", " + written(t.ItemType()) + ">"
	case arrow.ListLikeType:
		return "list<" + written(t.Elem()) + ">"
	case *arrow.StructType:
		var fields []string
		for _, f := range t.Fields() {
			fields = append(fields, f.Name+": "+written(f.Type))
		}
		return "struct<" + strings.Join(fields, ", ") + ">"
	case *arrow.DictionaryType:
		return written(t.ValueType)
	case arrow.DecimalType:
		return event.DecimalOf(int(t.GetPrecision()), int(t.GetScale())).String()
	}
	switch t.ID() {
	case arrow.BOOL:
		return event.Of(event.Bool).String()
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32:
		return event.Of(event.Int).String()
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return event.Of(event.Double).String()
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return event.Of(event.String).String()
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return event.Of(event.Bytes).String()
	case arrow.DATE32:
		return event.Of(event.Date).String()
	case arrow.TIMESTAMP:
		return event.Of(event.Timestamp).String()
	}
	return t.String()
}
