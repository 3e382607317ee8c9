//go:build integration

package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// TestIntegrationOutput holds what TestS3Output does, from histories and a spine in a
// real server to outputs there.
func TestIntegrationOutput(t *testing.T) {
	storetest.StartGateway(t)
	outputsAgree(t, remoteShop(t))
}

func TestIntegrationFaults(t *testing.T) { ordeals(t, storetest.StartGateway(t).URL, 500) }

func TestIntegrationEndedInUpload(t *testing.T) { endedInUpload(t, storetest.StartGateway(t).URL) }

// TestIntegrationSettings holds what is said of wrong settings, and that no secret is
// in it and nothing comes of it.
func TestIntegrationSettings(t *testing.T) {
	g := storetest.StartGateway(t)
	dir := remoteShop(t)
	g.User("reader")
	storetest.Use(t.Setenv, g.URL)
	g.Allow("reader", "s3:ListBucket", "s3:GetObject")
	skewed := func(t *testing.T) {
		storetest.Front(t, g.URL, func(_ http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("X-Amz-Date", "20260101T000000Z")
			return false
		})
	}
	for name, c := range map[string]struct {
		set func(t *testing.T)
		out string
		say string
	}{
		"wrong secret":   {func(t *testing.T) { t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2") }, "s3://lake/x.parquet", "the secret key does not fit the access key"},
		"unknown key":    {func(t *testing.T) { t.Setenv("AWS_ACCESS_KEY_ID", "AKIAHUNTER2") }, "s3://lake/x.parquet", "its server does not know the access key"},
		"no credentials": {func(t *testing.T) { t.Setenv("AWS_ACCESS_KEY_ID", ""); t.Setenv("AWS_SECRET_ACCESS_KEY", "") }, "s3://lake/x.parquet", "no AWS credentials were found"},
		"no bucket":      {func(*testing.T) {}, "s3://lakes/x.parquet", "output s3://lakes/x.parquet: there is no bucket lakes"},
		"may only read": {func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "reader")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
		}, "s3://lake/x.parquet", "output s3://lake/x.parquet: access is denied"},
		"clock": {skewed, "s3://lake/x.parquet", "clock"},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Use(t.Setenv, g.URL)
			c.set(t)
			code, said := backfilled(t, dir, "remote.yaml", "-o", c.out)
			first, _, more := strings.Cut(said, "; history of") // All tables say the same.
			if code != exitFailed || !strings.Contains(said, c.say) || !more && unclear(first) != "" {
				t.Errorf("exit code %d, and it says %s", code, said)
			}
			for _, secret := range []string{"hunter2", "HUNTER2", "reader-secret", "storetest-secret"} {
				if strings.Contains(said, secret) {
					t.Errorf("it shows a secret: %s", said)
				}
			}
			if g.Get("x.parquet") != nil || g.Get("x.parquet.manifest.json") != nil {
				t.Error("there is an output")
			}
		})
	}
}

// TestIntegrationChanged holds that an input which is replaced or deleted while it is
// read ends the run, and that nothing comes of it.
func TestIntegrationChanged(t *testing.T) {
	g := storetest.StartGateway(t)
	dir := remoteShop(t)
	b := lake(t)
	other, err := os.ReadFile(filepath.Join(dir, "tx.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	other = bytes.Replace(other, []byte("ann"), []byte("eve"), 1)
	for name, change := range map[string]func(ctx context.Context, key string) error{
		"replaced": func(ctx context.Context, key string) error {
			_, err := b.Put(ctx, key, other, store.Anything)
			return err
		},
		"deleted": b.Delete,
	} {
		for _, table := range []string{"tx", "labels"} {
			storetest.Use(t.Setenv, g.URL)
			remoteShop(t)
			key := "in/" + table + ".parquet"
			var reads atomic.Int32
			storetest.Front(t, g.URL, func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, key) && r.Method == http.MethodGet {
					if reads.Add(1) == 2 { // The first is that of the footer.
						if err := change(context.WithoutCancel(t.Context()), key); err != nil {
							t.Error(err)
						}
					}
				}
				return false
			})
			code, said := backfilled(t, dir, "remote.yaml", "-o", "s3://lake/y.parquet")
			if code != exitFailed || !strings.Contains(said, key) || unclear(said) != "" {
				t.Errorf("%s is %s: exit code %d, and it says %s", key, name, code, said)
			}
			if g.Get("y.parquet") != nil || g.Get("y.parquet.manifest.json") != nil {
				t.Error("there is an output")
			}
		}
	}
}
