package store

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The parts of an upload. A store takes 10,000 at most, and holds an object of
// 50 TiB at most. So parts are small at first, as two of them are in memory (B5), and
// double after every thousand: 1,000 of 8 MiB are 7.8 GiB, 2,000 23 GiB.
const (
	PartBytes = 8 << 20
	partsEach = 1000
	partsMost = 10_000
)

// PartSize is the size of part number n, from 1. It depends on nothing else, so
// that equal objects have equal ETags.
func PartSize(n int) int { return PartBytes << ((n - 1) / partsEach) }

// Upload makes one object of the bytes that are written to it. Nothing of it is
// visible before Commit. One goroutine uses it.
type Upload struct {
	ctx    context.Context // of the one writing that this is
	bucket *Bucket
	key    string
	mark   map[string]string
	id     string // "": nothing was sent yet

	filling, spare []byte
	sent           chan error // of the part on its way; nil: none is
	parts          []types.CompletedPart
	err            error // the first, which is final
}

// Upload begins an object. The context holds until Commit or Abort.
func (b *Bucket) Upload(ctx context.Context, key string) *Upload {
	return &Upload{ctx: ctx, bucket: b, key: key, mark: newMark()}
}

// Write takes more bytes, and sends a part when it is full, while the next fills.
func (u *Upload) Write(p []byte) (n int, err error) {
	for len(p) > 0 && u.err == nil {
		room := PartSize(len(u.parts)+1) - len(u.filling)
		take := min(room, len(p))
		u.filling = append(u.filling, p[:take]...)
		n, p = n+take, p[take:]
		if take == room {
			u.err = u.flush()
		}
	}
	return n, u.err
}

// flush sends what was gathered as a part, once the one before has arrived.
func (u *Upload) flush() error {
	if err := u.arrived(); err != nil {
		return err
	}
	if len(u.parts) == partsMost {
		return errors.New("it would have more than 10,000 parts, and a store takes no more; write a folder with --file-size")
	}
	if u.id == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	number := int32(len(u.parts) + 1)
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &number})
	data, part := u.filling, &u.parts[number-1]
	u.filling, u.spare = u.spare[:0], data
	if size := PartSize(len(u.parts) + 1); cap(u.filling) < size {
		u.filling = make([]byte, 0, size)
	}
	u.sent = make(chan error, 1)
	go func(sent chan<- error) { sent <- u.send(part, data) }(u.sent)
	return nil
}

// begin asks for an upload.
func (u *Upload) begin() error {
	return u.bucket.attempt(u.ctx, func(ctx context.Context) error {
		out, err := u.bucket.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &u.bucket.Name, Key: &u.key, Metadata: u.mark, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err == nil {
			u.id = aws.ToString(out.UploadId)
		}
		return err
	})
}

