package serve

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// newWideServer serves 120 features of an account: of four views, ten aggregates over
// three windows each, with two hundred payments a key.
func newWideServer(t testing.TB) *Server {
	var text strings.Builder
	text.WriteString(`version: 1
name: wide
sources:
  tx: {stream: {kafka: payments, brokers: "b:9092", format: json}, fields: {account_id: string, amount: double, at_time: timestamp, shop: string}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
`)
	for v := range 4 {
		fmt.Fprintf(&text, "  v%d:\n    entity: account\n    source: tx\n    where: amount > %d\n    windows: [1h, 1d, 7d]\n    features: {n: count(*), s: sum(amount), m: avg(amount), lo: min(amount), hi: max(amount), d: stddev(amount), shops: count(distinct shop), l: last(shop), f: first(amount), big: count(*) filter (where amount > 50)}\n", v, v)
	}
	text.WriteString("feature_services: {all: {features: [v0, v1, v2, v3]}}\n")
	e := newEngine(t, text.String(), "all", nil, live.Options{Shards: 2, Now: func() time.Time { return time.UnixMicro(int64(noon)) }})
	amounts := make([]float64, 200)
	for i := range amounts {
		amounts[i] = float64(i % 97)
	}
	for k := range 1000 {
		e.Apply(payments(e, fmt.Sprint("a", k), amounts...))
	}
	s, err := New(e, Options{Service: "all"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wideQuestion(account int) string {
	return fmt.Sprintf(`{"feature_service":"all","entities":{"account_id":["a%d"]},"full_feature_names":true}`, account%1000)
}

// BenchmarkServe measures one request of 120 features of one key: what is read of it,
// what is asked, how the answer is spelled, and all of it behind the handler.
func BenchmarkServe(b *testing.B) {
	s := newWideServer(b)
	h := s.Handler()
	for i := range 1000 { // folds settle when they are asked
		if code, body, _ := post(h, wideQuestion(i)); code != 200 {
			b.Fatal(body)
		}
	}
	r, err := readRequest([]byte(wideQuestion(1)), 1)
	if err != nil {
		b.Fatal(err)
	}
	a, err := s.ask(b.Context(), r)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, do func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				do(i)
				i++
			}
		})
	}
	var buf []byte
	run("read", func(i int) { readRequest([]byte(wideQuestion(i)), 1) })
	run("ask", func(int) {
		a, err := s.ask(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		a.done()
	})
	run("json", func(int) { buf = appendReply(buf[:0], a) })
	run("proto", func(int) { buf = appendMessage(buf[:0], a) })
	run("whole", func(i int) { post(h, wideQuestion(i)) })
}

// BenchmarkServeLoad asks over connections at a steady rate, while events are applied,
// first a bare handler that returns the same bytes and then the server, and reports the
// slowest hundredth of each.
func BenchmarkServeLoad(b *testing.B) {
	s := newWideServer(b)
	_, same, _ := post(s.Handler(), wideQuestion(1))
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(same))
	})
	for i := range 1000 {
		post(s.Handler(), wideQuestion(i))
	}
	for _, perSecond := range []int{500, 2000, 5000} {
		b.Run(fmt.Sprint(perSecond), func(b *testing.B) {
			var bareMost, most []float64
			for b.Loop() {
				bareMost = append(bareMost, slowest(b, s, bare, perSecond))
				most = append(most, slowest(b, s, s.Handler(), perSecond))
			}
			slices.Sort(bareMost)
			slices.Sort(most)
			b.ReportMetric(bareMost[len(bareMost)/2], "bare-p99-us")
			b.ReportMetric(most[len(most)/2], "p99-us")
		})
	}
}

// slowest is the slowest hundredth of two seconds' answers in microseconds, while
// events are applied.
func slowest(b *testing.B, s *Server, h http.Handler, perSecond int) float64 {
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { applying(ctx, s.catalog.Load().engine, 20_000) })
	took := loaded(b, h, perSecond, 2*time.Second)
	stop()
	wait.Wait()
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds())
}

// applying applies events at a rate until the context ends, in batches of a hundredth
// of a second.
func applying(ctx context.Context, e *live.Engine, perSecond int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	amounts := make([]float64, perSecond/100)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		batch := payments(e, "x", amounts...)
		for c, f := range e.Plan().Inputs[0].Columns {
			if f.Name != "account_id" {
				continue
			}
			keys := event.Make(f.Type)
			for i := range amounts {
				keys.AppendText(fmt.Appendf(nil, "a%d", (n*len(amounts)+i)%1000))
			}
			batch.Rows.Columns[c] = keys
		}
		e.Apply(batch)
		e.Forget()
	}
}

// loaded asks a handler so often a second, each request at its own instant, and returns
// how long after that instant each was answered.
func loaded(b *testing.B, h http.Handler, perSecond int, span time.Duration) []time.Duration {
	server := httptest.NewServer(h)
	defer server.Close()
	const clients = 64
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DialContext: (&net.Dialer{}).DialContext}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	due := make(chan time.Time, perSecond)
	var mu sync.Mutex
	var took []time.Duration
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			var own []time.Duration
			for at := range due {
				r, err := client.Post(server.URL+"/get-online-features", "application/json", strings.NewReader(wideQuestion(c*31+len(own))))
				if err != nil {
					b.Error(err)
					continue
				}
				if _, err := r.Body.Read(make([]byte, 64<<10)); r.StatusCode != 200 {
					b.Error(r.Status, err)
				}
				r.Body.Close()
				own = append(own, time.Since(at))
			}
			mu.Lock()
			took = append(took, own...)
			mu.Unlock()
		})
	}
	begin := time.Now()
	for n := 0; ; {
		since := time.Since(begin)
		if since > span {
			break
		}
		for ; n < int(since.Seconds()*float64(perSecond)); n++ {
			due <- time.Now()
		}
		time.Sleep(200 * time.Microsecond)
	}
	close(due)
	wait.Wait()
	return took
}
