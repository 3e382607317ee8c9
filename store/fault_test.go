package store

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// usual sets the variables of AWS to one endpoint and nothing else. (storetest.Use
// does the same for those who may import it.)
func usual(t *testing.T, endpoint string) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIAOPEN", "AWS_SECRET_ACCESS_KEY": "hunter2secret", "AWS_SESSION_TOKEN": "tokensecret", "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", styleVariable: "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
}

// TestFaultWords holds what is said of each way in which a server refuses, that it is
// one sentence, and that nothing secret and no number of a request is in it (B3).
func TestFaultWords(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, head string // head: a header and its value
		words      string
	}{
		{403, "AccessDenied", "", "access is denied; the credentials may not do this in bucket lake (they need s3:ListBucket on it to list, s3:GetObject to read, s3:PutObject to write)"},
		{403, "InvalidAccessKeyId", "", "its server does not know the access key; check AWS_ACCESS_KEY_ID or the profile"},
		{403, "SignatureDoesNotMatch", "", "the secret key does not fit the access key; check AWS_SECRET_ACCESS_KEY or the profile"},
		{400, "ExpiredToken", "", "the session has expired; log in again, or renew AWS_SESSION_TOKEN"},
		{403, "InvalidToken", "", "the session token is not valid; log in again, or renew AWS_SESSION_TOKEN"},
		{403, "RequestTimeTooSkewed", "Date: Thu, 01 Jan 2026 00:00:00 GMT", "'s says Thu, 01 Jan 2026 00:00:00 GMT; set it right"},
		{404, "NoSuchBucket", "", "there is no bucket lake"},
		{404, "NoSuchKey", "", "it is not there"},
		{412, "PreconditionFailed", "", "it was changed while it was being read; run again"},
		{416, "InvalidRange", "", "it was changed while it was being read; run again"},
		{301, "PermanentRedirect", "X-Amz-Bucket-Region: eu-west-3", "bucket lake is in the region eu-west-3; set AWS_REGION=eu-west-3"},
		{400, "AuthorizationHeaderMalformed", "", "bucket lake is in another region; set AWS_REGION to it"},
		{503, "SlowDown", "", "its server asks to slow down; run again later (2 attempts)"},
		{500, "InternalError", "", "its server failed with status 500; run again later (2 attempts)"},
		{403, "InvalidObjectState", "", "it lies in an archive and must be restored before it can be read"},
		{400, "SomethingElse", "", "its server refuses: for *** and *** and *** (SomethingElse)"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if name, value, ok := strings.Cut(c.head, ": "); ok {
				w.Header().Set(name, value)
			}
			w.Header().Set("X-Amz-Request-Id", "REQ4711")
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>for AKIAOPEN and hunter2secret and tokensecret.</Message><RequestId>REQ4711</RequestId></Error>`, c.code)
		}))
		usual(t, server.URL)
		b, err := New(Options{Attempts: 2, Pause: func(int) time.Duration { return 0 }}).Bucket(t.Context(), "lake")
		if err != nil {
			t.Fatal(err)
		}
		err = b.Reader(Object{Key: "o", Size: 10, ETag: "x"}).ReadAt(t.Context(), make([]byte, 5), 0)
		if err == nil || !strings.HasSuffix(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", c.code, err, c.words)
			continue
		}
		for _, secret := range []string{"AKIAOPEN", "hunter2", "tokensecret", "REQ4711", "127.0.0.1", "\n"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q: %v", c.code, secret, err)
			}
		}
		server.Close()
	}
}

// TestNoStore holds what is said of an endpoint that is none of S3.
func TestNoStore(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome!") }))
	defer server.Close()
	usual(t, server.URL)
	b, err := New(Options{Pause: func(int) time.Duration { return 0 }}).Bucket(t.Context(), "lake")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.List(t.Context(), ""); err == nil || err.Error() != "its server answers what cannot be understood; check that the endpoint is one of S3 (8 attempts)" {
		t.Errorf("%v", err)
	}
	if err := b.Reader(Object{Key: "o", Size: 10, ETag: "x"}).ReadAt(t.Context(), make([]byte, 5), 0); !errors.Is(err, ErrChanged) {
		t.Errorf("a range without an ETag: %v", err)
	}
}

// TestRefusedHead holds that a refusal without words is asked for its words.
func TestRefusedHead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `<Error><Code>SignatureDoesNotMatch</Code></Error>`)
	}))
	defer server.Close()
	usual(t, server.URL)
	b, err := New(Options{}).Bucket(t.Context(), "lake")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(t.Context(), "o"); err == nil || !strings.HasPrefix(err.Error(), "the secret key does not fit") {
		t.Errorf("%v", err)
	}
}

// TestSettings holds how the settings of AWS are read.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config":      "[profile lake]\nregion = eu-central-1\nendpoint_url = http://minio.example:9000\n[profile cloud]\nregion = eu-west-1\n[profile bare]\n",
		"credentials": "[lake]\naws_access_key_id = a\naws_secret_access_key = b\n[cloud]\naws_access_key_id = a\naws_secret_access_key = b\n",
		"broken":      "[[[\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		set                     map[string]string
		region, endpoint, fault string
		path                    bool
	}{
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1"}, "us-east-1", "http://a:1", "", true},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_S3": "http://b:1"}, "us-east-1", "http://b:1", "", true},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1", styleVariable: "virtual", "AWS_REGION": "eu-west-2"}, "eu-west-2", "http://a:1", "", false},
		{map[string]string{"AWS_REGION": "eu-west-2"}, "eu-west-2", "", "", false},
		{map[string]string{"AWS_REGION": "eu-west-2", styleVariable: "path"}, "eu-west-2", "", "", true},
		{map[string]string{"AWS_PROFILE": "lake"}, "eu-central-1", "http://minio.example:9000", "", true},
		{map[string]string{"AWS_PROFILE": "cloud"}, "eu-west-1", "", "", false},
		{map[string]string{}, "", "", "no AWS region is set; set AWS_REGION, or region in the profile", false},
		{map[string]string{"AWS_PROFILE": "none"}, "", "", "no AWS profile is called none; check AWS_PROFILE", false},
		{map[string]string{"AWS_PROFILE": "bare", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "", "", "no AWS credentials were found that can be used", false},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "", "", "no AWS credentials were found that can be used", false},
		{map[string]string{"AWS_ENDPOINT_URL": "a:1"}, "", "", "the endpoint of S3 (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL) does not begin with http:// or https://", false},
		{map[string]string{"AWS_ENDPOINT_URL": "http://a:1", styleVariable: "host"}, "", "", `AWS_S3_ADDRESSING_STYLE is "host"; set it to path or virtual, or leave it out`, false},
	} {
		usual(t, "")
		t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
		for name, value := range c.set {
			t.Setenv(name, value)
		}
		client := New(Options{})
		_, err := client.Bucket(t.Context(), "lake")
		if c.fault != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.fault) || !errors.Is(err, ErrSettings) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v: %v, want %q", c.set, err, c.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.set, err)
			continue
		}
		o := client.api.Options()
		endpoint := ""
		if o.BaseEndpoint != nil {
			endpoint = *o.BaseEndpoint
		}
		if o.Region != c.region || endpoint != c.endpoint || o.UsePathStyle != c.path {
			t.Errorf("%v: region %s, endpoint %s, path style %v", c.set, o.Region, endpoint, o.UsePathStyle)
		}
	}
}

// TestPause holds that pauses grow, end, and differ.
func TestPause(t *testing.T) {
	for failed, most := range map[int]time.Duration{1: pauseFirst, 2: 2 * pauseFirst, 5: 16 * pauseFirst, 8: 128 * pauseFirst, 9: pauseMost, 100: pauseMost} {
		if p := pause(failed); p < most/2 || p > most {
			t.Errorf("after %d failures: %v, want about %v", failed, p, most)
		}
	}
}
