package sink

import (
	"os"

	"golang.org/x/sys/unix"
)

// earlyWrite has the system begin to put bytes of a file on the disk, and waits for
// none: when the file is to be there for good, most of it is. What goes wrong is told
// by Sync.
func earlyWrite(f *os.File, from, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
}
