package features

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// stream reads which topic holds a source's records, and how they are read. What
// can only be told with the topic at hand is told when it is opened.
func (l *loader) stream(n *yaml.Node, subject string) *Stream {
	o := l.open(n, streamSection, subject, Text{Pos: nodePos(n)})
	s := &Stream{Pos: nodePos(n), Topic: o.setting("kafka"), Brokers: o.setting("brokers"), Format: o.choice("format", streamFormats), Envelope: o.choice("envelope", streamEnvelopes),
		Schema: o.address("schema"), Message: o.word("message")}
	s.Registry = o.registry()
	s.MaxPoison, _ = o.count("max_poison")
	o.eachName("columns", "column", func(column Text, n *yaml.Node) {
		d := Declared{Name: column}
		d.Type, d.TypePos = o.typeOf(n, "column "+column.Value+" of "+o.subject)
		s.Columns = append(s.Columns, d)
	})
	s.TLS, s.SASL = o.tls(), o.sasl()
	o.deadLetter(s)
	o.streamKeys(s)
	o.close()
	return s
}

// streamKeys holds that what is said of records fits their format.
func (o *object) streamKeys(s *Stream) {
	registry, schema := s.Registry.URL.Given(), s.Schema.Given()
	switch format := s.Format.Value; format {
	case "json", "none":
		for _, name := range []string{"registry", "schema", "message"} {
			o.forbid(name, "format "+format, "remove it, or write the format of the values, such as json_schema or avro")
		}
		if format == "none" {
			o.forbid("envelope", "format none", "values are not read; remove it")
			o.forbid("dead_letter", "format none", "values are not read, so that none is wrong; remove it")
			o.forbid("columns", "format none", "values are not read; remove it")
		}
	case "json_schema":
		o.forbid("schema", "format json_schema", "name the registry; without one write json")
		o.forbid("message", "format json_schema", "only protobuf has messages; remove it")
		if !registry {
			o.faultAt(s.Format, "format json_schema of "+o.subject+" without a registry", "add registry: URL, or write json where values begin with {")
		}
	case "avro", "protobuf":
		if registry == schema {
			o.faultAt(s.Format, fmt.Sprintf("format %s of %s needs one of registry and schema", format, o.subject), "add registry: URL, where values begin with the id of a schema; or schema: FILE")
		}
		if format == "avro" {
			o.forbid("message", "format avro", "only protobuf has messages; remove it")
		} else if schema && !s.Message.Given() {
			o.faultAt(s.Schema, "schema of "+o.subject+" without message", "name the message that values are, with its package")
		}
	}
	if s.MaxPoison > 0 && !o.has("dead_letter") {
		o.fault(o.key("max_poison"), o.of("max_poison")+" without dead_letter", "say where records go that cannot be read: dead_letter: FILE, or {topic: TOPIC}")
	}
}

// registry reads where schemas are: a URL, or a map.
func (o *object) registry() (r Registry) {
	n := o.take("registry")
	if quiet(n) {
		return r
	}
	if n.Kind != yaml.MappingNode {
		r.URL = o.asAddress(n, o.of("registry"), nil)
		return r
	}
	m := o.open(n, registrySection, o.of("registry"), Text{Pos: nodePos(n)})
	r = Registry{URL: m.setting("url"), User: m.setting("user"), Password: m.setting("password"), Token: m.setting("token"), TLS: m.certificates()}
	if r.User.Given() != r.Password.Given() {
		m.fault(n, m.subject+" has one of user and password", "give both, or a token")
	}
	if r.Token.Given() && r.User.Given() {
		m.fault(n, m.subject+" has both a user and a token", "remove one")
	}
	m.close()
	return r
}

// tls reads true, false or a map.
func (o *object) tls() *TLS {
	if !o.isMap("tls") {
		if o.truth("tls", false) {
			return &TLS{}
		}
		return nil
	}
	return o.certificates()
}

