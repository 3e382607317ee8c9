package storetest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is the bucket that every server has.
const Bucket = "lake"

// Server holds objects in memory. It does not check credentials, and ignores
// conditions of reads: what depends on them is tested against another one.
type Server struct {
	t       testing.TB
	backend *s3mem.Backend
	URL     string
}

// Start runs a server until the test ends, and sets the variables of AWS so that
// clients find it and nothing else.
func Start(t testing.TB) *Server {
	t.Helper()
	s := Serve(t)
	Use(t.Setenv, s.URL)
	return s
}

// Serve runs a server until the test ends.
func Serve(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, backend: s3mem.New()}
	if err := s.backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	quiet := gofakes3.StdLog(log.New(io.Discard, "", 0))
	s.URL = listen(t, gofakes3.New(s.backend, gofakes3.WithLogger(quiet)).Server())
	return s
}

// listen serves until the test ends, and says nothing of what goes wrong.
func listen(t testing.TB, h http.Handler) string {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// Use sets the variables of AWS by set: for one endpoint, and nobody's profiles.
func Use(set func(name, value string), endpoint string) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "storetest-key", "AWS_SECRET_ACCESS_KEY": "storetest-secret", "AWS_SESSION_TOKEN": "",
		"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_S3_ADDRESSING_STYLE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		set(name, value)
	}
}

// Put stores an object in Bucket.
func (s *Server) Put(key string, content []byte) {
	s.t.Helper()
	if _, err := s.backend.PutObject(Bucket, key, map[string]string{"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, newBytes(content), int64(len(content)), nil); err != nil {
		s.t.Fatal(err)
	}
}

// Get returns an object of Bucket, nil if there is none.
func (s *Server) Get(key string) []byte {
	s.t.Helper()
	o, err := s.backend.GetObject(Bucket, key, nil)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return nil
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer o.Contents.Close()
	b, err := io.ReadAll(o.Contents)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// Delete removes an object of Bucket.
func (s *Server) Delete(key string) {
	s.t.Helper()
	if _, err := s.backend.DeleteObject(Bucket, key); err != nil {
		s.t.Fatal(err)
	}
}

// status is what the proxy answers itself.
func status(w http.ResponseWriter, code int, name string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(code)
	io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+name+`</Code><Message>Please reduce your request rate.</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>`)
}
