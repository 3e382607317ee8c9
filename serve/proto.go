package serve

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of Feast's messages (feast/serving/ServingService.proto and
// feast/types/Value.proto) that are read and written here. Each stands for one field,
// and no number of them is ever given to another.
const (
	requestService, requestFeatures, requestEntities, requestFull, requestContext, requestViews = 1, 2, 3, 4, 5, 6

	responseMetadata, responseResults           = 1, 2
	metadataNames, metadataViews                = 1, 2
	vectorValues, vectorStatuses, vectorInstant = 1, 2, 3
	statusPresent, statusNotFound               = 1, 3

	valueBytes, valueString, valueInt32, valueInt64, valueDouble, valueFloat, valueBool = 1, 2, 3, 4, 5, 6, 7
	valueUnixTime, valueNull, valueMap, valueStruct, valueList, valueDecimal            = 8, 19, 20, 34, 42, 44
	valueBytesList, valueStringList, valueInt64List, valueDoubleList, valueBoolList     = 11, 12, 14, 15, 17
	valueDecimalList                                                                    = 45
)

// fields calls do for each field of a message. Fields of other kinds than theirs are
// refused by whoever asks for their content.
func fields(b []byte, do func(number protowire.Number, kind protowire.Type, value []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errProto
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return errProto
		}
		value := b[:size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if err := do(number, kind, value); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

var errProto = wrong("the request is no message of Protobuf")

// readMessage reads a GetOnlineFeaturesRequest of Feast's.
func readMessage(b []byte, most int) (*request, error) {
	r := &request{wait: -1, most: most}
	err := fields(b, func(number protowire.Number, kind protowire.Type, value []byte) error {
		switch number {
		case requestService, requestFeatures, requestEntities, requestContext:
			if kind != protowire.BytesType {
				return errProto
			}
		case requestFull, requestViews:
			if kind != protowire.VarintType {
				return errProto
			}
		}
		switch number {
		case requestService:
			r.service, r.features = string(value), nil // of one oneof the last counts
		case requestFeatures:
			r.service = ""
			return r.names(value)
		case requestEntities, requestContext:
			return r.entry(value)
		case requestFull:
			r.full = !isZero(value)
		case requestViews:
			r.views = !isZero(value)
		default:
			return wrong("the request has a field %d, which is not known here", number)
		}
		return nil
	})
	// A map of Protobuf comes in any order; the answer's is that of the names.
	slices.SortFunc(r.entities, func(a, b given) int { return strings.Compare(a.name, b.name) })
	return r, err
}

func isZero(varint []byte) bool { return len(varint) == 1 && varint[0] == 0 }

// names reads a FeatureList.
func (r *request) names(b []byte) error {
	return fields(b, func(number protowire.Number, kind protowire.Type, value []byte) error {
		if number != 1 || kind != protowire.BytesType {
			return errProto
		}
		if r.features = append(r.features, string(value)); len(r.features) > featuresMost {
			return wrong("features names more than %d", featuresMost)
		}
		return nil
	})
}

// entry reads an entry of a map from a name to values, a RepeatedValue.
func (r *request) entry(b []byte) error {
	g := given{}
	err := fields(b, func(number protowire.Number, kind protowire.Type, value []byte) error {
		if kind != protowire.BytesType {
			return errProto
		}
		switch number {
		case 1:
			g.name = string(value)
		case 2:
			return fields(value, func(number protowire.Number, kind protowire.Type, value []byte) error {
				if number != 1 || kind != protowire.BytesType {
					return errProto
				}
				if len(g.values) == r.most {
					return r.tooMany("more than " + strconv.Itoa(r.most))
				}
				v, err := valueOf(value, 0)
				g.values = append(g.values, v)
				return err
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.entities, func(other given) bool { return other.name == g.name }) {
		return wrong("%s stands twice in the request", quoted(g.name))
	}
	if r.entities = append(r.entities, g); len(r.entities) > membersMost {
		return wrong("the request has more than %d columns", membersMost)
	}
	return nil
}

// valueDeep is how deep lists may lie in each other.
const valueDeep = 16

// valueOf is a Value of Feast's as JSON would have it, so that both mean the same.
func valueOf(b []byte, depth int) (v json.RawMessage, err error) {
	v = json.RawMessage("null")
	if depth > valueDeep {
		return v, wrong("a value is nested more than %d levels deep", valueDeep)
	}
	err = fields(b, func(number protowire.Number, kind protowire.Type, value []byte) error {
		switch number {
		case valueBytes, valueString, valueDecimal, valueList:
			if kind != protowire.BytesType {
				return errProto
			}
		}
		switch number {
		case valueBytes:
			v = appendText(nil, base64.StdEncoding.EncodeToString(value))
		case valueString, valueDecimal:
			v = appendText(nil, value)
		case valueList:
			v, err = listOf(value, depth)
			return err
		case valueNull:
			v = json.RawMessage("null")
		default:
			return numberOf(number, kind, value, &v)
		}
		return nil
	})
	return v, err
}

// numberOf is a Value that is no bytes on the wire.
func numberOf(number protowire.Number, kind protowire.Type, value []byte, v *json.RawMessage) error {
	want := map[protowire.Number]protowire.Type{valueInt32: protowire.VarintType, valueInt64: protowire.VarintType, valueBool: protowire.VarintType, valueUnixTime: protowire.VarintType,
		valueDouble: protowire.Fixed64Type, valueFloat: protowire.Fixed32Type}
	if t, known := want[number]; !known {
		return wrong("a value of the request is of field %d of feast.types.Value, which no key and no request field is", number)
	} else if t != kind {
		return errProto
	}
	n, _ := protowire.ConsumeVarint(value)
	switch number {
	case valueBool:
		*v = strconv.AppendBool(nil, n != 0)
	case valueInt32, valueInt64:
		*v = strconv.AppendInt(nil, int64(n), 10)
	case valueUnixTime:
		t, ok := event.FloorTime(int64(n), event.Second)
		if !ok {
			return wrong("an instant of the request is beyond all times")
		}
		*v = appendTime(nil, t)
	case valueDouble:
		bits, _ := protowire.ConsumeFixed64(value)
		*v = appendDouble(nil, math.Float64frombits(bits))
	case valueFloat:
		bits, _ := protowire.ConsumeFixed32(value)
		*v = appendDouble(nil, float64(math.Float32frombits(bits)))
	}
	return nil
}

// listOf is a RepeatedValue as a list.
func listOf(b []byte, depth int) (json.RawMessage, error) {
	list, n := []byte{'['}, 0
	err := fields(b, func(number protowire.Number, kind protowire.Type, value []byte) error {
		if number != 1 || kind != protowire.BytesType {
			return errProto
		}
		v, err := valueOf(value, depth+1)
		list = append(comma(list, n), v...)
		n++
		return err
	})
	return append(list, ']'), err
}

// nested appends a field whose content do appends. Its length is put before it once it
// is known.
func nested(b []byte, number protowire.Number, do func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	from := len(b)
	b = do(b)
	size := len(b) - from
	var head [10]byte
	return slices.Insert(b, from, protowire.AppendVarint(head[:0], uint64(size))...)
}

// appendMessage appends a reply as a GetOnlineFeaturesResponse of Feast's.
func appendMessage(b []byte, a *reply) []byte {
	b = nested(b, responseMetadata, func(b []byte) []byte {
		b = nested(b, metadataNames, func(b []byte) []byte {
			for _, at := range a.echoed {
				b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), a.catalog.plan.Queries.Columns[at].Name)
			}
			for _, name := range a.selected.names {
				b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
			}
			return b
		})
		for _, name := range a.selected.views {
			if a.views {
				b = nested(b, metadataViews, func(b []byte) []byte {
					return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
				})
			}
		}
		return b
	})
	for _, at := range a.echoed {
		b = a.appendColumn(b, &a.asked.Columns[at], func(int) (bool, event.Time) { return true, 0 })
	}
	for i := range a.answer.Columns {
		timed := a.selected.part.From[i] >= 0
		b = a.appendColumn(b, &a.answer.Columns[i], func(row int) (bool, event.Time) {
			known := a.known(i, row)
			if timed && known {
				return known, a.times[row]
			}
			return known, 0
		})
	}
	return b
}

// appendColumn appends a FeatureVector; of says of a row whether its key is known, and
// of what instant its value is.
func (a *reply) appendColumn(b []byte, c *event.Column, of func(row int) (known bool, at event.Time)) []byte {
	return nested(b, responseResults, func(b []byte) []byte {
		for row := range a.asked.Len {
			b = nested(b, vectorValues, func(b []byte) []byte { return appendProto(b, c, row) })
		}
		b = nested(b, vectorStatuses, func(b []byte) []byte {
			for row := range a.asked.Len {
				status := uint64(statusPresent)
				if known, _ := of(row); !known {
					status = statusNotFound
				}
				b = protowire.AppendVarint(b, status)
			}
			return b
		})
		for row := range a.asked.Len {
			b = nested(b, vectorInstant, func(b []byte) []byte {
				_, at := of(row)
				return appendInstant(b, at)
			})
		}
		return b
	})
}

// appendInstant appends a google.protobuf.Timestamp.
func appendInstant(b []byte, t event.Time) []byte {
	at := time.UnixMicro(int64(t))
	if s := at.Unix(); s != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(s))
	}
	if n := at.Nanosecond(); n != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(n))
	}
	return b
}