// send sends one part.
func (u *Upload) send(part *types.CompletedPart, data []byte) error {
	err := u.bucket.send(u.ctx, data, func(ctx context.Context, body io.Reader) error {
		out, err := u.bucket.api.UploadPart(ctx, &s3.UploadPartInput{Bucket: &u.bucket.Name, Key: &u.key, UploadId: &u.id,
			PartNumber: part.PartNumber, Body: body, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if statusOf(err) == http.StatusNotFound {
			return ErrRaced
		}
		if err == nil {
			part.ETag, part.ChecksumCRC32 = out.ETag, out.ChecksumCRC32
		}
		return err
	})
	return err
}

// arrived waits for the part on its way.
func (u *Upload) arrived() error {
	if u.sent == nil {
		return nil
	}
	err := <-u.sent
	u.sent = nil
	return err
}

// Finish sends what is left, so that only Commit is wanting. An object of less than
// a part is kept and sent by Commit.
func (u *Upload) Finish() error {
	if u.err == nil && u.id != "" && len(u.filling) > 0 {
		u.err = u.flush()
	}
	if err := u.arrived(); u.err == nil {
		u.err = err
	}
	if u.id != "" {
		u.filling, u.spare = nil, nil
	}
	return u.err
}

// Commit makes the object visible if a condition holds, and returns its ETag.
func (u *Upload) Commit(ctx context.Context, when Condition) (etag string, err error) {
	if err := u.Finish(); err != nil {
		return "", err
	}
	if u.id == "" {
		return u.bucket.Put(ctx, u.key, u.filling, when)
	}
	match, none := when.headers()
	err = u.bucket.send(ctx, nil, func(ctx context.Context, _ io.Reader) error {
		out, err := u.bucket.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &u.bucket.Name, Key: &u.key, UploadId: &u.id,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts}, IfMatch: match, IfNoneMatch: none})
		if statusOf(err) == http.StatusNotFound {
			return ErrRaced // The upload is gone: completed by a first attempt, or ended by another run.
		}
		if err == nil {
			etag = unquoted(out.ETag)
		}
		return err
	})
	if err == nil {
		err = u.mine(ctx)
	} else {
		etag, err = u.bucket.settled(ctx, written{u.key, u.mark, etag}, err)
	}
	if err == nil {
		u.id = ""
	}
	return etag, err
}

// mine returns ErrRaced if what lies under the key is not what this upload made: some
// servers say of an upload that another run ended that it succeeded, if there is an
// object. Who may not look, or cannot, has the answer to the upload alone.
func (u *Upload) mine(ctx context.Context) error {
	var out *s3.HeadObjectOutput
	err := u.bucket.attempt(ctx, func(ctx context.Context) (err error) {
		out, err = u.bucket.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.bucket.Name, Key: &u.key})
		return err
	})
	if errors.Is(err, ErrNotFound) || err == nil && out.Metadata[markName] != u.mark[markName] {
		return ErrRaced
	}
	return nil
}

// Pending is the upload as others see it, if it was begun.
func (u *Upload) Pending() Pending { return Pending{u.key, u.id} }

// Abort ends an upload that is not to be committed. It may be called at any time,
// and more than once.
func (u *Upload) Abort(ctx context.Context) error {
	u.arrived()
	if u.err == nil {
		u.err = errors.New("the upload is closed")
	}
	u.filling, u.spare = nil, nil
	if u.id == "" {
		return nil
	}
	err := u.bucket.AbortUpload(ctx, Pending{u.key, u.id})
	if err == nil {
		u.id = ""
	}
	return err
}

// Pending is an upload that has neither been committed nor aborted.
type Pending struct{ Key, ID string }

// Pending lists the uploads under way to keys that begin with a prefix.
func (b *Bucket) Pending(ctx context.Context, prefix string) (all []Pending, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &b.Name, Prefix: &prefix}
	for {
		var page *s3.ListMultipartUploadsOutput
		err := b.attempt(ctx, func(ctx context.Context) (err error) {
			page, err = b.api.ListMultipartUploads(ctx, in)
			return err
		})
		if errors.Is(err, ErrNotFound) {
			return all, nil // Some servers say so where there is none.
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Uploads {
			all = append(all, Pending{aws.ToString(page.Uploads[i].Key), aws.ToString(page.Uploads[i].UploadId)})
		}
		if !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextKeyMarker) == "" {
			return all, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

// AbortUpload ends an upload. One that is not there has ended already.
func (b *Bucket) AbortUpload(ctx context.Context, p Pending) error {
	return b.attempt(ctx, func(ctx context.Context) error {
		_, err := b.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.Name, Key: &p.Key, UploadId: &p.ID})
		if statusOf(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
}

// MayWrite begins an upload to a key and ends it at once: who may not write finds
// out before the work is done.
func (b *Bucket) MayWrite(ctx context.Context, key string) error {
	u := b.Upload(ctx, key)
	if err := u.begin(); err != nil {
		return err
	}
	return u.Abort(ctx)
}
