package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bucket is one bucket, as a client sees it.
type Bucket struct {
	Name   string
	api    *s3.Client
	client *Client
}

// Object is what lies under a key, as it was when it was found.
type Object struct {
	Key      string
	Size     int64
	ETag     string // without quotes: one for each content
	Modified time.Time
}

// Address names an object of the bucket.
func (b *Bucket) Address(key string) Address { return Address{Bucket: b.Name, Key: key} }

// Stat finds one object. ErrNotFound: there is none, or no such bucket, which the
// protocol does not tell apart here.
func (b *Bucket) Stat(ctx context.Context, key string) (Object, error) {
	var out *s3.HeadObjectOutput
	err := b.attempt(ctx, func(ctx context.Context) (err error) {
		out, err = b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &key})
		return err
	})
	if errors.Is(err, errRefused) {
		// The answer to a question for the head of an object has no words; a list's has.
		if err := b.pages(ctx, key, "/", func(*s3.ListObjectsV2Output) bool { return false }); err != nil {
			return Object{}, err
		}
	}
	if err != nil {
		return Object{}, err
	}
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: unquoted(out.ETag), Modified: aws.ToTime(out.LastModified)}, nil
}

// List returns all objects whose keys begin with a prefix, in the order of their
// keys' bytes.
func (b *Bucket) List(ctx context.Context, prefix string) (all []Object, err error) {
	err = b.pages(ctx, prefix, "", func(page *s3.ListObjectsV2Output) bool {
		for i := range page.Contents {
			o := &page.Contents[i]
			all = append(all, Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ETag: unquoted(o.ETag), Modified: aws.ToTime(o.LastModified)})
		}
		return true
	})
	return all, err
}

// Beside returns what stands directly under a prefix that is empty or ends with a
// slash, up to a thousand names: those of objects, and of folders with a slash
// behind. It is for hints, and no list of what is there.
func (b *Bucket) Beside(ctx context.Context, prefix string) (names []string, err error) {
	err = b.pages(ctx, prefix, "/", func(page *s3.ListObjectsV2Output) bool {
		for i := range page.Contents {
			names = append(names, strings.TrimPrefix(aws.ToString(page.Contents[i].Key), prefix))
		}
		for i := range page.CommonPrefixes {
			names = append(names, strings.TrimPrefix(aws.ToString(page.CommonPrefixes[i].Prefix), prefix))
		}
		return false
	})
	return names, err
}

// pages calls take with each page of a list until it wants no more.
func (b *Bucket) pages(ctx context.Context, prefix, delimiter string, take func(*s3.ListObjectsV2Output) bool) error {
	in := &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &prefix}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	for {
		var page *s3.ListObjectsV2Output
		err := b.attempt(ctx, func(ctx context.Context) (err error) {
			page, err = b.api.ListObjectsV2(ctx, in)
			return err
		})
		if err != nil {
			return err
		}
		if !take(page) || !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextContinuationToken) == "" {
			return nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// unquoted is an ETag without the quotes around it, which not all servers write.
func unquoted(tag *string) string { return strings.Trim(aws.ToString(tag), `"`) }
