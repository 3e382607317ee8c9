package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// definition has a view in two roles, a dimension-like view of another entity, and
// derived features that read the request.
const definition = `version: 1
name: spending
sources:
  tx: {stream: {kafka: payments, brokers: "b:9092", format: json}, fields: {account_id: string, shop_id: int64, amount: double, price: "decimal(12,2)", at_time: timestamp, shop: string, ok: bool}, event_timestamp: at_time}
entities: {account: account_id, shop: shop_id}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [1h, 1d]
    features: {n: count(*), s: sum(amount), shops: "last(shop, 3)", price: sum(price), newest: max(at_time), latest: last(shop), by_shop: {value: count(*), by: shop}, whole: "last(row(amount, at_time, ok))"}
  trade:
    entity: shop
    source: tx
    window: 1d
    features: {n: count(*), buyers: count(distinct account_id)}
  asked:
    request: {amount: double}
    features: {share: "request.amount / nullif(spend.s_1d, 0)", hour: "at"}
feature_services: {all: {features: [spend, asked, trade, {view: spend.n_1h, as: payee, entity: {account: payee_id}}]}}
`

// noon is an instant that the tests count from: 2026-01-01T12:00:00Z.
const noon = event.Time(1_767_268_800_000_000)

func newEngine(t testing.TB, text, service string, schema event.Schema, o live.Options) *live.Engine {
	t.Helper()
	def, err := features.Load("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": schema}}, service)
	if err != nil {
		t.Fatal(err)
	}
	return live.NewEngine(plan, o)
}

// newTestEngine has three payments of account a, at shop 7, the last at noon less a second.
func newTestEngine(t testing.TB) *live.Engine {
	t.Helper()
	e := newEngine(t, definition, "all", nil, live.Options{Shards: 2, Reach: 24 * time.Hour, Now: func() time.Time { return time.UnixMicro(int64(noon)) }})
	e.Apply(payments(e, "a", 1, 2, 4.5))
	return e
}