// appendProto appends a Value. Instants and dates are the texts that JSON has, as
// Feast's own hold whole seconds only.
func appendProto(b []byte, c *event.Column, i int) []byte {
	if c.IsNull(i) {
		return protowire.AppendVarint(protowire.AppendTag(b, valueNull, protowire.VarintType), 0)
	}
	switch c.Type.Kind {
	case event.Bool:
		return protowire.AppendVarint(protowire.AppendTag(b, valueBool, protowire.VarintType), uint64(c.Ints[i]))
	case event.Int:
		return protowire.AppendVarint(protowire.AppendTag(b, valueInt64, protowire.VarintType), uint64(c.Ints[i]))
	case event.Double:
		return protowire.AppendFixed64(protowire.AppendTag(b, valueDouble, protowire.Fixed64Type), math.Float64bits(c.Floats[i]))
	case event.List:
		return appendList(b, c, i)
	case event.Struct:
		return nested(b, valueStruct, func(b []byte) []byte {
			for f := range c.Fields {
				b = appendPair(b, c.Type.Fields[f].Name, &c.Fields[f], i)
			}
			return b
		})
	case event.Map:
		return nested(b, valueMap, func(b []byte) []byte {
			keys, values := &c.Elem.Fields[0], &c.Elem.Fields[1]
			for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
				b = appendPair(b, textOf(keys, int(k)), values, int(k))
			}
			return b
		})
	case event.Bytes:
		return protowire.AppendBytes(protowire.AppendTag(b, valueBytes, protowire.BytesType), c.Text(i))
	case event.Decimal:
		return protowire.AppendString(protowire.AppendTag(b, valueDecimal, protowire.BytesType), textOf(c, i))
	}
	return protowire.AppendString(protowire.AppendTag(b, valueString, protowire.BytesType), textOf(c, i))
}

