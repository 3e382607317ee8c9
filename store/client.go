package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// Options say how patient a Client is. The zero value is as patient as a person.
type Options struct {
	Attempts int                            // of one request; 0: 8
	Pause    func(failed int) time.Duration // before the next attempt, after so many failed; nil: pause
	Stall    time.Duration                  // how long a connection may bring nothing; 0: 30 s
}

// Client reaches buckets by the usual settings of AWS: variables, shared files,
// profiles, and what they name. It reads them when it is first used, so that who
// has no objects needs no settings. It may be used from several goroutines.
type Client struct {
	Options
	turn chan struct{} // held while bytes are fetched ahead

	mu      sync.Mutex
	api     *s3.Client
	refused error    // why the settings cannot be used; they are asked once
	secrets []string // what no error may show
}

// requestsMost is how many windows are fetched beside each other: more would not
// be faster on one machine's network, and makes stores ask to slow down.
const requestsMost = 64

// New makes a client. Nothing is read or connected yet.
func New(o Options) *Client {
	if o.Attempts == 0 {
		o.Attempts = 8
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	return &Client{Options: o, turn: make(chan struct{}, requestsMost)}
}

// Bucket returns a bucket by its name. Whether it is there shows when it is used.
func (c *Client) Bucket(ctx context.Context, name string) (*Bucket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api == nil && c.refused == nil {
		if err := c.connect(ctx); ctx.Err() != nil {
			return nil, ctx.Err()
		} else if err != nil {
			c.refused = &Fault{words: err.Error(), kind: ErrSettings}
		}
	}
	if c.refused != nil {
		return nil, c.refused
	}
	return &Bucket{Name: name, api: c.api, client: c}, nil
}

// styleVariable says how buckets are addressed; the SDK has no setting for it.
const styleVariable = "AWS_S3_ADDRESSING_STYLE"

// connect reads the settings.
func (c *Client) connect(ctx context.Context) error {
	style := os.Getenv(styleVariable)
	if style != "" && style != "path" && style != "virtual" && style != "auto" {
		return fmt.Errorf("%s is %q; set it to path or virtual, or leave it out", styleVariable, style)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(c.connections()), config.WithLogger(logging.Nop{}))
	if err != nil {
		return settingsFault(err)
	}
	// Asked for here, missing credentials are an error of their own and not the end
	// of a chain about some request.
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return credentialsFault(err)
	}
	for _, secret := range []string{credentials.AccessKeyID, credentials.SecretAccessKey, credentials.SessionToken} {
		if secret != "" {
			c.secrets = append(c.secrets, secret)
		}
	}
	var region string
	api := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if own := o.BaseEndpoint != nil; own {
			// Servers of one's own are seldom found by bucket.host, and have no regions.
			o.UsePathStyle = style != "virtual"
			if o.Region == "" {
				o.Region = "us-east-1"
			}
		} else {
			o.UsePathStyle = style == "path"
		}
		o.Retryer = aws.NopRetryer{} // attempt.go decides what is tried again.
		o.DisableLogOutputChecksumValidationSkipped = true
		region = o.Region
	})
	if region == "" {
		return errors.New("no AWS region is set; set AWS_REGION, or region in the profile")
	}
	if endpoint := api.Options().BaseEndpoint; endpoint != nil && !strings.HasPrefix(*endpoint, "http://") && !strings.HasPrefix(*endpoint, "https://") {
		return errors.New("the endpoint of S3 (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL) does not begin with http:// or https://; write it with one of them")
	}
	c.api = api
	return nil
}

// connections is the HTTP client: as the SDK makes it, with room for the requests
// that run beside each other.
func (c *Client) connections() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 4*requestsMost, requestsMost
		t.ResponseHeaderTimeout = c.Stall
		t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	})
}
