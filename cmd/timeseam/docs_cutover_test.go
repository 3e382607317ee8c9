package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// TestDocsCutover holds that the certificate in docs/cutover.md is the one that the demo
// prints, and that the definition there has no fault.
func TestDocsCutover(t *testing.T) {
	text, err := os.ReadFile("../../docs/cutover.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```text\n(Cutover of .*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/cutover.md shows no certificate")
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"timeseam", "demo", filepath.Join(t.TempDir(), "d")}, &out, &out); code != exitDone {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	if !strings.Contains(out.String(), string(shown[1])) {
		t.Errorf("docs/cutover.md shows\n%s\nand the demo says\n%s", shown[1], out.String())
	}
	_, source, _ := strings.Cut(string(text), "\n```yaml\n")
	source, _, _ = strings.Cut(source, "```")
	rest := "version: 1\nname: inputs\nentities: {account: account_id}\nfeature_views: {spend: {entity: account, source: transactions, features: {total: sum(amount)}}}\nfeature_services: {fraud: {features: [spend]}}\n"
	_, mend, _ := strings.Cut(string(text), "\n```yaml\nfields:\n")
	mend, _, _ = strings.Cut(mend, "```")
	str, at := event.Of(event.String), event.Of(event.Timestamp)
	history := event.Schema{{Name: "account_id", Type: str}, {Name: "event_id", Type: str}, {Name: "event_time", Type: at}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "dt", Type: event.Of(event.Date)}}
	for _, s := range []string{source, source + "    fields:\n    " + mend} {
		def, err := features.Load("cutover.md", []byte(rest+s))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := features.Compile(def, features.Catalog{Histories: map[string]event.Schema{"transactions": history}}, ""); err != nil {
			t.Error(err)
		}
	}
}
