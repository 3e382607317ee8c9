package store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
)

// What callers branch on.
var (
	// ErrNotFound is that no object lies there.
	ErrNotFound = errors.New("it is not there")
	// ErrChanged is that an object is not the one that was found, or that a condition
	// of a request did not hold.
	ErrChanged = errors.New("it was changed while it was being read; run again")
	// ErrSettings is that the settings of AWS cannot be used, for whichever object.
	ErrSettings = errors.New("the AWS settings cannot be used")
)

// errRefused is that a server would not do what was asked.
var errRefused = errors.New("it is refused")

// Fault is an error of the store as one sentence without secrets. Its cause is
// dropped on purpose: what SDKs and servers write names requests, and may quote
// what was sent.
type Fault struct {
	words string
	kind  error // ErrNotFound, ErrChanged, ErrSettings, or nil
}

// Error is the sentence.
func (f *Fault) Error() string { return f.words }

// Unwrap is the kind of the fault.
func (f *Fault) Unwrap() error { return f.kind }

// fault makes a sentence of an error after so many attempts.
func (b *Bucket) fault(err error, attempts int) error {
	if kind := kindOf(err); kind != nil {
		return kind
	}
	words := b.words(err)
	if attempts > 1 {
		words += fmt.Sprintf(" (%d attempts)", attempts)
	}
	fault := &Fault{words: b.client.discreet(words)}
	if status := statusOf(err); status == http.StatusForbidden || status == http.StatusBadRequest || status == http.StatusMovedPermanently {
		fault.kind = errRefused
	}
	return fault
}

// kindOf is what a caller branches on, nil if it is nothing of that.
func kindOf(err error) error {
	code := codeOf(err)
	switch status := statusOf(err); {
	case errors.Is(err, ErrChanged), code == "PreconditionFailed", status == http.StatusPreconditionFailed, status == http.StatusRequestedRangeNotSatisfiable:
		return ErrChanged
	case code == "NoSuchBucket", code == "XAdminUserNotFound":
		return nil
	case code == "NoSuchKey", status == http.StatusNotFound:
		return ErrNotFound
	}
	return nil
}

