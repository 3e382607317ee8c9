package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/payload"
	"github.com/timeseam/timeseam/sink"
)

// stream is the topic of a source, as it was when it was opened.
type stream struct {
	source  *features.Source
	cluster *kafka.Cluster
	topic   *kafka.Topic
	options payload.Options
	schema  event.Schema // what the schema of its values has; nil: they have none
	letters kafka.DeadLetter
	dead    string       // the file of letters; "": there is none
	unlock  func() error // of that file; nil: there is none
}

// close lets go of connections. Dead letters that nobody committed are lost with the run.
func (s *stream) close() {
	if s.letters != nil {
		s.letters.Close()
	}
	if s.unlock != nil {
		s.unlock()
	}
	s.cluster.Close()
}

// letterFile begins a file of dead letters that no other run writes meanwhile, and no
// other source of this one: the later of two would take the place of the first.
func (s *stream) letterFile(in *inputs, path string) error {
	for name, other := range in.streams {
		if other.dead == path {
			return wrongf("dead letters %s: those of source %s go there too; name a file for each", path, name)
		}
	}
	if s.dead = path; in.logs != nil {
		log, err := in.logs.take(path)
		if err == nil {
			s.letters = log
		}
		return err
	}
	unlock, err := sink.Lock(path + letterLock)
	if err != nil {
		return fmt.Errorf("dead letters %s: %w", path, err)
	}
	s.unlock = unlock
	file, err := kafka.NewLetterFile(path)
	if err == nil {
		s.letters = file
	}
	return err
}

// letterLock is behind the name of the file that a run writes its letters to.
const letterLock = ".lock"

// connect opens the topics of the sources that a plan reads. Their ends are asked for
// here, once: what is written later is not of the run.
func (in *inputs) connect(ctx context.Context, plan *features.Plan) error {
	all := make([]*features.Source, 0, len(plan.Inputs)+1)
	for i := range plan.Inputs {
		all = append(all, plan.Inputs[i].Source)
	}
	if plan.Queries.Source != nil {
		all = append(all, plan.Queries.Source)
	}
	for _, s := range all {
		if s.Stream == nil || in.streams[s.Name.Value] != nil || in.historyOnly && s.History.Path.Given() {
			continue
		}
		opened, err := in.openStream(ctx, s)
		var fault *kafka.Fault
		if s.History.Path.Given() && !in.unending && errors.As(err, &fault) {
			err = fmt.Errorf("%w; --history-only leaves the stream out", err)
		}
		if err != nil {
			return fmt.Errorf("stream of source %s: %w", s.Name.Value, err)
		}
		in.streams[s.Name.Value] = opened
		if err := in.pinned.end(s.Name.Value, opened.topic); err != nil {
			return err
		}
	}
	return nil
}

// disconnect closes them.
func (in *inputs) disconnect() {
	for _, s := range in.streams {
		s.close()
	}
}

func (in *inputs) openStream(ctx context.Context, s *features.Source) (*stream, error) {
	x := settings{in: in}
	conn := x.connection(s.Stream)
	name, letters, deadTopic := x.text(s.Stream.Topic), x.path(s.Stream.DeadLetter), x.text(s.Stream.DeadTopic)
	options, err := x.options(s.Stream, name)
	if err := cmp.Or(x.err, err); err != nil {
		return nil, err
	}
	out := &stream{source: s, options: options}
	if out.cluster, err = kafka.Connect(ctx, conn); err != nil {
		return nil, err
	}
	if out.topic, err = out.cluster.Topic(ctx, name); err == nil && (options.Registry != nil || options.Schema != "") {
		out.schema, _, err = payload.Schema(ctx, options)
	}
	switch {
	case err != nil:
	case in.unlettered && (letters != "" || deadTopic != ""):
		out.letters = forgetful{}
	case letters != "" && in.letters != "":
		out.letters, err = newLettersKept(filepath.Join(in.letters, "letters-"+s.Name.Value), letters)
	case letters != "":
		err = out.letterFile(in, letters)
	case deadTopic != "":
		var to *kafka.LetterTopic
		if to, err = kafka.NewLetterTopic(ctx, conn, deadTopic); err == nil {
			out.letters = to
		}
	}
	if err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// settings expands what it takes to reach a topic, and keeps the first fault.
type settings struct {
	in  *inputs
	err error
}

func (x *settings) text(t features.Text) string {
	if !t.Given() {
		return ""
	}
	lookup := x.in.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, fault := features.ExpandSetting(t, lookup)
	if fault != nil && x.err == nil {
		fault.File = x.in.def.File
		x.err = event.Faults{*fault}
	}
	return value
}

// path is a file beside the definition.
func (x *settings) path(t features.Text) string {
	p := x.text(t)
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(x.in.def.File), p)
}

