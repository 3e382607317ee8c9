package sink

import (
	"errors"

	"golang.org/x/sys/unix"
)

// exchange gives each of two folders the other's name, in one stroke.
func exchange(a, b string) error {
	err := unix.RenamexNp(a, b, unix.RENAME_SWAP)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return errors.ErrUnsupported // by this file system
	}
	return err
}