// codeOf is the name that the protocol gives to an error.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// statusOf is the status of the answer, 0 if there was none.
func statusOf(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// refusals are the codes that have a mend.
var refusals = map[string]string{
	"InvalidAccessKeyId":    "its server does not know the access key; check AWS_ACCESS_KEY_ID or the profile",
	"XAdminUserNotFound":    "its server does not know the access key; check AWS_ACCESS_KEY_ID or the profile",
	"SignatureDoesNotMatch": "the secret key does not fit the access key; check AWS_SECRET_ACCESS_KEY or the profile",
	"ExpiredToken":          "the session has expired; log in again, or renew AWS_SESSION_TOKEN",
	"TokenRefreshRequired":  "the session has expired; log in again, or renew AWS_SESSION_TOKEN",
	"InvalidToken":          "the session token is not valid; log in again, or renew AWS_SESSION_TOKEN",
	"InvalidObjectState":    "it lies in an archive and must be restored before it can be read",
	"NotImplemented":        "its server does not know a part of the protocol that is needed",
}

// words says what went wrong.
func (b *Bucket) words(err error) string {
	code, status := codeOf(err), statusOf(err)
	if words, known := refusals[code]; known {
		return words
	}
	switch {
	case code == "NoSuchBucket":
		return fmt.Sprintf("there is no bucket %s", b.Name)
	case code == "RequestTimeTooSkewed":
		return skewed(err)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "MovedPermanently", code == "TemporaryRedirect", status == http.StatusMovedPermanently, status == http.StatusBadRequest && regionOf(err) != "":
		return elsewhere(b.Name, regionOf(err))
	case code == "AccessDenied", status == http.StatusForbidden:
		return fmt.Sprintf("access is denied; the credentials may not do this in bucket %s (they need s3:ListBucket on it to list, s3:GetObject to read, s3:PutObject to write)", b.Name)
	case code == "SlowDown", status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return "its server asks to slow down; run again later"
	case errors.Is(err, errStalled):
		return fmt.Sprintf("nothing came over the connection for %s; check the network, and run again", b.client.Stall)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "its answers are cut off; check the network, and run again"
	case garbled(err):
		return "its server answers what cannot be understood; check that the endpoint is one of S3"
	case status >= http.StatusInternalServerError:
		return fmt.Sprintf("its server failed with status %d; run again later", status)
	}
	return spoken(err)
}

// skewed names both clocks where they are known.
func skewed(err error) string {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Header.Get("Date") != "" {
		theirs := answer.Response.Header.Get("Date")
		if r := answer.Response.Request; r != nil && r.Header.Get("X-Amz-Date") != "" {
			return fmt.Sprintf("this machine's clock is wrong: it says %s, and the server's says %s; set it right", r.Header.Get("X-Amz-Date"), theirs)
		}
		return fmt.Sprintf("this machine's clock is wrong; the server's says %s; set it right", theirs)
	}
	return "this machine's clock differs too much from the server's; set it right"
}

// regionOf is the region that a server says a bucket is in.
func regionOf(err error) string {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}

func elsewhere(bucket, region string) string {
	if region == "" {
		return fmt.Sprintf("bucket %s is in another region; set AWS_REGION to it", bucket)
	}
	return fmt.Sprintf("bucket %s is in the region %s; set AWS_REGION=%s", bucket, region, region)
}

// spoken is what an error that has no sentence of its own says of itself: the
// server's words, or the connection's.
func spoken(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		if m := api.ErrorMessage(); m != "" {
			return fmt.Sprintf("its server refuses: %s (%s)", strings.TrimSuffix(m, "."), api.ErrorCode())
		}
		return fmt.Sprintf("its server refuses (%s)", api.ErrorCode())
	}
	if status := statusOf(err); status > 0 {
		return fmt.Sprintf("its server refuses with status %d", status)
	}
	return unreached(err)
}

// unreached says why there was no answer.
func unreached(err error) string {
	var name *net.DNSError
	if errors.As(err, &name) {
		return fmt.Sprintf("host %s is not known; check AWS_ENDPOINT_URL and the network", name.Name)
	}
	var in *url.Error // Names the whole address, with its query.
	if errors.As(err, &in) && errors.Is(in.Err, io.EOF) {
		return "its server ends connections without an answer; run again later"
	}
	if errors.As(err, &in) {
		return fmt.Sprintf("its server cannot be reached: %v", in.Err)
	}
	var broken *bodyError
	if errors.As(err, &broken) {
		return fmt.Sprintf("the connection broke: %v", broken.error)
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return unreached(operation.Err)
	}
	return err.Error()
}

// isChecksum reports whether the SDK found that bytes are not those that were
// stored. Its error has no type that could be asked for.
func isChecksum(err error) bool { return strings.Contains(err.Error(), "checksum did not match") }

// discreet takes out of a text what is secret (B3).
func (c *Client) discreet(words string) string {
	for _, secret := range c.secrets {
		words = strings.ReplaceAll(words, secret, "***")
	}
	return words
}

// settingsFault is what is wrong with the settings of AWS.
func settingsFault(err error) error {
	var profile config.SharedConfigProfileNotExistError
	if errors.As(err, &profile) {
		return &Fault{words: fmt.Sprintf("no AWS profile is called %s; check AWS_PROFILE", profile.Profile)}
	}
	var file config.SharedConfigLoadError
	if errors.As(err, &file) {
		return &Fault{words: fmt.Sprintf("the AWS settings in %s cannot be read", file.Filename)}
	}
	return &Fault{words: "the AWS settings cannot be used; check the variables AWS_… and the files in ~/.aws"}
}

// credentialsFault is why there are no credentials.
func credentialsFault(err error) error {
	var session *ssocreds.InvalidTokenError
	if errors.As(err, &session) {
		return &Fault{words: "the SSO session has expired; run aws sso login"}
	}
	return &Fault{words: "no AWS credentials were found that can be used; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"}
}
