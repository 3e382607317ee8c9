package sink

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/timeseam/timeseam/store"
)

// Names of outputs are paths of this machine or addresses in a store. These take
// them apart and put them together; package filepath would spoil an address.

// checkedAddress refuses an address whose key another reader would take for another.
func checkedAddress(p string) (string, error) {
	at, err := store.Parse(p)
	if err != nil {
		return "", fmt.Errorf("output: %w", err)
	}
	key := strings.TrimSuffix(at.Key, "/")
	if key != "" && path.Clean("/"+key) != "/"+key {
		return "", fmt.Errorf("output %s has an empty name, . or .. between slashes; write %s%s%s", p, store.Scheme, at.Bucket, path.Clean("/"+key))
	}
	return at.String(), nil
}

func cleaned(p string) string {
	if store.Is(p) {
		return strings.TrimSuffix(p, "/")
	}
	return filepath.Clean(p)
}

func under(dir, name string) string {
	if store.Is(dir) {
		return dir + "/" + name
	}
	return filepath.Join(dir, name)
}

func parent(p string) string {
	if store.Is(p) {
		return p[:strings.LastIndexByte(p, '/')]
	}
	return filepath.Dir(p)
}

func last(p string) string { return path.Base(filepath.ToSlash(p)) }