// textOf is a single value as the text that JSON has.
func textOf(c *event.Column, i int) string {
	text := appendValue(nil, c, i)
	var s string
	if json.Unmarshal(text, &s) == nil {
		return s
	}
	return string(text)
}

// appendPair appends an entry of a map from texts to Values.
func appendPair(b []byte, key string, c *event.Column, i int) []byte {
	return nested(b, 1, func(b []byte) []byte {
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), key)
		return nested(b, 2, func(b []byte) []byte { return appendProto(b, c, i) })
	})
}

// lists are the fields of lists of single values, by kind.
var lists = map[event.Kind]protowire.Number{event.Bool: valueBoolList, event.Int: valueInt64List, event.Double: valueDoubleList, event.String: valueStringList, event.Bytes: valueBytesList,
	event.Decimal: valueDecimalList, event.Date: valueStringList, event.Timestamp: valueStringList}

// appendList appends a list: of its kind where it has single values, and no null, which
// such a list cannot hold; else one of Values.
func appendList(b []byte, c *event.Column, i int) []byte {
	from, to := int(c.Offsets[i]), int(c.Offsets[i+1])
	number, plain := lists[c.Elem.Type.Kind]
	for k := from; k < to; k++ {
		plain = plain && !c.Elem.IsNull(k)
	}
	if !plain {
		return nested(b, valueList, func(b []byte) []byte {
			for k := from; k < to; k++ {
				b = nested(b, 1, func(b []byte) []byte { return appendProto(b, c.Elem, k) })
			}
			return b
		})
	}
	return nested(b, number, func(b []byte) []byte {
		switch c.Elem.Type.Kind {
		case event.Bool, event.Int:
			return nested(b, 1, func(b []byte) []byte {
				for k := from; k < to; k++ {
					b = protowire.AppendVarint(b, uint64(c.Elem.Ints[k]))
				}
				return b
			})
		case event.Double:
			return nested(b, 1, func(b []byte) []byte {
				for k := from; k < to; k++ {
					b = protowire.AppendFixed64(b, math.Float64bits(c.Elem.Floats[k]))
				}
				return b
			})
		case event.Bytes:
			for k := from; k < to; k++ {
				b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), c.Elem.Text(k))
			}
			return b
		}
		for k := from; k < to; k++ {
			b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), textOf(c.Elem, k))
		}
		return b
	})
}
