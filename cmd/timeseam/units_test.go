package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const unitsDefinition = `version: 1
name: units
sources:
  tx:
    history: {json: history.jsonl}
    stream: {kafka: tx, brokers: %q, format: json}
    fields: {id: bigint, account: string, raw: timestamp, at: %s}
    event_timestamp: at
    event_id: id
    lateness: 1h
    cutover: {by: id}
entities: {account: account}
feature_views:
  v: {entity: account, source: tx, window: 1d, features: {n: count(*)}}
feature_services: {all: {features: [v]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}, visibility: {known: event_time}}
`

// TestUnits holds that copies whose times are of other units are refused where an event
// is known by its id and time, and that what the fault says to write mends it.
func TestUnits(t *testing.T) {
	s := newSite(t)
	s.create("tx", 1)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var history strings.Builder
	var records []string
	for id := range 40 {
		at := begin.Add(time.Duration(id)*time.Minute + 1234*time.Microsecond)
		fmt.Fprintf(&history, "{\"id\": %d, \"account\": \"a\", \"raw\": %q}\n", id, at.Format(time.RFC3339Nano))
		records = append(records, fmt.Sprintf(`{"id": %d, "account": "a", "ms": %d}`, id, at.UnixMilli()))
	}
	s.file("history.jsonl", history.String())
	s.file("spine.csv", "account,t\na,2026-01-01T12:00:00Z\n")
	s.produce("tx", records...)
	complete := []string{"--complete-until", "2026-01-01T00:30:00Z"}
	s.file("d.yaml", fmt.Sprintf(unitsDefinition, s.brokers(), "{type: timestamp, history: raw, stream: to_timestamp_ms(ms)}"))
	said, code := s.backfill("d.yaml", "out.csv", complete...)
	if code != 1 || !strings.Contains(said, "source tx: the stream has at in milliseconds and the history in microseconds") {
		t.Fatalf("exit %d: %s", code, said)
	}
	s.clean("history.jsonl", "spine.csv", "d.yaml")
	mend := "{type: timestamp, history: \"date_trunc('millisecond', raw)\", stream: to_timestamp_ms(ms)}"
	s.file("d.yaml", fmt.Sprintf(unitsDefinition, s.brokers(), mend))
	if got := string(s.must("d.yaml", "out.csv", complete...)); !strings.Contains(got, ",40") {
		t.Errorf("another count than 40:\n%s", got)
	}
}
