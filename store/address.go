package store

import (
	"errors"
	"fmt"
	"strings"
)

// Address names an object, or what the keys of some objects begin with.
type Address struct{ Bucket, Key string }

// Scheme is what every address begins with.
const Scheme = "s3://"

// Is reports whether a path is an address of an object and none of this machine.
func Is(path string) bool {
	return len(path) >= len(Scheme) && strings.EqualFold(path[:len(Scheme)], Scheme)
}

// errCredentials is told without the address, which would show what is secret.
var errCredentials = errors.New("an address that begins with s3:// has an @ before its key; credentials do not belong into an address: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and write s3://BUCKET/KEY")

// Parse reads an address. Its errors name the address, but where it may hold
// something secret.
func Parse(text string) (Address, error) {
	if !Is(text) {
		return Address{}, fmt.Errorf("%s is no address of an object; write s3://BUCKET/KEY", text)
	}
	bucket, key, _ := strings.Cut(text[len(Scheme):], "/")
	switch wrong := strings.Trim(bucket, bucketLetters); {
	case strings.Contains(bucket, "@"):
		return Address{}, errCredentials
	case bucket == "":
		return Address{}, fmt.Errorf("%s names no bucket; write s3://BUCKET/KEY", text)
	case strings.ContainsAny(bucket, "*?["):
		return Address{}, fmt.Errorf("%s has a pattern for its bucket; write the bucket's name, patterns may follow it", text)
	case wrong != "":
		return Address{}, fmt.Errorf("%s has %q in its bucket's name, which has letters, digits, dots and hyphens; write s3://BUCKET/KEY", text, wrong[:1])
	}
	return Address{Bucket: bucket, Key: key}, nil
}

// bucketLetters is what the names of buckets are made of, those of old ones too.
const bucketLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// String is the address as it is written.
func (a Address) String() string { return Scheme + a.Bucket + "/" + a.Key }
