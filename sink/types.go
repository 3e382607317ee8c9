package sink

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// arrowType is the type in which values of t are written. Lists name their
// elements as Parquet does, so that the type survives a file unchanged.
func arrowType(t event.Type) (arrow.DataType, error) {
	switch t.Kind {
	case event.Null:
		return arrow.Null, nil
	case event.Bool:
		return arrow.FixedWidthTypes.Boolean, nil
	case event.Int:
		return arrow.PrimitiveTypes.Int64, nil
	case event.Double:
		return arrow.PrimitiveTypes.Float64, nil
	case event.Decimal:
		if t.Precision < 1 || t.Precision > 38 || t.Scale < 0 || t.Scale > t.Precision {
			return nil, fmt.Errorf("no type %s; a decimal has 1 to 38 digits", t)
		}
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}, nil
	case event.String:
		return arrow.BinaryTypes.String, nil
	case event.Bytes:
		return arrow.BinaryTypes.Binary, nil
	case event.Date:
		return arrow.FixedWidthTypes.Date32, nil
	case event.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, nil
	case event.List:
		elem, err := arrowType(*t.Elem)
		if err != nil {
			return nil, err
		}
		return arrow.ListOfField(arrow.Field{Name: "element", Type: elem, Nullable: true}), nil
	case event.Map:
		return mapType(t)
	case event.Struct:
		return structType(t)
	}
	return nil, fmt.Errorf("values of type %s cannot be written", t)
}

// mapType is the type of a map, whose entries are never null.
func mapType(t event.Type) (arrow.DataType, error) {
	key, err := arrowType(t.KeyType())
	if err != nil {
		return nil, err
	}
	value, err := arrowType(t.ValueType())
	if err != nil {
		return nil, err
	}
	m := arrow.MapOf(key, value)
	m.KeysSorted = true
	return m, nil
}

func structType(t event.Type) (arrow.DataType, error) {
	if len(t.Fields) == 0 {
		return nil, fmt.Errorf("a struct without fields cannot be written; name a field")
	}
	fields := make([]arrow.Field, len(t.Fields))
	for i, f := range t.Fields {
		ft, err := arrowType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		fields[i] = arrow.Field{Name: f.Name, Type: ft, Nullable: true}
	}
	return arrow.StructOf(fields...), nil
}
