package sources_test

import (
	"context"
	"fmt"
	"io"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
)

// A directory with Hive partitions is one table. Its parts may be read beside
// each other; here they are read one after the other.
func Example() {
	table, err := sources.Find("testdata/hive")
	if err != nil {
		fmt.Println(err)
		return
	}
	parts, err := table.Parts([]string{"id", "price", "dt"}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, part := range parts[:2] {
		defer part.Close()
		var b event.Batch
		for {
			err := part.Read(context.Background(), &b)
			if err == io.EOF {
				break
			}
			if err != nil {
				fmt.Println(err)
				return
			}
			for i := range b.Len {
				fmt.Println(sources.Text(&b.Columns[0], i), sources.Text(&b.Columns[1], i), sources.Text(&b.Columns[2], i))
			}
		}
	}
	fmt.Println(table.Check([]string{"prize"}))
	// Output:
	// 2 1.2500 2026-01-01
	// 3  2026-01-01
	// 0 1.2500 2026-01-01
	// 1  2026-01-01
	// no file of testdata/hive has a column prize; did you mean price?
}
