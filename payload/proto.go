package payload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/timeseam/timeseam/features/event"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// compileProto compiles the source of a file and of those that it imports.
func compileProto(ctx context.Context, name string, sources map[string]string) (protoreflect.FileDescriptor, error) {
	return linkProto(ctx, name, &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)})
}

func linkProto(ctx context.Context, name string, from protocompile.Resolver) (protoreflect.FileDescriptor, error) {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(from), MaxParallelism: 1}
	files, err := compiler.Compile(ctx, name)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// loadProto reads the message so named from a file: its source, with folders where
// imports are looked for, or a compiled set of descriptors.
func loadProto(ctx context.Context, o *Options) (protoreflect.MessageDescriptor, error) {
	var in []protoreflect.FileDescriptor
	if filepath.Ext(o.Schema) == ".proto" {
		folders := append([]string{filepath.Dir(o.Schema)}, o.Imports...)
		file, err := linkProto(ctx, filepath.Base(o.Schema), &protocompile.SourceResolver{ImportPaths: folders})
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", o.Schema, err)
		}
		in = append(in, file)
	} else {
		var err error
		if in, err = readDescriptors(o.Schema); err != nil {
			return nil, fmt.Errorf("schema %s: %w", o.Schema, err)
		}
	}
	message, err := messageCalled(in, o.Message)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", o.Schema, err)
	}
	return message, nil
}

// readDescriptors reads a FileDescriptorSet, such as protoc writes.
func readDescriptors(path string) (in []protoreflect.FileDescriptor, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(data, set); err != nil || len(set.File) == 0 {
		return nil, fmt.Errorf("it is no set of descriptors; write it with protoc --include_imports --descriptor_set_out, or name a .proto file")
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("%w; write it with protoc --include_imports", err)
	}
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		in = append(in, f)
		return true
	})
	return in, nil
}

// messageCalled finds a message by its name, with its package or without. No name is
// the one message that stands in no other.
func messageCalled(in []protoreflect.FileDescriptor, name string) (protoreflect.MessageDescriptor, error) {
	var names []string
	var found []protoreflect.MessageDescriptor
	var look func(all protoreflect.MessageDescriptors, inner bool)
	look = func(all protoreflect.MessageDescriptors, inner bool) {
		for i := range all.Len() {
			m := all.Get(i)
			full := string(m.FullName())
			if m.IsMapEntry() {
				continue
			}
			names = append(names, full)
			if full == name || strings.HasSuffix(full, "."+name) && name != "" || name == "" && !inner {
				found = append(found, m)
			}
			look(m.Messages(), true)
		}
	}
	for _, f := range in {
		look(f.Messages(), false)
	}
	slices.Sort(names)
	if exact := slices.IndexFunc(found, func(m protoreflect.MessageDescriptor) bool { return string(m.FullName()) == name }); exact >= 0 {
		return found[exact], nil
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if name == "" || len(found) > 1 {
		return nil, fmt.Errorf("it has several messages (%s); say which with message", short(names))
	}
	mend := "it has " + short(names)
	if near := event.Nearest(name, names); near != "" {
		mend = "did you mean " + near + "?"
	}
	return nil, fmt.Errorf("it has no message %s; %s", name, mend)
}

// short is the first of many names.
func short(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " ..."
	}
	return strings.Join(names, ", ")
}

// Messages of google.protobuf that are values of one part.
const (
	protoTimestamp = "google.protobuf.Timestamp"
	protoPrefix    = "google.protobuf."
)

// wrappers are the messages that make a value of one part out of a field called
// value, which may then be absent.
var wrappers = []string{"DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue"}

// wrapped is the field of a wrapper, or nil.
func wrapped(m protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if name, is := strings.CutPrefix(string(m.FullName()), protoPrefix); is && slices.Contains(wrappers, name) {
		return m.Fields().ByNumber(1)
	}
	return nil
}

// foreign says why a message is no struct: it is one of Google's whose meaning is
// not in its fields.
func foreign(m protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(m.FullName()), protoPrefix) && m.FullName() != protoTimestamp && wrapped(m) == nil
}

// protoScalar is the type of a single value. ok is false where it is none.
func protoScalar(f protoreflect.FieldDescriptor) (g given, ok bool) {
	of := func(k event.Kind, digits int) (given, bool) { return given{event.Of(k), digits}, true }
	switch f.Kind() {
	case protoreflect.BoolKind:
		return of(event.Bool, 0)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return of(event.Int, digits32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return of(event.Int, digits64)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return of(event.Int, digitsU)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return of(event.Double, 0)
	case protoreflect.StringKind, protoreflect.EnumKind:
		return of(event.String, 0)
	case protoreflect.BytesKind:
		return of(event.Bytes, 0)
	case protoreflect.MessageKind:
		if f.Message().FullName() == protoTimestamp {
			return of(event.Timestamp, 0)
		}
		if inner := wrapped(f.Message()); inner != nil {
			return protoScalar(inner)
		}
	}
	return g, false
}

// protoSays is a field's type as sentences name it.
func protoSays(f protoreflect.FieldDescriptor) string {
	text := ""
	if g, ok := protoScalar(f); ok {
		text = g.String()
	} else if f.Message() != nil {
		text = "message " + string(f.Message().FullName())
	}
	switch {
	case f.IsMap():
		return "a map from " + protoSays(f.MapKey()) + " to " + protoSays(f.MapValue())
	case f.IsList():
		return "a list of " + text
	}
	return text
}

// protoType is the type of a column for a field; why: none can hold it.
func protoType(f protoreflect.FieldDescriptor, y *typing[protoreflect.FullName]) (typ event.Type, why string) {
	if f.IsMap() {
		key, _ := protoScalar(f.MapKey())
		value, why := protoType(f.MapValue(), y)
		return event.MapOf(key.Type, value), why
	}
	if g, ok := protoScalar(f); ok {
		typ = g.Type
	} else {
		m := f.Message()
		if f.Kind() == protoreflect.GroupKind || foreign(m) {
			return typ, "it is " + protoSays(f) + ", which no column holds"
		}
		if why := y.enter(m.FullName(), "message "+string(m.FullName())); why != "" {
			return typ, why
		}
		defer y.leave()
		fields := make([]event.Field, m.Fields().Len())
		for i := range fields {
			inner := m.Fields().Get(i)
			fields[i].Name = string(inner.Name())
			if fields[i].Type, why = protoType(inner, y); why != "" {
				return typ, why
			}
		}
		typ = event.StructOf(fields...)
	}
	if f.IsList() {
		typ = event.ListOf(typ)
	}
	return typ, ""
}
