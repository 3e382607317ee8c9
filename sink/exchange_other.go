//go:build !linux && !darwin

package sink

import "errors"

// exchange is what this system cannot do in one stroke.
func exchange(string, string) error { return errors.ErrUnsupported }
