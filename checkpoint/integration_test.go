//go:build integration

package checkpoint_test

import (
	"testing"

	"github.com/timeseam/timeseam/store/storetest"
)

// TestIntegrationBucket holds what TestBucket does, in a real server.
func TestIntegrationBucket(t *testing.T) {
	storetest.StartGateway(t)
	inBucket(t)
}

// TestIntegrationLarge holds what TestLarge does.
func TestIntegrationLarge(t *testing.T) {
	storetest.StartGateway(t)
	large(t)
}
