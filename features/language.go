package features

import (
	"slices"
	"strings"
)

// This file is the language's one table: every map a definition may hold, its
// keys, and what each means. The loader takes a key only if it stands here, the
// JSON Schema is made from here, and so is the language's reference.

// section is a map of fixed keys. What one table says cannot drift apart: a key
// that is not here is refused, and object.close panics over one that is here
// and never read.
type section struct {
	name  string // of its part in the JSON Schema
	title string // as faults and the reference call it
	about string
	keys  []setting
	usual string  // how it is mostly written, where no key alone is required
	rules []*form // what the schema asks beyond single keys
}

// setting is one key of a section. instead makes a key of the language's future
// a fault that says what to do today (S17.2), rather than an unknown word.
type setting struct {
	name     string
	about    string
	form     *form
	required bool
	example  string // of a required key
	instead  string // given: known but not built yet, and what to do instead
}

// find returns the setting called name, or nil. Sections are short, so that a
// search beats a map.
func (s *section) find(name string) *setting {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

// built is the names of the keys that may be used today. Mends list these
// alone: to propose a word that the next run refuses would be no help.
func (s *section) built() []string {
	var names []string
	for _, k := range s.keys {
		if k.instead == "" {
			names = append(names, k.name)
		}
	}
	return names
}

// shape says how the section is written: its required keys, or else all.
func (s *section) shape() string {
	if s.usual != "" {
		return "write " + s.usual
	}
	var required []string
	for _, k := range s.keys {
		if k.required {
			required = append(required, k.name+": "+k.example)
		}
	}
	if len(required) == 0 {
		return "its keys are " + strings.Join(s.built(), ", ")
	}
	return "write {" + strings.Join(required, ", ") + "}"
}

// choice is one of the words that a key takes. As with keys, a word of the
// language's future is known by name, so that it can be refused with what to do
// instead.
type choice struct {
	name    string
	instead string // as in setting
}

// builtChoices is the words that may be used today. The schema's enums and the
// loader's mends are both made of it.
func builtChoices(choices []choice) []string {
	var names []string
	for _, c := range choices {
		if c.instead == "" {
			names = append(names, c.name)
		}
	}
	return names
}

// The words of keys that choose.
var (
	dimensionModes = []choice{
		{name: "versions"},
		{name: "scd2"},
		{name: "snapshots"},
		{name: "current"},
	}
	knownChoices = []choice{
		{name: "event_time"},
		{name: "arrival"},
		{name: "served", instead: "write event_time; the training set then says that it is optimistic"},
	}
	streamFormats    = []choice{{name: "json"}, {name: "avro"}, {name: "protobuf"}, {name: "json_schema"}, {name: "none"}}
	streamEnvelopes  = []choice{{name: "debezium"}}
	saslMechanisms   = []choice{{name: "plain"}, {name: "scram-sha-256"}, {name: "scram-sha-512"}}
	cutoverKinds     = []choice{{name: "offset"}, {name: "id"}, {name: "event_time"}}
	leakChoices      = []choice{{name: "accepted"}}
	holesChoices     = []choice{{name: "accepted"}}
	censoredChoices  = []choice{{name: "drop"}}
	attributeChoices = []choice{{name: "last_touch"}}
	selfChoices      = []choice{{name: "exclude"}, {name: "include"}}
	boundsChoices    = []choice{{name: "[)"}, {name: "[]"}, {name: "(]"}, {name: "()"}}
)

// Mends that several keys share. Each says what works today, not when the key
// will.
const (
	mendParquet = "write the data as Parquet, CSV or JSON files and give {parquet: PATH}, {csv: PATH} or {json: PATH}"
	mendSpine   = "make the spine a Parquet, CSV or JSON file and give {parquet: PATH}, {csv: PATH} or {json: PATH}"
	mendWindow  = "write a length, such as 30d"
	mendSinks   = "remove it; values are asked for over HTTP, see serve"
)

// sections is every section, the definition itself first. The order is that of
// the reference.
func sections() []*section {
	return []*section{definitionSection, sourceSection, historySection, streamSection, registrySection, tlsSection, saslSection, deadLetterSection, cutoverSection, fieldSection, dimensionSection, viewSection,
		featureSection, windowSection, serviceSection, roleSection, trainingSection, spineSection, visibilitySection, selfSection, labelSection, splitSection, splitTimeSection, splitHashSection, sampleSection,
		onlineSection, serveSection, serveTLSSection, limitsSection, servedLogSection, archiveSection}
}

// definitionSection is the file itself. Only feature_views is required besides
// version and name: a definition of derived features alone needs neither
// sources nor entities.
var definitionSection = &section{
	name: "definition", title: "the definition",
	about: "Features, the sources they are computed from, and the training sets that ask for them.",
	keys: []setting{
		{name: "version", form: oneForm, required: true, example: "1", about: "The language's version."},
		{name: "name", form: nameForm, required: true, example: "NAME", about: "What the definition is called."},
		{name: "description", form: proseForm, about: "What the features are for."},
		{name: "sources", form: namedForm(sourceSection), about: "Where events, and versions of dimensions, come from."},
		{name: "entities", form: mapForm(nameForm, columnsForm), about: "What features are about: by name the column that keys it, or a list of columns; [] is the keyless entity."},
		{name: "feature_views", form: filledForm(namedForm(viewSection)), required: true, example: "{VIEW: ...}", about: "Features by view: each view is one entity's features over one source, or is derived from others."},
		{name: "feature_services", form: namedForm(serviceSection), about: "Lists of features that are used together."},
		{name: "training_sets", form: namedForm(trainingSection), about: "Services asked for every row of a spine."},
		{name: "online", form: refForm(onlineSection), about: "Where the daemon serves and what it writes. No value depends on it, and it is no part of the digest."},
	},
}

// sourceSection has neither event_timestamp nor dimension as required, since
// one of the two must be there: the loader holds that, as a schema could say it
// only in riddles.
var sourceSection = &section{
	name: "source", title: "a source",
	about: "Events, or the versions of a dimension.",
	keys: []setting{
		{name: "description", form: proseForm, about: "What one row is."},
		{name: "owner", form: proseForm, about: "Who answers for the data."},
		{name: "history", form: refForm(historySection), about: "The stored rows. A source has a history, a stream, or both."},
		{name: "stream", form: refForm(streamSection), about: "The same rows in Kafka, from some record on: where questions look past the end of the history, it is read there."},
		{name: "fields", form: mapForm(textForm, anyForm(typeForm, refForm(fieldSection))), about: "Fields whose type the history does not say, or which are computed from its columns: a type, or {type, history, stream}."},
		{name: "event_timestamp", form: wordForm, about: "The field with the time at which the event happened; a dimension has valid_from instead. Rows without it are skipped and counted."},
		{name: "event_id", form: wordForm, about: "The field that identifies an event: of events equal in key, time and id one counts."},
		{name: "order_by", form: orderForm, about: "Fields that order events of one time, `amount` or `amount desc`."},
		{name: "dimension", form: refForm(dimensionSection), about: "Makes each row a version of what its key names, valid from a time on."},
		{name: "cutover", form: refForm(cutoverSection), about: "Up to when the history is complete, by what evidence, and how the stream goes on from there."},
		{name: "lateness", form: durationForm, about: "How late an event may arrive at most: how much further partitions by arrival are fetched, and how long next_partition waits. No value depends on it."},
		{name: "arrival_timestamp", form: wordForm, about: "The field with the time at which the event arrived, equal in every copy of it; visibility arrival needs it."},
		{name: "version", form: wordForm, about: "The field by which, of events equal in key, time and id, the greatest counts; without it, and of equal ones, the one of smaller content."},
		{name: "partitioned_by", form: filledForm(mapForm(wordForm, wordForm)), about: "Keys of the history's folders, such as dt of dt=2026-01-31, and the field whose time each bounds: event_timestamp, or arrival_timestamp. Folders that no question can reach are not read, and every row that is read must be of its folder's time."},
		{name: "holes", form: choiceForm(holesChoices), about: "accepted: a day or hour that is missing between partitions is no fault. The manifest names it."},
		{name: "nan", form: nanForm, about: "What a NaN in a column of doubles is: null, and counted, or reject, which ends the run. Without it NaN stays NaN."},
		{name: "max_ahead", instead: "remove it; no value depends on it"},
	},
	rules: []*form{needs("holes", "partitioned_by"), {AnyOf: []*form{{Required: []string{"history"}}, {Required: []string{"stream"}}}}},
	usual: "{history: {parquet: PATH}}",
}

// tableKeys are the keys of whatever names a table.
var tableKeys = []setting{
	{name: "parquet", form: addressForm, about: "A file, a glob or a directory of Parquet files; Hive partitions are found. ${VAR} and ${VAR:-default} are taken from the environment."},
	{name: "csv", form: addressForm, about: "The same of CSV files, plain or compressed with gzip, zstd or bzip2. Columns have the types that fields declare, else string."},
	{name: "json", form: addressForm, about: "The same of files of JSON lines, an object a line. The columns are those that fields declare."},
	{name: "delimiter", form: wordForm, about: "What separates the fields of csv, one character; a comma where nothing is said."},
	{name: "quote", form: wordForm, about: "What stands around fields of csv that hold delimiters or ends of lines, one character; a double quote where nothing is said."},
	{name: "header", form: truthForm, about: "Whether files of csv begin with the names of their columns; false: the columns are the declared fields, in order."},
	{name: "null", form: nullsForm, about: "What stands for null in csv where it is not quoted; nothing at all, [\"\"], where nothing is said."},
}

// oneTable is the rule that a table has one format.
var oneTable = &form{OneOf: []*form{{Required: []string{"parquet"}}, {Required: []string{"csv"}}, {Required: []string{"json"}}}}

var historySection = &section{
	name: "history", title: "a history",
	about: "Where a source's rows are stored: one of parquet, csv and json.",
	usual: "{parquet: PATH}, {csv: PATH} or {json: PATH}",
	keys: append(slices.Clone(tableKeys), []setting{
		{name: "arrow", instead: mendParquet},
		{name: "avro", instead: mendParquet},
		{name: "iceberg", instead: mendParquet},
		{name: "delta", instead: mendParquet},
		{name: "kafka", instead: mendParquet},
		{name: "refresh", form: durationForm, about: "How often the daemon looks for files that came since, such as 1h, and applies them; of a source without a stream. Files are added, never changed. A training set reads what is there."},
	}...),
	rules: []*form{oneTable},
}

// streamSection names a topic, and how its records are read. What it takes to
// reach it may come from the environment; what records mean may not.
var streamSection = &section{
	name: "stream", title: "a stream",
	about: "The records of a Kafka topic.",
	keys: []setting{
		{name: "kafka", form: proseForm, required: true, example: "TOPIC", about: "The topic. ${VAR} and ${VAR:-default} are taken from the environment, here and in brokers, registry, schema, tls, sasl and dead_letter."},
		{name: "brokers", form: proseForm, required: true, example: "HOST:PORT", about: "Brokers to ask first, separated by commas."},
		{name: "format", form: choiceForm(streamFormats), required: true, example: "json", about: "How values are written: json; avro, protobuf and json_schema, with a registry in Confluent's wire format, avro and protobuf also with a schema of this machine; none: of Kafka's own fields alone."},
		{name: "envelope", form: choiceForm(streamEnvelopes), about: "debezium: values are changes of a table; fields are those of the row after the change, or before it where it was deleted, and _op and _source_ts are the change's own."},
		{name: "registry", form: anyForm(proseForm, refForm(registrySection)), about: "The schema registry's URL, or {url, user, password, token, tls}."},
		{name: "schema", form: addressForm, about: "A file with the schema, beside the definition: .avsc, .proto or a set of descriptors (.binpb)."},
		{name: "message", form: wordForm, about: "Of protobuf with a schema: the full name of the message."},
		{name: "columns", form: mapForm(textForm, typeForm), about: "Types of parts of a record that expressions of `stream` name and that neither the history nor a schema has."},
		{name: "tls", form: anyForm(truthForm, refForm(tlsSection)), about: "true, or the files of an authority and of a client's certificate."},
		{name: "sasl", form: refForm(saslSection), about: "Who asks."},
		{name: "dead_letter", form: anyForm(addressForm, refForm(deadLetterSection)), about: "Where records go that cannot be read: a file of JSON lines, or {topic: TOPIC}. Without it one such record ends the run."},
		{name: "max_poison", form: countForm, about: "How many records may go there before the run ends; any number where nothing is said."},
	},
	rules: []*form{needs("max_poison", "dead_letter"), needs("message", "schema"), notBoth("registry", "schema")},
}

var registrySection = &section{
	name: "registry", title: "a schema registry",
	about: "A registry with Confluent's interface.",
	keys: []setting{
		{name: "url", form: proseForm, required: true, example: "URL", about: "Its address; several are separated by commas."},
		{name: "user", form: proseForm, about: "Of basic authentication."},
		{name: "password", form: proseForm, about: "Of basic authentication; from the environment, as ${VAR}."},
		{name: "token", form: proseForm, about: "A bearer token; from the environment, as ${VAR}."},
		{name: "tls", form: refForm(tlsSection), about: "The files of an authority and of a client's certificate, where the address begins with https."},
	},
	rules: []*form{needs("user", "password"), needs("password", "user"), notBoth("user", "token")},
}

var tlsSection = &section{
	name: "tls", title: "TLS",
	about: "How brokers, or a registry, prove who they are, and how the client does.",
	usual: "{ca: FILE}",
	keys: []setting{
		{name: "ca", form: addressForm, about: "A file with the certificates of authorities, in PEM; the system's where nothing is said."},
		{name: "cert", form: addressForm, about: "A file with the client's certificate."},
		{name: "key", form: addressForm, about: "A file with the certificate's key."},
		{name: "server_name", form: proseForm, about: "The name in the others' certificates, where it is not their address."},
	},
	rules: []*form{needs("cert", "key"), needs("key", "cert")},
}

var saslSection = &section{
	name: "sasl", title: "SASL",
	about: "A user and a password.",
	keys: []setting{
		{name: "mechanism", form: choiceForm(saslMechanisms), required: true, example: "scram-sha-512", about: "How the password is proved."},
		{name: "user", form: proseForm, required: true, example: "${USER}", about: "The user."},
		{name: "password", form: proseForm, required: true, example: "${PASSWORD}", about: "The password; from the environment, as ${VAR}."},
	},
}

var deadLetterSection = &section{
	name: "dead_letter", title: "a dead-letter topic",
	about: "A topic of the same brokers.",
	keys: []setting{
		{name: "topic", form: proseForm, required: true, example: "TOPIC", about: "Its name; records keep their key, value and headers, and get headers that say where they were and why they are here."},
	},
}

// cutoverSection is about the end of the history, and the beginning of the stream.
var cutoverSection = &section{
	name: "cutover", title: "a cutover",
	about: "Where the history ends and the stream goes on.",
	usual: "{complete: _SUCCESS}",
	keys: []setting{
		{name: "complete", form: wordForm, about: "The name of the file that a writer leaves in a partition when it is complete, such as _SUCCESS; or next_partition: a partition is complete once the next one is there. Labels from events are known up to there, in place of the newest event."},
		{name: "by", form: choiceForm(cutoverKinds), about: "offset, id or event_time; where nothing is said the strongest of which there is evidence, and explain says which."},
		{name: "partition", form: wordForm, about: "The history's column with the Kafka partition of a row; _partition where nothing is said and there is such a column."},
		{name: "offset", form: wordForm, about: "The history's column with the offset of a row; _offset where nothing is said and there is such a column."},
		{name: "margin", form: durationForm, about: "How long before the cut the stream is read from, of id and event_time: no less than records are stamped apart from their events. The source's lateness where nothing is said."},
		{name: "spool", form: truthForm, about: "true: what is needed of the stream is first copied to this machine, so that a long run cannot be overtaken by retention."},
		{name: "accept_late", form: truthForm, about: "true: events that happened before the cut and reached Kafka after it are counted and left out, where the cut is by event_time; otherwise they end the run."},
	},
	rules: []*form{needs("partition", "offset"), needs("offset", "partition")},
}

var fieldSection = &section{
	name: "field", title: "a field",
	about: "A field of a source that its history or its stream spells otherwise.",
	keys: []setting{
		{name: "type", form: typeForm, about: "The field's type; the history's must widen to it without loss."},
		{name: "history", form: textForm, about: "An expression over the history's columns."},
		{name: "stream", form: textForm, about: "An expression over the parts of a record, where the stream has no part of the field's name or means another."},
	},
	rules: []*form{{AnyOf: []*form{{Required: []string{"type"}}, {Required: []string{"history"}}, {Required: []string{"stream"}}}}},
}

var dimensionSection = &section{
	name: "dimension", title: "a dimension",
	about: "How the rows of a source are versions.",
	keys: []setting{
		{name: "mode", form: choiceForm(dimensionModes), required: true, example: "versions, valid_from: FIELD", about: "versions: each row holds from its valid_from until the next one of its key. scd2: from valid_from until valid_to. snapshots: all rows of a snapshot hold from when it landed until the next one did. current: an overwritten table, whose past nobody knows."},
		{name: "valid_from", form: wordForm, about: "Of versions and scd2: the field with the time from which a row holds. Rows without it are skipped and counted."},
		{name: "valid_to", form: wordForm, about: "Of scd2: the field with the time from which a row holds no more; null where it still does."},
		{name: "deleted", form: textForm, about: "Of versions: a condition that a row fulfils where its key was deleted, such as op = 'd' of a change log."},
		{name: "snapshot", form: wordForm, about: "Of snapshots: the field that names the snapshot that a row is of, such as the day of a partition."},
		{name: "landed", form: wordForm, about: "Of snapshots: the field with the time at which the snapshot could be read."},
		{name: "lands_after", form: durationForm, about: "Of snapshots, in place of landed: how long after the date or time that names it a snapshot can be read, such as 27h."},
		{name: "leak", form: choiceForm(leakChoices), about: "Of current: accepted, that values of today stand in rows of the past. The manifest says so."},
		{name: "recorded_at", form: wordForm, about: "The field with the time at which a version was recorded; visibility arrival needs it."},
	},
}

// viewSection holds the keys of all three roles of a view; which role may have
// which is roleKeys' affair, as it depends on the source that is named.
var viewSection = &section{
	name: "feature_view", title: "a feature view",
	about: "Features of one entity over one source; without a source, features derived from other views and the request.",
	keys: []setting{
		{name: "description", form: proseForm, about: "What the features tell."},
		{name: "entity", form: wordForm, about: "The entity the features are about; a derived view has those of the views it names."},
		{name: "source", form: wordForm, about: "The source they are computed from; without it the view is derived."},
		{name: "where", form: textForm, about: "A condition on the source's rows. Of a dimension it tests the version after it is chosen."},
		{name: "window", form: anyForm(windowTextForm, refForm(windowSection)), about: "How far back features look, under their plain names; without any window, to the beginning."},
		{name: "windows", form: listForm(anyForm(windowTextForm, refForm(windowSection))), about: "As window, several: each feature has a column for each, with the window as suffix, such as _1h."},
		{name: "order_by", form: orderForm, about: "Fields that order events of one time, `amount` or `amount desc`; in place of the source's own."},
		{name: "ttl", form: durationForm, about: "How long a version of a dimension counts after its valid_from."},
		{name: "request", form: mapForm(nameForm, typeForm), about: "Fields that come with the question, by type; derived views read them as request.NAME."},
		{name: "features", form: filledForm(mapForm(nameForm, anyForm(textForm, refForm(featureSection)))), required: true, example: "{NAME: EXPRESSION}", about: "Expressions by name, in the order of the columns."},
	},
	rules: []*form{notBoth("window", "windows")},
}

var featureSection = &section{
	name: "feature", title: "a feature",
	about: "One named value; its long form.",
	keys: []setting{
		{name: "value", form: textForm, required: true, example: "EXPRESSION", about: "The expression."},
		{name: "description", form: proseForm, about: "What it tells."},
		{name: "window", form: anyForm(windowTextForm, refForm(windowSection)), about: "In place of the view's windows."},
		{name: "windows", form: listForm(anyForm(windowTextForm, refForm(windowSection))), about: "In place of the view's windows."},
		{name: "min_count", form: countForm, about: "With fewer inputs that are not null the value is null."},
		{name: "default", form: textForm, about: "A literal in place of null."},
		{name: "by", form: textForm, about: "A value of the event, such as `country`: the feature is then a map from each such value to the aggregate of the events that have it."},
	},
	rules: []*form{notBoth("window", "windows")},
}

// windowSection is the long form of a window. Its rules stand twice, here for
// editors and in windowMap for the faults; tests hold them together.
var windowSection = &section{
	name: "window", title: "a window",
	about: "How far back a feature looks: one of length, rows and lifetime.",
	keys: []setting{
		{name: "length", form: durationForm, about: "A span of time before the question."},
		{name: "rows", form: countForm, about: "The newest so many events, after the view's where."},
		{name: "lifetime", form: trueForm, about: "Everything before the question."},
		{name: "offset", form: durationForm, about: "Moves the window back by a span of time."},
		{name: "bounds", form: choiceForm(boundsChoices), about: "Which ends belong to the window; [) is meant where nothing is said: the instant of the question does not."},
		{name: "resolution", instead: "remove it; windows are exact to the microsecond"},
		{name: "calendar", instead: mendWindow},
		{name: "hop", instead: mendWindow},
		{name: "session", instead: mendWindow},
	},
	rules: []*form{
		{OneOf: []*form{{Required: []string{"length"}}, {Required: []string{"rows"}}, {Required: []string{"lifetime"}}}},
		notBoth("rows", "offset"),
	},
}

var serviceSection = &section{
	name: "feature_service", title: "a feature service",
	about: "Features that are used together, in the order of a training set's columns.",
	keys: []setting{
		{name: "features", form: listForm(anyForm(wordForm, refForm(roleSection))), required: true, example: "[VIEW]", about: "Views, or single columns as VIEW.COLUMN; the long form gives a view another role."},
		{name: "description", form: proseForm, about: "What the service is for."},
		{name: "owner", form: proseForm, about: "Who answers for it."},
	},
}

// roleSection is how a view is asked twice of one query, such as the spending of
// a payer and of a payee.
var roleSection = &section{
	name: "service_feature", title: "a service's feature",
	about: "A view in a role: its features under another name, asked by other columns of the query.",
	keys: []setting{
		{name: "view", form: wordForm, required: true, example: "VIEW", about: "The view, or one column as VIEW.COLUMN."},
		{name: "as", form: nameForm, about: "What the columns begin with in place of the view's name; no view and no other role is called so."},
		{name: "entity", form: mapForm(nameForm, columnsForm), about: "The query's columns that key an entity, by entity; of a derived view for all that it is computed from."},
	},
}

// trainingSection requires visibility, as there is no default that would be
// right for both honest and optimistic use (S4.1).
var trainingSection = &section{
	name: "training_set", title: "a training set",
	about: "A service asked for every row of a spine.",
	keys: []setting{
		{name: "description", form: proseForm, about: "What is to be learned."},
		{name: "service", form: wordForm, required: true, example: "SERVICE", about: "The features."},
		{name: "spine", form: refForm(spineSection), required: true, example: "{parquet: PATH, event_timestamp: COLUMN}", about: "The questions."},
		{name: "label", form: anyForm(wordForm, listForm(wordForm), filledForm(mapForm(nameForm, refForm(labelSection)))), about: "What is to be learned: a column of the spine, a list of them, or by name what later events tell."},
		{name: "visibility", form: refForm(visibilitySection), required: true, example: "{known: event_time}", about: "Which events a value may know."},
		{name: "split", form: refForm(splitSection), about: "Marks each row as train, validation or test, in the column split behind the features."},
		{name: "sample", form: refForm(sampleSection), about: "Keeps a share of the negatives, and weighs all rows in the column sample_weight behind the features."},
		{name: "censored", form: choiceForm(censoredChoices), about: "drop: rows whose label is not known yet are left out; without it they are kept, with a null label."},
	},
}

// spineSection is three ways to ask in one: a table of questions, a source whose
// events are questions, and a grid of instants and entities. Which keys belong to
// which is the loader's affair, as for views.
var spineSection = &section{
	name: "spine", title: "a spine",
	about: "The questions of a training set, a row each: columns with the names of the entities' columns and of request fields, and a time. They lie in one of parquet, csv and json, or are the events of a source, or, with every, the instants of a grid for each entity that was active.",
	usual: "{parquet: PATH, event_timestamp: COLUMN}",
	keys: append(slices.Clone(tableKeys), []setting{
		{name: "fields", form: mapForm(textForm, typeForm), about: "The types of the columns of csv and json, as in a source's fields. A column of csv that is not named is string; json has those named."},
		{name: "event_timestamp", form: wordForm, about: "The column with the instant of the question; of a table required. A source has its own; of a grid what the column is called, event_timestamp where nothing is said."},
		{name: "columns", form: anyListForm(wordForm), about: "The spine's columns to keep; all where nothing is said."},
		{name: "source", form: wordForm, about: "In place of a table: each event of this source is a question, at its own time. Its columns and fields are the spine's."},
		{name: "from", form: instantForm, about: "Of a source: questions from this instant on. Dates are their midnight in UTC."},
		{name: "to", form: instantForm, about: "Of a source: questions before this instant."},
		{name: "where", form: textForm, about: "Of a source: a condition that its rows fulfil, those that are no questions do not."},
		{name: "every", form: durationForm, about: "Of a source: a grid, whose instants are from and so much later each, before to. It has a row for each instant and each entity that was active."},
		{name: "active", form: durationForm, about: "Of a grid: an entity is asked at t if it has an event in [t-active, t); as long as every where nothing is said."},
		{name: "entity", form: anyForm(mapForm(nameForm, columnsForm), wordForm), about: "The spine's columns that key an entity, by entity, where they are not called as the entity's columns. Of a grid the entity that is asked for."},
		{name: "arrow", instead: mendSpine},
		{name: "iceberg", instead: mendSpine},
		{name: "kafka", instead: mendSpine},
	}...),
	rules: []*form{
		{OneOf: []*form{{Required: []string{"parquet", "event_timestamp"}}, {Required: []string{"csv", "event_timestamp"}}, {Required: []string{"json", "event_timestamp"}}, {Required: []string{"source"}}}},
		{AnyOf: []*form{{Not: &form{Required: []string{"every"}}}, {Required: []string{"source", "every", "entity", "from", "to"}}}},
	},
}

// visibilitySection is a map, though of one key today: the visibilities to come
// have delays of their own (S18.2).
var visibilitySection = &section{
	name: "visibility", title: "a visibility",
	about: "Which events a value may know. Every training set says it; there is no default.",
	keys: []setting{
		{name: "known", form: choiceForm(knownChoices), required: true, example: "event_time", about: "event_time: all that happened before the question, also what arrived after it. arrival: what had arrived by then."},
		{name: "delay", form: durationForm, about: "How long after its arrival an event is known: the time that serving takes to apply it. Of arrival only."},
		{name: "decide_after", form: durationForm, about: "How long after the question the decision falls: so much longer may events arrive. Windows stay where they are. Of arrival only."},
		{name: "self", form: anyForm(choiceForm(selfChoices), refForm(selfSection)), about: "Whether the row is itself an event that counts, such as the payment that is scored: exclude, where nothing is said, or include. The long form names its source."},
	},
}

// selfSection is the long form of self. Which source the row is an event of must
// be said where a service counts several.
var selfSection = &section{
	name: "self", title: "a self",
	about: "Of which source a row of the spine is an event. The row's columns are its fields, by their names in the history.",
	keys: []setting{
		{name: "include", form: wordForm, required: true, example: "SOURCE", about: "The source."},
	},
}

// labelSection is a label that events tell which happen after the question.
var labelSection = &section{
	name: "label", title: "a label from events",
	about: "What happens within a span after the question: [t, t+within).",
	keys: []setting{
		{name: "source", form: wordForm, required: true, example: "SOURCE", about: "The source of the events."},
		{name: "match", form: anyForm(wordForm, listForm(wordForm), filledForm(mapForm(wordForm, wordForm))), required: true, example: "COLUMN", about: "What makes an event one of the row's: columns of one name on both sides, or by column of the spine the field of the source."},
		{name: "within", form: durationForm, required: true, example: "30d", about: "How long after the question an event counts."},
		{name: "value", form: textForm, required: true, example: "count(*) > 0", about: "An expression over aggregates of these events."},
		{name: "attribute", form: choiceForm(attributeChoices), about: "last_touch: an event belongs to one row alone, the last at or before it that it matches. Without it, to every row that it matches."},
		{name: "description", form: proseForm, about: "What it tells."},
	},
}

// splitSection has one key for each way to split, as each way has keys of its
// own.
var splitSection = &section{
	name: "split", title: "a split",
	about: "How rows are marked as train, validation or test: one of time and hash.",
	keys: []setting{
		{name: "time", form: refForm(splitTimeSection), about: "By the instant of the question."},
		{name: "hash", form: refForm(splitHashSection), about: "By the hash of columns: rows equal in them are in one split."},
	},
	rules: []*form{{OneOf: []*form{{Required: []string{"time"}}, {Required: []string{"hash"}}}}},
}

var splitTimeSection = &section{
	name: "split_time", title: "a split by time",
	about: "What is before the first instant named is train. Dates are their midnight in UTC.",
	keys: []setting{
		{name: "validation", form: instantForm, about: "Where validation begins; without it there is none."},
		{name: "test", form: instantForm, required: true, example: "2026-03-01", about: "Where test begins."},
		{name: "embargo", form: durationForm, about: "Rows so long before validation and before test are left out and counted: at least as long as the label looks ahead."},
	},
}

var splitHashSection = &section{
	name: "split_hash", title: "a split by hash",
	about: "Shares that make one whole, such as 0.8, 0.1 and 0.1.",
	keys: []setting{
		{name: "of", form: anyForm(wordForm, listForm(wordForm)), required: true, example: "COLUMN", about: "The spine's columns that are hashed, such as the one with the entity's key."},
		{name: "train", form: shareForm, required: true, example: "0.8", about: "The share of train."},
		{name: "validation", form: shareForm, about: "The share of validation; without it there is none."},
		{name: "test", form: shareForm, required: true, example: "0.2", about: "The share of test."},
		{name: "seed", form: countForm, about: "Another seed draws another split."},
	},
}

// sampleSection has no default for what identifies a row: the keys that are
// asked by change with the features, and the sample must not.
var sampleSection = &section{
	name: "sample", title: "a sample",
	about: "Which negatives, rows whose label is false or zero, a training set keeps.",
	keys: []setting{
		{name: "negatives", form: shareForm, required: true, example: "0.1", about: "The share of the negatives that stays. Their sample_weight is one divided by it, that of all other rows is 1."},
		{name: "of", form: anyForm(wordForm, listForm(wordForm)), required: true, example: "[COLUMN, COLUMN]", about: "The spine's columns that identify a row; whether it stays follows from them and the seed."},
		{name: "label", form: wordForm, about: "The label that tells negatives, where there are several."},
		{name: "seed", form: countForm, about: "Another seed draws another sample."},
	},
}
