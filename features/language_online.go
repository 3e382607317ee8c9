package features

// onlineSection is about the daemon: where it serves and what it writes.
var onlineSection = &section{
	name: "online", title: "the online part",
	about: "Where the daemon serves and what it writes. No value depends on any of it.",
	keys: []setting{
		{name: "serve", form: refForm(serveSection), about: "Which service is asked for over HTTP, and where."},
		{name: "checkpoint", form: addressForm, about: "A directory, of this machine or s3://BUCKET/KEY, where the state is kept together with the positions it was reached at. ${VAR} and ${VAR:-default} are taken from the environment, here and in serve, served_log, archive and position_log."},
		{name: "served_log", form: refForm(servedLogSection), about: "Where answers are written as they were given."},
		{name: "archive", form: refForm(archiveSection), about: "Where every applied record is written, with topic, partition and offset."},
		{name: "position_log", form: addressForm, about: "A directory where it is written which records were applied when."},
		{name: "sinks", instead: mendSinks},
	},
	rules: []*form{needs("served_log", "serve")},
}

// serveSection is the server. It is closed to other machines until the definition
// says who may ask.
var serveSection = &section{
	name: "serve", title: "a server",
	about: "Where a feature service is asked for, and by whom.",
	keys: []setting{
		{name: "service", form: wordForm, required: true, example: "SERVICE", about: "The feature service."},
		{name: "listen", form: proseForm, about: "HOST:PORT of HTTP; 127.0.0.1:6566 where nothing is said. Other machines reach it only with tokens, a client_ca, or insecure."},
		{name: "grpc", form: proseForm, about: "HOST:PORT of gRPC, beside HTTP; without it there is none."},
		{name: "tokens", form: listForm(secretForm), about: "Bearer tokens, one of which a request must bear, from the environment: [\"${TOKEN}\"]."},
		{name: "token_file", form: addressForm, about: "A file with such tokens, one a line."},
		{name: "tls", form: refForm(serveTLSSection), about: "The server's certificate, and whose clients may ask."},
		{name: "insecure", form: trueForm, about: "true: anybody who reaches the address may ask, also from other machines."},
		{name: "limits", form: refForm(limitsSection), about: "What a request may ask for."},
	},
	rules: []*form{notBoth("insecure", "tokens"), notBoth("insecure", "token_file")},
}

var serveTLSSection = &section{
	name: "serve_tls", title: "TLS of a server",
	about: "How the server proves who it is, and how its clients must.",
	keys: []setting{
		{name: "cert", form: addressForm, required: true, example: "FILE", about: "A file with the server's certificate, in PEM."},
		{name: "key", form: addressForm, required: true, example: "FILE", about: "A file with the certificate's key."},
		{name: "client_ca", form: addressForm, about: "A file with the certificates of authorities: a client must have a certificate of one of them."},
	},
}

var limitsSection = &section{
	name: "limits", title: "limits",
	about: "What one request, and one client, may ask for.",
	keys: []setting{
		{name: "body", form: countForm, about: "Bytes of a request; 1048576 where nothing is said."},
		{name: "batch", form: countForm, about: "Rows of a request; 1000 where nothing is said."},
		{name: "rate", form: countForm, about: "Requests a second of one client, as many at once; any number where nothing is said."},
		{name: "wait", form: durationForm, about: "How long a request may wait for positions to be reached; 5s where nothing is said."},
	},
}

var servedLogSection = &section{
	name: "served_log", title: "a served log",
	about: "Answers as they were given, to be held against what training computes.",
	keys: []setting{
		{name: "parquet", form: addressForm, required: true, example: "PATH", about: "A directory of Parquet files."},
		{name: "sample", form: shareForm, about: "The share of keys whose answers are written, such as 0.01: of a key all or none. All where nothing is said."},
	},
}

var archiveSection = &section{
	name: "archive", title: "an archive",
	about: "Every applied record, so that it can be read when its topic has let it go.",
	keys: []setting{
		{name: "parquet", form: addressForm, required: true, example: "PATH", about: "A directory of Parquet files."},
	},
}
