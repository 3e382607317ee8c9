package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Condition is what must lie under a key for a write to it to succeed: the content
// with an ETag, Absent, or Anything.
type Condition string

// The conditions that are no ETags.
const (
	Anything Condition = ""
	Absent   Condition = "*"
)

// If is the condition that an object is still as it was found.
func If(o Object) Condition { return Condition(o.ETag) }

// headers are the two that say it.
func (c Condition) headers() (match, noneMatch *string) {
	switch c {
	case Anything:
		return nil, nil
	case Absent:
		return nil, aws.String("*")
	}
	return aws.String(`"` + string(c) + `"`), nil
}

// ErrRaced is the error of a write whose condition does not hold: somebody else
// has written the object meanwhile.
var ErrRaced = errors.New("somebody else wrote it meanwhile")

// ErrUnconditional is the error of a write with a condition to a server that knows
// no conditions and says so. Others ignore them without a word.
var ErrUnconditional = errors.New("its server knows no conditional writes")

// markName is the metadata that tells one write from another: an answer that is
// lost leaves open whether the write came about, and its second attempt then fails
// on the first.
const markName = "timeseam-write"

func newMark() map[string]string { return map[string]string{markName: rand.Text()} }

// Put writes a small object, whole, if a condition holds, and returns its ETag.
func (b *Bucket) Put(ctx context.Context, key string, data []byte, when Condition) (etag string, err error) {
	mark := newMark()
	match, none := when.headers()
	err = b.send(ctx, data, func(ctx context.Context, body io.Reader) error {
		out, err := b.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: body, Metadata: mark, IfMatch: match, IfNoneMatch: none})
		if err == nil {
			etag = unquoted(out.ETag)
		}
		return err
	})
	return b.settled(ctx, written{key, mark, etag}, err)
}

// written is a write that was tried.
type written struct {
	key  string
	mark map[string]string
	etag string // of an answer that came
}

// settled finds out how a write ended that was not answered well: it may have come
// about all the same, and a conflict may be one with its own first attempt.
func (b *Bucket) settled(ctx context.Context, w written, err error) (string, error) {
	if err == nil || ctx.Err() != nil {
		return w.etag, err
	}
	var out *s3.HeadObjectOutput
	asked := b.attempt(ctx, func(ctx context.Context) (err error) {
		out, err = b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &w.key})
		return err
	})
	if asked == nil && out.Metadata[markName] == w.mark[markName] {
		return unquoted(out.ETag), nil
	}
	return "", err
}

// conflictsMost is how often a write is tried again that met another in progress,
// which may be its own first attempt.
const conflictsMost = 3

// send makes a request that carries data, as often as it may be. A connection that
// takes the data is heard of, however slowly it does.
func (b *Bucket) send(ctx context.Context, data []byte, request func(context.Context, io.Reader) error) error {
	conflicts := 0
	for t := (tries{bucket: b}); ; {
		w := watch(ctx, b.client.Stall)
		err := w.reason(request(w.ctx, &outgoing{bytes.NewReader(data), w}))
		w.stop()
		if err == nil || errors.Is(err, ErrRaced) {
			return err
		}
		switch status := statusOf(err); {
		case status == http.StatusPreconditionFailed:
			return ErrRaced
		case status == http.StatusNotImplemented:
			return ErrUnconditional
		case status == http.StatusConflict:
			if conflicts++; conflicts > conflictsMost {
				return ErrRaced
			}
			err = errConflict
		}
		if err := t.next(ctx, err); err != nil {
			return err
		}
	}
}

// errConflict is an answer that another write is in progress.
var errConflict = &bodyError{errors.New("another write to it is in progress")}

// outgoing is data on its way.
type outgoing struct {
	*bytes.Reader
	watched *watched
}

// Read hands more of it to the connection.
func (o *outgoing) Read(p []byte) (int, error) {
	o.watched.heard()
	return o.Reader.Read(p)
}

// WriteTo is not to go around Read.
func (o *outgoing) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{o}) }

// Delete removes an object. One that is not there is removed already.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	return b.attempt(ctx, func(ctx context.Context) error {
		_, err := b.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key})
		return err
	})
}

// Level lists the objects directly under a prefix that is empty or ends with a
// slash, and the folders there, whose names end with one.
func (b *Bucket) Level(ctx context.Context, prefix string) (objects []Object, folders []string, err error) {
	err = b.pages(ctx, prefix, "/", func(page *s3.ListObjectsV2Output) bool {
		for i := range page.Contents {
			o := &page.Contents[i]
			objects = append(objects, Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ETag: unquoted(o.ETag), Modified: aws.ToTime(o.LastModified)})
		}
		for i := range page.CommonPrefixes {
			folders = append(folders, aws.ToString(page.CommonPrefixes[i].Prefix))
		}
		return true
	})
	return objects, folders, err
}