// connection is how the brokers are reached.
func (x *settings) connection(s *features.Stream) kafka.Connection {
	c := kafka.Connection{Attempts: x.in.attempts}
	for _, b := range strings.Split(x.text(s.Brokers), ",") {
		c.Brokers = append(c.Brokers, strings.TrimSpace(b))
	}
	if t := s.TLS; t != nil {
		c.TLS = kafka.TLS{On: true, CA: x.path(t.CA), Cert: x.path(t.Cert), Key: x.path(t.Key), ServerName: x.text(t.ServerName)}
	}
	if a := s.SASL; a != nil {
		c.SASL = kafka.SASL{Mechanism: strings.ToUpper(a.Mechanism.Value), User: x.text(a.User), Password: kafka.Secret(x.text(a.Password))}
	}
	return c
}

// options is how values are read.
func (x *settings) options(s *features.Stream, topic string) (payload.Options, error) {
	o := payload.Options{Format: s.Format.Value, Envelope: s.Envelope.Value, Schema: x.path(s.Schema), Message: s.Message.Value}
	if o.Format == "json_schema" {
		o.Format = payload.FormatJSON
	}
	if s.Registry.URL.Given() {
		r := s.Registry
		c := payload.Connection{URL: x.text(r.URL), User: x.text(r.User), Password: x.text(r.Password), Token: x.text(r.Token)}
		if t := r.TLS; t != nil {
			c.CA, c.Cert, c.Key, c.ServerName = x.path(t.CA), x.path(t.Cert), x.path(t.Key), x.text(t.ServerName)
		}
		registry, err := payload.OpenRegistry(c)
		if err != nil {
			return o, err
		}
		o.Registry, o.Subject = registry, topic+"-value"
	}
	return o, nil
}

// decoding is a payload.Decoder as a reading takes it: what is not the value's fault
// stops it.
type decoding struct {
	payload.Decoder
}

// Append appends one row, or says why the value is poison, or why nothing can be read.
func (d decoding) Append(ctx context.Context, value []byte) error {
	err := d.Decoder.Append(ctx, value)
	if err == nil || payload.Poison(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return stops{err}
}

// stops is an error that ends a reading.
type stops struct{ error }

// Stops reports that it does.
func (stops) Stops() bool { return true }

// Unwrap is what happened.
func (s stops) Unwrap() error { return s.error }

// reading makes ready to read the ranges of a join into the columns that a copy reads,
// and what is wanted of Kafka's own behind them. order is where each stands in the batches.
func (s *stream) reading(ctx context.Context, reads event.Schema, j *joined) (r *kafka.Reading, order []int, err error) {
	w, order, err := s.want(ctx, append(reads[:len(reads):len(reads)], j.kafkaOwn()...), j.ignored)
	if err != nil {
		return nil, nil, err
	}
	r, err = s.topic.Reading(w, j.ranges)
	return r, order, err
}

// want is what is made of records: parts of their values, and of Kafka's own.
// ignored: another reading of the same records tells what is poison.
func (s *stream) want(ctx context.Context, wanted event.Schema, ignored bool) (w kafka.Want, order []int, err error) {
	for _, f := range wanted {
		if kafka.Own().Index(f.Name) < 0 {
			w.Fields = append(w.Fields, f)
		} else if w.Own.Index(f.Name) < 0 {
			w.Own = append(w.Own, f)
		}
	}
	for _, f := range wanted {
		at := w.Own.Index(f.Name)
		if at < 0 {
			at = len(w.Own) + w.Fields.Index(f.Name)
		}
		order = append(order, at)
	}
	if s.source.Stream.Format.Value != "none" {
		if _, err := payload.New(ctx, s.options, w.Fields); err != nil {
			return w, nil, fmt.Errorf("topic %s: %w", s.topic.Name, err)
		}
		w.Decoder = func() kafka.Decoder {
			d, err := payload.New(ctx, s.options, w.Fields)
			if err != nil {
				return undecided{err}
			}
			return decoding{d}
		}
	}
	if w.DeadLetter = s.letters; w.DeadLetter != nil {
		w.MaxPoison = cmp.Or(s.source.Stream.MaxPoison, int64(1)<<62)
		if ignored {
			w.DeadLetter = forgetful{}
		}
	}
	return w, order, nil
}

// stamp is a record's own timestamp.
var stamp = event.Field{Name: "_timestamp", Type: event.Of(event.Timestamp)}

// undecided is a decoder that could not be made, though another of its kind was.
type undecided struct{ err error }

// Begin does nothing.
func (undecided) Begin() {}

// Append says why there is none.
func (u undecided) Append(context.Context, []byte) error { return stops{u.err} }

// Columns are none.
func (undecided) Columns() []event.Column { return nil }
