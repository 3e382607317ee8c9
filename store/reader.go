package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Reader reads one object as it was found (B1). It holds no connection, and may be
// used from several goroutines.
type Reader struct {
	bucket *Bucket
	object Object
}

// Reader reads an object that Stat or List found.
func (b *Bucket) Reader(o Object) *Reader { return &Reader{bucket: b, object: o} }

// Object is what is read.
func (r *Reader) Object() Object { return r.object }

// ReadAt fills p with the bytes from a place on, in one request where nothing
// fails, and in further ones for what is left where something does.
func (r *Reader) ReadAt(ctx context.Context, p []byte, at int64) error {
	if at < 0 || at+int64(len(p)) > r.object.Size {
		return fmt.Errorf("it has %d bytes, and bytes %d to %d were asked for", r.object.Size, at, at+int64(len(p)))
	}
	select {
	case r.bucket.client.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.bucket.client.turn }()
	t := tries{bucket: r.bucket}
	for done := 0; done < len(p); {
		n, err := r.once(ctx, p[done:], at+int64(done))
		if done += n; err == nil {
			continue
		}
		if err := t.next(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// once is one attempt to fill p.
func (r *Reader) once(ctx context.Context, p []byte, at int64) (n int, err error) {
	body, err := r.get(ctx, at, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return fill(body, p)
}

// fill reads p and the end behind it, where checksums are compared. The last bytes
// may come together with the word that they are wrong, which io.ReadFull drops.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
	}
	var more [1]byte
	for k := 0; err == nil && k == 0; {
		if k, err = r.Read(more[:]); k > 0 {
			return 0, ErrChanged
		}
	}
	switch {
	case err != io.EOF:
		return min(n, len(p)-1), err // What has a wrong checksum is not whole.
	case n < len(p):
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// Stream reads an object from its front to its end. A cut in between is gone on
// with where it was (B2). The first request asks for so many bytes at most, for
// those who may want the beginning alone; the one after them asks for all others.
func (r *Reader) Stream(ctx context.Context, first int64) io.ReadCloser {
	return &stream{ctx: ctx, r: r, until: min(max(first, 1), r.object.Size), tries: tries{bucket: r.bucket}}
}

// stream is an object as a flow of bytes.
type stream struct {
	ctx   context.Context // of the one reading that this is, as of a request
	r     *Reader
	at    int64
	until int64         // where the request ends that is open, or is to be made
	body  io.ReadCloser // nil: no request is open
	tries tries
	since int64 // bytes that came since the last failure
	err   error
}

// progress is how many bytes without a failure make up for those before: a long
// object may meet more of them than a short one.
const progress = 8 << 20

// Read reads on.
func (s *stream) Read(p []byte) (n int, err error) {
	for n == 0 && s.err == nil && len(p) > 0 {
		if s.at == s.until && !s.turn() {
			break
		}
		var failed error
		if s.body == nil {
			s.body, failed = s.r.get(s.ctx, s.at, s.until-s.at)
		}
		if failed == nil {
			n, failed = s.body.Read(p[:min(int64(len(p)), s.until-s.at)])
			s.at, s.since = s.at+int64(n), s.since+int64(n)
		}
		if failed == io.EOF && s.at < s.until {
			failed = io.ErrUnexpectedEOF
		}
		if failed != nil && failed != io.EOF {
			s.again(failed)
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}

// turn goes from a request that was read to its end to the next, and reports
// whether there is one.
func (s *stream) turn() bool {
	if s.err = s.end(); s.err == nil && s.at == s.r.object.Size {
		s.err = io.EOF
	}
	s.until = s.r.object.Size
	return s.err == nil
}

// again drops the request that failed, and waits for the next.
func (s *stream) again(failed error) {
	s.drop()
	if s.since >= progress {
		s.tries.failed = 0
	}
	s.since = 0
	s.err = s.tries.next(s.ctx, failed)
}

// end reads the end of the answer, where its checksum is compared.
func (s *stream) end() error {
	if s.body == nil {
		return nil
	}
	defer s.drop()
	var more [1]byte
	switch n, err := s.body.Read(more[:]); {
	case n > 0:
		return ErrChanged
	case errors.Is(err, errChecksum):
		return s.r.bucket.fault(err, 1)
	}
	return nil // All bytes came; how the connection ends does not matter.
}

func (s *stream) drop() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// Close ends the request that is open.
func (s *stream) Close() error {
	s.drop()
	if s.err == nil {
		s.err = errors.New("the object is closed")
	}
	return nil
}

// get makes one request for n bytes from a place on, and makes sure that the
// answer is about them (B1).
func (r *Reader) get(ctx context.Context, at, n int64) (io.ReadCloser, error) {
	o := &r.object
	in := &s3.GetObjectInput{Bucket: &r.bucket.Name, Key: &o.Key}
	if o.ETag != "" {
		in.IfMatch = aws.String(`"` + o.ETag + `"`)
	}
	whole := at == 0 && n == o.Size
	if whole {
		in.ChecksumMode = types.ChecksumModeEnabled
	} else {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", at, at+n-1))
	}
	w := watch(ctx, r.bucket.client.Stall)
	out, err := r.bucket.api.GetObject(w.ctx, in, func(o *s3.Options) {
		if !whole { // Some servers send the checksum of the whole object with a part of it.
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	})
	if err != nil {
		err = w.reason(err)
		w.stop()
		return nil, err
	}
	if err := r.same(out, at, n, whole); err != nil {
		out.Body.Close()
		w.stop()
		return nil, err
	}
	return &body{ReadCloser: out.Body, watched: w}, nil
}

// same makes sure that an answer is of the object that was found, and of the bytes
// that were asked for.
func (r *Reader) same(out *s3.GetObjectOutput, at, n int64, whole bool) error {
	o := &r.object
	if tag := unquoted(out.ETag); o.ETag != "" && tag != o.ETag {
		return ErrChanged
	}
	// Files that were put under a server by hand have no ETag.
	if at := aws.ToTime(out.LastModified); o.ETag == "" && !at.IsZero() && at.Unix() != o.Modified.Unix() {
		return ErrChanged
	}
	if whole {
		if aws.ToInt64(out.ContentLength) > o.Size {
			return ErrChanged
		}
		return nil // An answer that is shorter was cut on its way (B2).
	}
	var from, to, size int64
	if _, err := fmt.Sscanf(aws.ToString(out.ContentRange), "bytes %d-%d/%d", &from, &to, &size); err != nil {
		return errors.New("its server answers with other bytes than were asked for (no Content-Range); it does not do what S3 does")
	}
	if size != o.Size {
		return ErrChanged
	}
	if from != at || to != at+n-1 {
		return errors.New("its server answers with other bytes than were asked for; it does not do what S3 does")
	}
	return nil
}

// body is what an answer brings, given up where nothing more comes.
type body struct {
	io.ReadCloser
	*watched
}

// errChecksum is an answer whose bytes are not those that were stored.
var errChecksum = errors.New("its bytes do not have the checksum that they were stored with")

// Read reads on. Its errors are the connection's, but for the end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.heard()
	}
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case isChecksum(err):
		return n, errChecksum
	}
	return n, &bodyError{b.reason(err)}
}

// Close gives the connection back, or ends it where bytes were left.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.stop()
	return err
}
