package sink_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sink"
)

func ExampleNewParquet() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "training.parquet")

	schema := event.Schema{{Name: "spend__tx_count_1h", Type: event.Of(event.Int)}}
	out, err := sink.NewParquet(path, sink.Options{Schema: schema, Compression: "zstd"})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	counts := event.Make(schema[0].Type)
	counts.AppendInt(3)
	counts.AppendNull()
	ctx := context.Background()
	if err := out.Write(ctx, &event.Batch{Len: 2, Columns: []event.Column{counts}}); err != nil {
		log.Fatal(err)
	}
	_, err = os.Stat(path)
	fmt.Println("before Commit there is a file:", err == nil)
	if err := out.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = os.Stat(path)
	fmt.Println("after it there is one:", err == nil)
	// Output:
	// before Commit there is a file: false
	// after it there is one: true
}
