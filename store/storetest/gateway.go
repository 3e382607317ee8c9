package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Gateway is a server of objects that checks credentials, rights and conditions:
// versitygw, over a folder. The environment names the program; `make integration-s3`
// builds it.
type Gateway struct {
	t       testing.TB
	program string
	data    string
	URL     string
}

// gatewayVariable names the program.
const gatewayVariable = "TIMESEAM_VERSITYGW"

// StartGateway runs a server until the test ends, with Bucket in it, and sets the
// variables of AWS so that clients find it and nothing else.
func StartGateway(t testing.TB) *Gateway {
	t.Helper()
	dir := t.TempDir()
	g := &Gateway{t: t, program: os.Getenv(gatewayVariable), data: filepath.Join(dir, "data")}
	if g.program == "" {
		t.Fatalf("%s does not name versitygw; run make integration-s3", gatewayVariable)
	}
	meta, iam := filepath.Join(dir, "meta"), filepath.Join(dir, "iam")
	for _, d := range []string{meta, iam, filepath.Join(g.data, Bucket)} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	g.URL = "http://" + address
	Use(t.Setenv, g.URL)
	var said bytes.Buffer
	cmd := exec.Command(g.program, "--quiet", "--keep-alive", "--port", address, "--iam-dir", iam, "posix", "--sidecar", meta, g.data)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=storetest-key", "ROOT_SECRET_KEY=storetest-secret")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("versitygw: %s", said.Bytes())
		}
	})
	for range 1000 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return g
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("versitygw does not listen")
	return nil
}

// freeAddress is an address of this machine where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// File is where an object of Bucket lies.
func (g *Gateway) File(key string) string {
	return filepath.Join(g.data, Bucket, filepath.FromSlash(key))
}

// Get returns an object of Bucket, nil if there is none.
func (g *Gateway) Get(key string) []byte {
	g.t.Helper()
	b, err := os.ReadFile(g.File(key))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	return b
}

// User makes a user without any rights, and sets the variables of AWS to it.
func (g *Gateway) User(name string) {
	g.t.Helper()
	cmd := exec.Command(g.program, "admin", "--access", "storetest-key", "--secret", "storetest-secret", "--endpoint-url", g.URL,
		"create-user", "--access", name, "--secret", name+"-secret", "--role", "user")
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("%v: %s", err, out)
	}
	g.t.Setenv("AWS_ACCESS_KEY_ID", name)
	g.t.Setenv("AWS_SECRET_ACCESS_KEY", fmt.Sprint(name, "-secret"))
}

// Allow lets a user do what is named, with Bucket and everything in it.
func (g *Gateway) Allow(user string, actions ...string) {
	g.t.Helper()
	api := s3.New(s3.Options{BaseEndpoint: &g.URL, Region: "us-east-1", UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "storetest-key", SecretAccessKey: "storetest-secret"}, nil
		})})
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"AWS": user}, "Action": actions, "Resource": []string{"arn:aws:s3:::" + Bucket, "arn:aws:s3:::" + Bucket + "/*"}}}})
	if err == nil {
		_, err = api.PutBucketPolicy(g.t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(Bucket), Policy: aws.String(string(policy))})
	}
	if err != nil {
		g.t.Fatal(err)
	}
}