// certificates reads the files by which both ends of a connection prove who they are.
func (o *object) certificates() *TLS {
	n := o.take("tls")
	if quiet(n) {
		return nil
	}
	m := o.open(n, tlsSection, o.of("tls"), Text{Pos: nodePos(n)})
	t := &TLS{CA: m.address("ca"), Cert: m.address("cert"), Key: m.address("key"), ServerName: m.setting("server_name")}
	if t.Cert.Given() != t.Key.Given() {
		m.fault(n, m.subject+" has one of cert and key", "a client's certificate needs both; without them only the other end proves who it is")
	}
	m.close()
	return t
}

func (o *object) sasl() *SASL {
	n := o.take("sasl")
	if quiet(n) {
		return nil
	}
	m := o.open(n, saslSection, o.of("sasl"), Text{Pos: nodePos(n)})
	s := &SASL{Mechanism: m.choice("mechanism", saslMechanisms), User: m.setting("user"), Password: m.setting("password")}
	m.close()
	return s
}

// deadLetter reads where records go that cannot be read: a file, or {topic: T}.
func (o *object) deadLetter(s *Stream) {
	n := o.take("dead_letter")
	if quiet(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		s.DeadLetter = o.asAddress(n, o.of("dead_letter"), addressFault)
		return
	}
	m := o.open(n, deadLetterSection, o.of("dead_letter"), Text{Pos: nodePos(n)})
	s.DeadTopic = m.setting("topic")
	if s.DeadTopic.Given() && s.DeadTopic.Value == s.Topic.Value {
		m.faultAt(s.DeadTopic, m.subject+" is the topic itself", "name another; its records would be read again")
	}
	m.close()
}

// cutover reads where the history ends, and how the stream goes on. What is said of
// the stream is a fault where there is none: what is offered is never ignored.
func (l *loader) cutover(of *object, s *Source, n *yaml.Node) {
	o := l.open(n, cutoverSection, of.of("cutover"), Text{Pos: nodePos(n)})
	c := Cutover{Pos: nodePos(n), Complete: o.word("complete"), By: o.choice("by", cutoverKinds), Partition: o.word("partition"), Offset: o.word("offset"), Margin: o.span("margin"),
		Spool: o.truth("spool", false), AcceptLate: o.truth("accept_late", false)}
	if t := c.Complete; t.Given() && t.Value != NextPartition && (!strings.HasPrefix(t.Value, "_") || strings.ContainsAny(t.Value, "/=")) {
		l.faultAt(t, fmt.Sprintf("complete of %s is %s, neither next_partition nor the name of a mark", o.subject, tick(t.Value)), "write _SUCCESS, or what the file is called that the writer leaves; its name begins with _")
	}
	s.Cutover = c
	switch {
	case s.Stream == nil:
		for _, name := range []string{"by", "partition", "offset", "margin", "spool", "accept_late"} {
			o.forbid(name, "a source without a stream", "add stream: {kafka: TOPIC, brokers: HOST:PORT, format: json}, or remove it")
		}
	case !of.has("history"):
		for _, name := range []string{"complete", "by", "partition", "offset", "margin", "accept_late"} {
			o.forbid(name, "a source without a history", "there is nothing to cut over from; remove it")
		}
	default:
		o.cutoverKeys(of, &c)
	}
	o.close()
}

// cutoverKeys holds that what is said of a cutover fits its kind.
func (o *object) cutoverKeys(of *object, c *Cutover) {
	if c.Partition.Given() != c.Offset.Given() {
		o.fault(o.opened, o.subject+" has one of partition and offset", "an offset counts in its partition: name the history's columns of both")
	}
	switch by := c.By.Value; {
	case by == "id" && !of.has("event_id"):
		o.faultAt(c.By, "by id of "+o.subject+" of a source without event_id", "name the field that identifies an event, or cut by event_time")
	case by == "offset":
		o.forbid("margin", "a cutover by offset", "it is exact; remove it")
		o.forbid("accept_late", "a cutover by offset", "late events are no matter to it; remove it")
	case by == "id":
		o.forbid("accept_late", "a cutover by id", "late events are found by their id; remove it")
	}
	if c.Offset.Given() && c.By.Given() && c.By.Value != "offset" {
		o.faultAt(c.Offset, fmt.Sprintf("offset of %s, which is by %s", o.subject, c.By.Value), "write by: offset, or remove partition and offset")
	}
}
