package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/serve"
)

// measures are a daemon's figures, as Prometheus asks for them. All but those of requests
// are looked up when it asks, so that counting them costs the flow nothing. They are of
// the generation that answers; where another takes over, its counters begin at zero.
type measures struct {
	of       *followJob
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	figures
}

// figures are what is looked up.
type figures struct {
	info, ready, stopping, epoch, staleness, watermark, trouble                                *prometheus.Desc // of the daemon and its sources
	events, offset, end, partitionWatermark, deadLetters, late                                 *prometheus.Desc // of partitions
	lag                                                                                        *prometheus.Desc
	noted                                                                                      *prometheus.Desc // by reason
	keys, bytes                                                                                *prometheus.Desc // of views
	saved, savedAge, savedBytes, savedFiles, savedWritten, savedFailures, savedTook, savedWait *prometheus.Desc
}

// described is a figure's name, what it is, and its labels.
func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("timeseam_"+name, help, labels, nil)
}

func newFigures() figures {
	return figures{
		info:      described("info", "1, with the program's version, the service and the digest of the definition that answers.", "version", "service", "digest"),
		ready:     described("ready", "1 where questions are answered, 0 where the features are being loaded."),
		stopping:  described("stopping", "1 once the daemon was told to end."),
		epoch:     described("epoch", "Batches applied, also before a restart; equal epochs of one process are equal events."),
		staleness: described("staleness_seconds", "How long ago what is applied was all there was, of the partition where it is longest: how stale values are."),
		watermark: described("watermark_timestamp_seconds", "How far the events' own times have come in a source.", "source"),
		trouble:   described("feed_trouble_seconds", "For how long a source's brokers have not been heard; 0 where they are.", "source"),

		events:             described("events_total", "Events applied.", "source", "partition"),
		offset:             described("offset", "Offset below which all is applied. Its rate is that of records.", "source", "partition"),
		end:                described("end_offset", "Offset where the partition's log ended when it was asked last.", "source", "partition"),
		lag:                described("lag_records", "Records that are in the partition and not applied.", "source", "partition"),
		partitionWatermark: described("partition_watermark_timestamp_seconds", "How far the events' own times have come in a partition.", "source", "partition"),
		late:               described("late_events_total", "Events that happened before the watermark of their partition, as it was then. They count in their place.", "source", "partition"),
		deadLetters:        described("dead_letters_total", "Records that could not be decoded.", "source", "partition"),

		noted: described("noted_total", "What was refused or noted, by reason.", "reason"),
		keys:  described("state_keys", "Keys with events.", "view"),
		bytes: described("state_bytes", "Bytes of the keys' events, about, by whether they stand ready or lie packed.", "view", "kind"),

		saved:         described("checkpoint_number", "Number of the newest checkpoint; 0: there is none."),
		savedAge:      described("checkpoint_age_seconds", "How long ago what is saved was all that was known: what a restart has to read again."),
		savedBytes:    described("checkpoint_bytes", "Bytes that a restart reads of the newest checkpoint."),
		savedFiles:    described("checkpoint_files", "Files that a restart reads of the newest checkpoint."),
		savedWritten:  described("checkpoint_written_bytes_total", "Bytes written to checkpoints."),
		savedFailures: described("checkpoint_failures_total", "Attempts to save that failed."),
		savedTook:     described("checkpoint_duration_seconds", "How long the newest file of a checkpoint took to write, beside the flow."),
		savedWait:     described("checkpoint_pause_seconds", "How long the flow waited for the newest file of a checkpoint, and at most.", "kind"),
	}
}

// tookBuckets are bounds of the time that an answer takes, in seconds.
var tookBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMeasures(j *followJob) *measures {
	m := &measures{of: j, registry: prometheus.NewRegistry(), figures: newFigures(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "timeseam_requests_total", Help: "Requests by how they came (http, get, grpc) and the code of HTTP that they were answered with."}, []string{"way", "code"}),
		took:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "timeseam_request_duration_seconds", Help: "How long answers took, by how the request came; with the time that it waited for positions.", Buckets: tookBuckets}, []string{"way"})}
	m.registry.MustRegister(m, m.requests, m.took, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// page is what Prometheus scrapes.
func (m *measures) page() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMost, Timeout: scrapeTimeout})
}

const (
	scrapesMost   = 4 // at once; beyond it is 503
	scrapeTimeout = 10 * time.Second
)

// seen counts a request.
func (m *measures) seen(x *serve.Exchange) {
	m.requests.WithLabelValues(x.Way, strconv.Itoa(x.Code)).Inc()
	m.took.WithLabelValues(x.Way).Observe(x.Took.Seconds())
}