// payments is a batch of payments of an account, a second apart, of which the last is
// a second before noon.
func payments(e *live.Engine, account string, amounts ...float64) *live.Batch {
	b := &event.Batch{Len: len(amounts)}
	for _, f := range e.Plan().Inputs[0].Columns {
		c := event.Make(f.Type)
		for i, amount := range amounts {
			switch f.Name {
			case "account_id":
				c.AppendText([]byte(account))
			case "shop_id":
				c.AppendInt(7)
			case "amount":
				c.AppendFloat(amount)
			case "price":
				c.AppendDecimal(event.Int128Of(int64(amount * 100)))
			case "at_time":
				c.AppendInt(int64(noon) - int64(len(amounts)-i)*1_000_000)
			case "shop":
				c.AppendText(fmt.Appendf(nil, "shop \"%g\"", amount))
			case "ok":
				c.AppendInt(int64(i % 2))
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return &live.Batch{Rows: b, Source: "tx", Next: 3}
}

func newTestServer(t testing.TB, o Options) *Server {
	t.Helper()
	o.Service = "all"
	s, err := New(newTestEngine(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post asks a handler and returns code and body.
func post(h http.Handler, body string, headers ...string) (int, string, http.Header) {
	r := httptest.NewRequest("POST", "/get-online-features", strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func get(h http.Handler, target string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w.Code, w.Body.String()
}

// TestAnswers holds what is answered, byte by byte.
func TestAnswers(t *testing.T) {
	h := newTestServer(t, Options{}).Handler()
	const at, never = `"2026-01-01T12:00:00Z"`, `"1970-01-01T00:00:00Z"`
	vector := func(value, status, at string) string {
		return `{"values":[` + value + `],"statuses":[` + status + `],"event_timestamps":[` + at + `]}`
	}
	for _, c := range []struct{ name, ask, results, names string }{
		{"one feature", `{"features":["spend:n_1h"],"entities":{"account_id":["a"]}}`,
			vector(`"a"`, present, never) + "," + vector("3", present, at), `"account_id","n_1h"`},
		{"full names", `{"features":["spend:n_1h","spend:s_1d"],"entities":{"account_id":["a"]},"full_feature_names":true}`,
			vector(`"a"`, present, never) + "," + vector("3", present, at) + "," + vector("7.5", present, at), `"account_id","spend__n_1h","spend__s_1d"`},
		{"an unknown key", `{"features":["spend:n_1h","spend:s_1h"],"entities":{"account_id":["a","z",null]}}`,
			`{"values":["a","z",null],"statuses":["PRESENT","PRESENT","PRESENT"],"event_timestamps":[` + never + "," + never + "," + never + `]},` +
				`{"values":[3,0,0],"statuses":["PRESENT","NOT_FOUND","NOT_FOUND"],"event_timestamps":[` + at + "," + never + "," + never + `]},` +
				`{"values":[7.5,null,null],"statuses":["PRESENT","NOT_FOUND","NOT_FOUND"],"event_timestamps":[` + at + "," + never + "," + never + `]}`, `"account_id","n_1h","s_1h"`},
		{"a null of a known key", `{"features":["spend:s_1h"],"entities":{"account_id":["a"]},"as_of":"2026-01-01T00:00:00.5Z"}`,
			vector(`"a"`, present, never) + "," + vector("null", present, `"2026-01-01T00:00:00.500Z"`), `"account_id","s_1h"`},
		{"derived, with a request field, behind the others", `{"features":["asked:share","trade:buyers"],"entities":{"amount":[1.5],"shop_id":["7"],"account_id":["a"]}}`,
			vector("7", present, never) + "," + vector(`"a"`, present, never) + "," + vector("1", present, at) + "," + vector("0.2", present, never), `"shop_id","account_id","buyers","share"`},
		{"request_context", `{"features":["asked:share"],"entities":{"account_id":["a"]},"request_context":{"amount":["15"]}}`,
			vector(`"a"`, present, never) + "," + vector("2.0", present, never), `"account_id","share"`},
		{"all types", `{"features":["spend:shops_1h","spend:price_1h","spend:newest_1h","spend:by_shop_1h","spend:whole_1h"],"entities":{"account_id":["a"]}}`,
			vector(`"a"`, present, never) + "," + vector(`["shop \"4.5\"","shop \"2\"","shop \"1\""]`, present, at) + "," + vector(`"7.50"`, present, at) + "," + vector(`"2026-01-01T11:59:59Z"`, present, at) + "," +
				vector(`{"shop \"1\"":1,"shop \"2\"":1,"shop \"4.5\"":1}`, present, at) + "," + vector(`{"amount":4.5,"at_time":"2026-01-01T11:59:59Z","ok":false}`, present, at),
			`"account_id","shops_1h","price_1h","newest_1h","by_shop_1h","whole_1h"`},
		{"a role", `{"features":["payee__n_1h"],"entities":{"payee_id":["a"],"account_id":["z"]}}`,
			vector(`"a"`, present, never) + "," + vector("3", present, at), `"payee_id","n_1h"`},
		{"instants a row", `{"features":["spend:n_1h"],"entities":{"account_id":["a","a"]},"as_of":["2026-01-01T11:59:58.000001Z","2026-01-01T11:59:57"]}`,
			`{"values":["a","a"],"statuses":["PRESENT","PRESENT"],"event_timestamps":[` + never + "," + never + `]},` +
				`{"values":[2,0],"statuses":["PRESENT","PRESENT"],"event_timestamps":["2026-01-01T11:59:58.000001Z","2026-01-01T11:59:57Z"]}`, `"account_id","n_1h"`},
		{"a view", `{"features":["trade"],"entities":{"shop_id":[7.0]}}`,
			vector("7", present, never) + "," + vector("3", present, at) + "," + vector("1", present, at), `"shop_id","n","buyers"`},
		{"no rows", `{"features":["trade:n"],"entities":{"shop_id":[]}}`, vector("", "", "") + "," + vector("", "", ""), `"shop_id","n"`},
		{"keys that others need", `{"features":["trade:n"],"entities":{"account_id":["a"],"shop_id":[7],"amount":[1]}}`, vector("7", present, never) + "," + vector("3", present, at), `"shop_id","n"`},
	} {
		code, body, headers := post(h, c.ask)
		want := `{"results":[` + c.results + `],"metadata":{"feature_names":[` + c.names + `]}}`
		if code != 200 || body != want {
			t.Errorf("%s: %d\n got  %s\n want %s", c.name, code, body, want)
		}
		if headers.Get(epochHeader) != "1" || headers.Get(asOfHeader) != "2026-01-01T12:00:00Z" || headers.Get(digestHeader) == "" || headers.Get(reachedHeader) != "" || headers.Get(watermarkHeader) != "" {
			t.Errorf("%s: %v", c.name, headers)
		}
	}
}

// TestServiceAnswers holds that a service is answered in Feast's order: views as they
// are listed, derived ones last, and with the views' names where that is asked.
func TestServiceAnswers(t *testing.T) {
	h := newTestServer(t, Options{}).Handler()
	code, body, _ := post(h, `{"feature_service":"all","entities":{"account_id":["a"],"payee_id":["z"],"shop_id":[7],"amount":[3]},"full_feature_names":true,"include_feature_view_version_metadata":true}`)
	var said struct {
		Metadata struct {
			Names []string            `json:"feature_names"`
			Views []map[string]string `json:"feature_view_metadata"`
		}
		Results []struct{ Values, Statuses, EventTimestamps []any }
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil || code != 200 {
		t.Fatalf("%d, %v: %s", code, err, body)
	}
	var views []string
	for _, name := range said.Metadata.Names[3:] {
		view, _, _ := strings.Cut(name, "__")
		if len(views) == 0 || views[len(views)-1] != view {
			views = append(views, view)
		}
	}
	if fmt.Sprint(views) != "[spend trade payee asked]" || fmt.Sprint(said.Metadata.Views) != "[map[name:spend] map[name:trade] map[name:payee] map[name:asked]]" || len(said.Results) != len(said.Metadata.Names) {
		t.Errorf("%v, %v, %d", views, said.Metadata, len(said.Results))
	}
}

// TestRefusals holds what is refused, by which code, and what is said.
func TestRefusals(t *testing.T) {
	h := newTestServer(t, Options{Body: 2000, Batch: 3, Wait: time.Millisecond}).Handler()
	one := func(more string) string {
		return `{"features":["spend:n_1h"],"entities":{"account_id":["a"]}` + more + `}`
	}
	for _, c := range []struct {
		ask  string
		code int
		says string
	}{
		{``, 422, "the request ends before its JSON does"},
		{`{`, 422, "the request ends before its JSON does"},
		{`[]`, 422, "the request must be an object of JSON"},
		{`{} {}`, 422, "something stands behind the end of the request"},
		{`{"features":}`, 422, "the request is not JSON: invalid character '}' looking for beginning of value"},
		{"{\"features\":[\"\xff\"]}", 422, "the request is not UTF-8"},
		{`{}`, 422, "the request names neither feature_service nor features"},
		{`{"asof":1}`, 422, `unknown key "asof" of the request; its keys are feature_service, features, entities, request_context, full_feature_names, include_feature_view_version_metadata, as_of, positions, wait`},
		{`{"features":["spend:n_1h"],"features":[]}`, 422, `"features" stands twice in the request`},
		{`{"features":"spend:n_1h"}`, 422, "features must be a list of strings"},
		{`{"feature_service":1}`, 422, "feature_service must be a string"},
		{one(`,"full_feature_names":"yes"`), 422, "full_feature_names must be true or false"},
		{one(`,"feature_service":"all"`), 422, "the request has both feature_service and features; name one"},
		{`{"feature_service":"al","entities":{}}`, 404, `feature service "al" is not served here; all is`},
		{`{"features":["spnd:n_1h"],"entities":{}}`, 404, `feature view "spnd" is not served here; did you mean spend?`},
		{`{"features":["spend:n_2h"],"entities":{}}`, 404, `feature view spend serves no feature "n_2h"; did you mean n_1h?`},
		{`{"features":["spend:n_1h","spend"],"entities":{}}`, 422, "feature spend__n_1h is named twice"},
		{`{"features":["spend:n_1h","payee:n_1h"],"entities":{}}`, 422, "two features are called n_1h, spend__n_1h and payee__n_1h; ask with full_feature_names: true"},
		{`{"features":["spend:n_1h"],"entities":{}}`, 422, "entities has no account_id, which these features need"},
		{`{"features":["spend:n_1h"]}`, 422, "entities has no account_id, which these features need"},
		{`{"features":["asked:share"],"entities":{"account_id":["a"]}}`, 422, "entities has no amount, which these features need"},
		{`{"features":["spend:n_1h"],"entities":{"acount_id":["a"]}}`, 404, `service all is asked by no "acount_id"; did you mean account_id?`},
		{`{"features":["spend:n_1h"],"entities":{"event_timestamp":["a"]}}`, 422, `event_timestamp is no entity; give the instant of the question as as_of`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":"a"}}`, 422, `"account_id" of entities must be a list, with a value for each row`},
		{`{"features":["spend:n_1h"],"entities":["a"]}`, 422, `entities must be an object of JSON`},
		{`{"features":["asked:share"],"entities":{"account_id":["a"],"amount":[1,2]}}`, 422, `"amount" has 2 values and "account_id" has 1; give each row a value of both`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a"],"account_id":["b"]}}`, 422, `"account_id" stands twice in entities`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a"]},"request_context":{"account_id":["b"]}}`, 422, `"account_id" stands both in entities and in request_context`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a",1.5]}}`, 422, `"account_id" of row 1 is 1.5, and must be a string`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":[["a"]]}}`, 422, `"account_id" of row 0 is ["a"], and must be a string`},
		{`{"features":["trade:n"],"entities":{"shop_id":["x"]}}`, 422, `"shop_id" of row 0 is "x", and must be a whole number of 64 bits`},
		{`{"features":["trade:n"],"entities":{"shop_id":[9223372036854775808]}}`, 422, `"shop_id" of row 0 is 9223372036854775808, and must be a whole number of 64 bits`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a","a","a","a"]}}`, 413, "the request has more than 3 rows and at most 3 are answered; ask in several requests"},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["` + strings.Repeat("a", 2000) + `"]}}`, 413, "the request has more than 2000 bytes; ask in several requests"},
		{one(`,"as_of":"noon"`), 422, `as_of: "noon" is no instant; write 2026-01-31T12:00:00Z`},
		{one(`,"as_of":5`), 422, `as_of must be an instant such as "2026-01-31T12:00:00Z", or a list with one for each row`},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a,b","c,d","e,f",null]}}`, 413, "the request has more than 3 rows and at most 3 are answered; ask in several requests"},
		{`{"features":["spend:n_1h"],"entities":{"account_id":["a,b","c,d",["e",1,2,3]]}}`, 422, `"account_id" of row 2 is ["e",1,2,3], and must be a string`},
		{one(`,"as_of":["2026","2026","2026","2026"]`), 413, "the request has more than 3 rows and at most 3 are answered; ask in several requests"},
		{one(`,"as_of":["2026-01-01","2026-01-01"]`), 422, "as_of has 2 instants and the request has 1 rows; give one, or one for each row"},
		{one(`,"wait":"1ms"`), 422, "wait without positions: there is nothing to wait for"},
		{one(`,"positions":{"tx/0":1},"wait":"1s"`), 422, "wait is 1s, and at most 1ms is waited"},
		{one(`,"positions":{"payments/0":1},"wait":"-1s"`), 422, `wait is "-1s", no duration; write 500ms`},
		{one(`,"positions":{"tx/0":-1}`), 422, `position "tx/0" is -1, no offset`},
		{one(`,"positions":{"tx/0":null}`), 422, `position "tx/0" must be the offset of a record`},
		{one(`,"positions":{"tx":1}`), 422, `position "tx" names no partition; write TOPIC/PARTITION, such as "transactions/0"`},
		{one(`,"positions":{"tc/0":1}`), 404, `no stream of the service is called "tc"; did you mean tx?`},
	} {
		code, body, _ := post(h, c.ask)
		var said struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &said); err != nil || code != c.code || said.Detail != c.says {
			t.Errorf("%s\n got  %d %s\n want %d %s", c.ask, code, body, c.code, c.says)
		}
	}
	if code, body, _ := post(h, one(""), "Content-Type", "text/csv"); code != 415 {
		t.Errorf("%d %s", code, body)
	}
}

// TestForgotten holds that a question of an instant that is forgotten is refused, and
// not answered of less.
func TestForgotten(t *testing.T) {
	s := newTestServer(t, Options{})
	s.catalog.Load().engine.Forget()
	code, body, _ := post(s.Handler(), `{"features":["spend:n_1h"],"entities":{"account_id":["a"]},"as_of":"2025-12-31T11:00:00Z"}`)
	if code != 422 || !strings.Contains(body, "is too long ago: what is kept begins at 2025-12-31T12:00:00Z") {
		t.Errorf("%d %s", code, body)
	}
}

// TestGet holds the page for one entity.
func TestGet(t *testing.T) {
	o := Options{Topics: map[string][]string{"payments": {"tx"}}, Progress: func() Progress { return Progress{Watermark: noon - 1, Staleness: 1500 * time.Microsecond} }}
	h := newTestServer(t, o).Handler()
	for _, c := range []struct {
		target string
		code   int
		body   string
	}{
		{"/features/trade?shop_id=7", 200, `{"as_of":"2026-01-01T12:00:00Z","epoch":1,"watermark":"2026-01-01T11:59:59.999999Z","staleness":0.0015,"entities":{"shop_id":7},"features":{"trade__n":3,"trade__buyers":1},"not_found":[]}`},
		{"/features/spend__s_1h?account_id=z&as_of=2026-01-01", 200, `{"as_of":"2026-01-01T00:00:00Z","epoch":1,"watermark":"2026-01-01T11:59:59.999999Z","staleness":0.0015,"entities":{"account_id":"z"},"features":{"spend__s_1h":null},"not_found":["spend__s_1h"]}`},
		{"/features/asked:share?account_id=a&amount=0.75&positions=payments/0=2,tx/0%3D1&wait=1s", 200, `{"as_of":"2026-01-01T12:00:00Z","epoch":1,"watermark":"2026-01-01T11:59:59.999999Z","staleness":0.0015,"reached":true,"entities":{"account_id":"a"},"features":{"asked__share":0.1},"not_found":[]}`},
		{"/features/trade?shop_id=", 200, `{"as_of":"2026-01-01T12:00:00Z","epoch":1,"watermark":"2026-01-01T11:59:59.999999Z","staleness":0.0015,"entities":{"shop_id":null},"features":{"trade__n":0,"trade__buyers":0},"not_found":["trade__n","trade__buyers"]}`},
		{"/features/trade?shop_id=7&shop_id=8", 422, `{"detail":"\"shop_id\" stands twice; this page answers for one entity, POST /get-online-features for several"}`},
		{"/features/trade?shop_id=%zz", 422, `{"detail":"what stands behind the question mark is not as URLs write it"}`},
		{"/features/trad?shop_id=7", 404, `{"detail":"feature view \"trad\" is not served here; did you mean trade?"}`},
		{"/features/trade?shop_id=7&positions=tx/0", 422, `{"detail":"positions has \"tx/0\"; write TOPIC/PARTITION=OFFSET"}`},
	} {
		if code, body := get(h, c.target); code != c.code || body != c.body {
			t.Errorf("%s\n got  %d %s\n want %d %s", c.target, code, body, c.code, c.body)
		}
	}
}

// TestTypes holds that values of every type go out as JSON that readers take, and come
// back as what they were.
func TestTypes(t *testing.T) {
	for _, c := range []struct {
		t        event.Type
		in, out  string
		rejected []string
	}{
		{event.Of(event.Bool), `true`, `true`, []string{`1`, `"yes"`, `[]`}},
		{event.Of(event.Bool), `"false"`, `false`, nil},
		{event.Of(event.Int), `-9223372036854775808`, `-9223372036854775808`, []string{`1.5`, `1e3`, `""`, `"+1"`, `true`, `{}`, `"1."`}},
		{event.Of(event.Int), `"9007199254740993.00"`, `9007199254740993`, nil},
		{event.Of(event.Double), `1`, `1.0`, []string{`"x"`, `true`, `"inf"`, `"0x1p-2"`, `"1_000"`, `1e999`, `""`}},
		{event.Of(event.Double), `"NaN"`, `"NaN"`, nil},
		{event.Of(event.Double), `"-Infinity"`, `"-Infinity"`, nil},
		{event.Of(event.Double), `1e16`, `1e+16`, nil},
		{event.Of(event.Double), `0.00001`, `1e-05`, nil},
		{event.Of(event.Double), `0.1`, `0.1`, nil},
		{event.DecimalOf(5, 2), `123.4`, `"123.40"`, []string{`1234.5`, `0.001`, `"1/2"`, `"x"`, `1e-3`, `1e9999`, `true`, `"` + strings.Repeat("0", 101) + `"`}},
		{event.DecimalOf(5, 2), `"-1.20e1"`, `"-12.00"`, nil},
		{event.Of(event.String), `"a\u0000\"\\\n\r\tö"`, `"a\u0000\"\\\n\r\tö"`, []string{`1.0`, `true`, `1e3`, `[]`}},
		{event.Of(event.String), `17`, `"17"`, nil},
		{event.Of(event.Bytes), `"/w=="`, `"/w=="`, []string{`"_"`, `7`}},
		{event.Of(event.Date), `"1969-12-31"`, `"1969-12-31"`, []string{`"1969-12-31T00:00:01Z"`, `0`, `"x"`}},
		{event.Of(event.Timestamp), `"1969-12-31T23:59:59.999999Z"`, `"1969-12-31T23:59:59.999999Z"`, []string{`0`, `"yesterday"`}},
		{event.Of(event.Timestamp), `"2026-01-01T01:00:00+01:00"`, `"2026-01-01T00:00:00Z"`, nil},
		{event.ListOf(event.Of(event.Int)), `[1,null,"3"]`, `[1,null,3]`, []string{`1`, `[1.5]`, `{}`, `"[1]"`}},
		{event.StructOf(event.Field{Name: "a", Type: event.Of(event.Int)}, event.Field{Name: "b", Type: event.Of(event.String)}), `{"b":"x"}`, `{"a":null,"b":"x"}`, []string{`[]`, `{"c":1}`, `{"a":"x"}`}},
		{event.MapOf(event.Of(event.Int), event.Of(event.Double)), `{"10":1,"9":2.5}`, `{"9":2.5,"10":1.0}`, []string{`[]`, `{"a":1}`, `{"1":1,"1.0":2}`}},
		{event.ListOf(event.ListOf(event.Of(event.Bool))), `[[true],[],null]`, `[[true],[],null]`, nil},
	} {
		col := event.Make(c.t)
		col.AppendNull()
		if !coerce(&col, json.RawMessage(c.in)) {
			t.Errorf("%s of %s is refused", c.in, c.t)
			continue
		}
		if got := string(appendValue(nil, &col, 1)); got != c.out || !json.Valid([]byte(got)) {
			t.Errorf("%s of %s is %s, want %s", c.in, c.t, got, c.out)
		}
		if got := string(appendValue(nil, &col, 0)); got != "null" {
			t.Errorf("null of %s is %s", c.t, got)
		}
		for _, v := range c.rejected {
			if into := event.Make(c.t); coerce(&into, json.RawMessage(v)) {
				t.Errorf("%s is taken for %s", v, c.t)
			}
		}
	}
	for _, v := range []float64{0, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e15, 9999999999999998, 123456.789, 1e-4} {
		var back float64
		if err := json.Unmarshal(appendDouble(nil, v), &back); err != nil || back != v {
			t.Errorf("%g comes back as %g: %v", v, back, err)
		}
	}
	if got := string(appendText(nil, "a\xffb\xe2\x82")); got != "\"a\uFFFDb\uFFFD\uFFFD\"" {
		t.Errorf("%q", got)
	}
}

// TestNotReady holds that nothing is answered before all is loaded, but that the
// process lives.
func TestNotReady(t *testing.T) {
	var err error = fmt.Errorf("not loaded yet: 3 of 10 partitions of the history")
	h := newTestServer(t, Options{Ready: func() error { return err }}).Handler()
	const ask = `{"features":["spend:n_1h"],"entities":{"account_id":["a"]}}`
	code, body, headers := post(h, ask)
	if code != 503 || headers.Get("Retry-After") != "5" || !strings.Contains(body, "3 of 10") {
		t.Errorf("%d %s %v", code, body, headers)
	}
	for page, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/health": 503} {
		if code, body := get(h, page); code != want {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
	err = nil
	if code, body, _ := post(h, ask); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(h, "/readyz"); code != 200 {
		t.Error(code)
	}
}

// TestPositions holds that who names a record is answered once it is applied, or told
// that it is not.
func TestPositions(t *testing.T) {
	s := newTestServer(t, Options{Topics: map[string][]string{"payments": {"tx"}}, Wait: time.Minute})
	h := s.Handler()
	ask := func(position, wait string) (string, string) {
		t.Helper()
		code, body, headers := post(h, `{"features":["spend:n_1h"],"entities":{"account_id":["b"]},"positions":{`+position+`},"wait":"`+wait+`"}`)
		if code != 200 {
			t.Errorf("%d %s", code, body)
		}
		_, body, _ = strings.Cut(body, `,{"values":[`)
		return body[:1], headers.Get(reachedHeader)
	}
	if n, reached := ask(`"payments/0":2`, "0s"); n != "0" || reached != "true" {
		t.Errorf("%s, reached %s", n, reached)
	}
	if n, reached := ask(`"payments/0":3`, "1ms"); n != "0" || reached != "false" {
		t.Errorf("%s, reached %s", n, reached)
	}
	done := make(chan string)
	go func() {
		n, reached := ask(`"payments/0":3,"tx/1":0`, "50s")
		done <- n + " " + reached
	}()
	e := s.catalog.Load().engine
	for part := range int32(2) {
		b := payments(e, "b", 1)
		b.Partition, b.Next = part, 4
		e.Apply(b)
	}
	if got := <-done; got != "2 true" {
		t.Error(got)
	}
}

// TestPut holds that another engine answers once it is put, under its own names.
func TestPut(t *testing.T) {
	s := newTestServer(t, Options{})
	e := newEngine(t, strings.Replace(definition, "{all: {features: [spend,", "{next: {features: [spend,", 1), "next", nil, live.Options{})
	if err := s.Put(e, "next"); err != nil {
		t.Fatal(err)
	}
	if code, body, headers := post(s.Handler(), `{"feature_service":"all","entities":{}}`); code != 404 {
		t.Errorf("%d %s %v", code, body, headers)
	}
	code, body, headers := post(s.Handler(), `{"features":["spend:n_1h"],"entities":{"account_id":["a"]}}`)
	if code != 200 || headers.Get(epochHeader) != "0" {
		t.Errorf("%d %s %v", code, body, headers)
	}
}

// TestSeen holds that each request is told of, answered or not.
func TestSeen(t *testing.T) {
	var all []string
	s := newTestServer(t, Options{Seen: func(x *Exchange) {
		rows := -1
		if x.Answer != nil {
			rows = x.Questions.Len
		}
		all = append(all, fmt.Sprint(x.Way, " ", x.Code, " ", rows, " ", len(x.Outputs)))
	}})
	post(s.Handler(), `{"features":["trade"],"entities":{"shop_id":[1,2]}}`)
	post(s.Handler(), `{`)
	get(s.Handler(), "/features/trade?shop_id=7")
	if got := strings.Join(all, ", "); got != "http 200 2 2, http 422 -1 0, get 200 1 2" {
		t.Error(got)
	}
}

// FuzzRequest holds that whatever comes is answered with JSON, and by a code that says
// whose fault it is.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"features":["spend:n_1h"],"entities":{"account_id":["a"]},"as_of":["2026-01-01"],"positions":{"tx/0":1},"wait":"1us","full_feature_names":true}`,
		`{"feature_service":"all","entities":{"account_id":["a"],"payee_id":[1],"shop_id":["7"],"amount":[3e-2]},"request_context":null}`, `{"features":["trade"],"entities":{"shop_id":[[{}]]}}`, "{\"\\ud800\":1}"} {
		f.Add(seed)
	}
	h := newTestServer(f, Options{Wait: time.Microsecond}).Handler()
	f.Fuzz(func(t *testing.T, body string) {
		code, answer, _ := post(h, body)
		if code >= 500 || !json.Valid([]byte(answer)) {
			t.Errorf("%d %s", code, answer)
		}
		r := httptest.NewRequest("GET", "/features/trade", nil)
		r.URL.RawQuery = body
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// asked reads a body and closes it.
func asked(t *testing.T, r *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(bytes.TrimSpace(body))
}
