package features_test

import (
	"fmt"

	"github.com/timeseam/timeseam/features"
)

// Every fault of a definition is told at once, with its place and its mend.
func ExampleLoad() {
	_, err := features.Load("features.yaml", []byte(`version: 1
name: card_fraud
sources:
  transactions:
    history: {parquet: lake/transactions/}
    evnt_timestamp: event_time
entities: {account: account_id}
feature_views:
  spend:
    entity: acount
    source: transactions
    windows: [1h, 30]
    features: {tx_count: count(*)}
`))
	fmt.Println(err)
	// Output:
	// features.yaml:6:5: unknown key `evnt_timestamp` of source transactions; did you mean event_timestamp?
	// features.yaml:10:13: unknown entity `acount`; did you mean account?
	// features.yaml:12:19: an item in windows of view spend is `30`, no duration; add a unit: us, ms, s, m, h or d, such as 30d
}