// Describe tells what Collect tells of.
func (m *measures) Describe(to chan<- *prometheus.Desc) {
	f := &m.figures
	for _, d := range []*prometheus.Desc{f.info, f.ready, f.stopping, f.epoch, f.staleness, f.watermark, f.trouble, f.events, f.offset, f.end, f.lag, f.partitionWatermark, f.deadLetters, f.late,
		f.noted, f.keys, f.bytes, f.saved, f.savedAge, f.savedBytes, f.savedFiles, f.savedWritten, f.savedFailures, f.savedTook, f.savedWait} {
		to <- d
	}
}

// scrape is one question of Prometheus.
type scrape chan<- prometheus.Metric

func (s scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s scrape) counter(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// clock gives an instant of events, as Prometheus has instants; one before all others is
// none.
func (s scrape) clock(d *prometheus.Desc, t event.Time, labels ...string) {
	if t != event.MinTime && t != event.MaxTime {
		s.gauge(d, float64(instant(t).UnixMicro())/1e6, labels...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// notedReasons are those that a daemon meets. What came late it tells by partition.
var notedReasons = []event.Reason{event.NoTime, event.NoKey, event.Duplicate, event.Conflicting, event.UnorderedTies, event.OutOfType, event.NaNNull, event.DivisionByZero}

// Collect tells how the daemon stands.
func (m *measures) Collect(to chan<- prometheus.Metric) {
	g, s := m.of.now.Load(), scrape(to)
	s.gauge(m.info, 1, version, g.service, g.plan.Digest())
	s.gauge(m.ready, truth(g.driver.Caught()))
	s.gauge(m.stopping, truth(m.of.stopping.Load()))
	m.sources(s, g.driver)
	at, noted := g.engine.Status(), g.driver.Counts()
	noted.Add(&at.Counts)
	s.gauge(m.epoch, float64(at.Epoch))
	for _, r := range notedReasons {
		s.counter(m.noted, float64(noted[r]), r.String())
	}
	for i, size := range g.engine.Sizes() {
		view := g.plan.Views[i].Name
		s.gauge(m.keys, float64(size.Keys), view)
		s.gauge(m.bytes, float64(size.Ready), view, "ready")
		s.gauge(m.bytes, float64(size.Packed), view, "packed")
		s.gauge(m.bytes, float64(size.Filed), view, "filed")
		s.gauge(m.bytes, float64(size.Index), view, "index")
	}
	if g.keeper != nil {
		m.checkpoints(s, g)
	}
}

// sources tells how far the streams are followed.
func (m *measures) sources(s scrape, d *live.Driver) {
	of := map[string][]live.Partition{}
	for _, p := range d.Partitions() {
		of[p.Source] = append(of[p.Source], p)
		number := strconv.Itoa(int(p.Partition))
		s.counter(m.events, float64(p.Rows), p.Source, number)
		s.gauge(m.offset, float64(p.Next), p.Source, number)
		s.gauge(m.end, float64(p.End), p.Source, number)
		s.gauge(m.lag, float64(p.End-p.Next), p.Source, number)
		s.clock(m.partitionWatermark, p.Watermark, p.Source, number)
		s.counter(m.late, float64(p.Late), p.Source, number)
		s.counter(m.deadLetters, float64(p.Poison), p.Source, number)
	}
	for source, all := range of {
		s.clock(m.watermark, live.Watermark(all), source)
	}
	if stale := d.Staleness(); stale >= 0 && len(of) > 0 {
		s.gauge(m.staleness, stale.Seconds())
	}
	for _, t := range d.Troubles() {
		lasted := 0.0
		if t.Err != nil {
			lasted = time.Since(t.Since).Seconds()
		}
		s.gauge(m.trouble, lasted, t.Source)
	}
}

// checkpoints tells how the state is saved.
func (m *measures) checkpoints(s scrape, g *generation) {
	c := g.keeper.Status()
	s.gauge(m.saved, float64(c.Number))
	if !c.At.IsZero() {
		s.gauge(m.savedAge, time.Since(c.At).Seconds())
	}
	s.gauge(m.savedBytes, float64(c.Bytes))
	s.gauge(m.savedFiles, float64(c.Files))
	s.counter(m.savedWritten, float64(c.Written))
	s.counter(m.savedFailures, float64(c.Failures))
	s.gauge(m.savedTook, c.Took.Seconds())
	s.gauge(m.savedWait, c.Pause.Seconds(), "newest")
	s.gauge(m.savedWait, c.Longest.Seconds(), "longest")
}
