package payload

import (
	"context"
	"fmt"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func files(f protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{f}
}

// nearest is what to do about a subject that there is not.
func (r *Registry) nearest(ctx context.Context, subject string) string {
	var names []string
	err := r.ask(ctx, func() (err error) {
		names, err = r.client.Subjects(ctx)
		return err
	})
	if err == nil {
		if near := event.Nearest(subject, names); near != "" {
			return "did you mean " + near + "?"
		}
	}
	return "a topic's is usually its name and -value"
}

// schemaTypes are the registry's names of the formats.
var schemaTypes = map[string]sr.SchemaType{FormatAvro: sr.TypeAvro, FormatProtobuf: sr.TypeProtobuf, FormatJSON: sr.TypeJSON}

// parse reads the text of a schema with those that it refers to.
func (r *Registry) parse(ctx context.Context, text sr.Schema, o *Options, says string) (*schema, error) {
	s := &schema{says: says}
	if text.Type != schemaTypes[o.Format] {
		for format, t := range schemaTypes {
			if t == text.Type {
				return nil, fmt.Errorf("%s is one of %s, and the format is %s; say format: %s", says, format, o.Format, format)
			}
		}
		return nil, fmt.Errorf("%s is of a type that is not known here; types are Avro, Protobuf and JSON Schema", says)
	}
	if o.Format == FormatJSON {
		var err error
		if s.json, err = parseJSONSchema(text.Schema); err != nil {
			return nil, fmt.Errorf("%s: it is no JSON Schema: %w", says, err)
		}
		return s, nil
	}
	refs := &references{registry: r, texts: map[string]string{}}
	err := refs.gather(ctx, text.References)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", says, err)
	case o.Format == FormatProtobuf:
		const name = "message.proto"
		refs.texts[name] = text.Schema
		s.file, err = compileProto(ctx, name, refs.texts)
	default:
		s.avro, err = parseAvro(text.Schema, refs.inOrder)
		if err == nil && s.avro.name != "" {
			s.says += " (" + s.avro.name + ")"
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", says, err)
	}
	return s, nil
}

// references are the schemas that a schema refers to, and those that they do.
type references struct {
	registry *Registry
	texts    map[string]string // by the name that they are referred to by
	inOrder  []string          // those that are referred to before those that refer
}

// gather reads all, each once.
func (g *references) gather(ctx context.Context, refs []sr.SchemaReference) error {
	for _, ref := range refs {
		if _, known := g.texts[ref.Name]; known {
			continue
		}
		if len(g.texts) >= referredMost {
			return fmt.Errorf("it refers to more than %d schemas", referredMost)
		}
		g.texts[ref.Name] = "" // Circles end here, and are told by whoever compiles the texts.
		var found sr.SubjectSchema
		err := g.registry.ask(ctx, func() (err error) {
			found, err = g.registry.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
			return err
		})
		if err == errUnknown {
			return fmt.Errorf("it refers to version %d of %s, which the registry has not", ref.Version, ref.Subject)
		}
		if err == nil {
			err = g.gather(ctx, found.References)
		}
		if err != nil {
			return err
		}
		g.texts[ref.Name] = found.Schema.Schema
		g.inOrder = append(g.inOrder, found.Schema.Schema)
	}
	return nil
}
