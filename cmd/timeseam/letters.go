package main

import (
	"fmt"
	"sync"

	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/sink"
)

// letterLogs are the files of dead letters of a daemon. A definition that catches up
// beside the one before writes to the same.
type letterLogs struct {
	mu   sync.Mutex
	open map[string]*letterLog
}

// letterLog is one of them, under a lock of all who use it.
type letterLog struct {
	*kafka.LetterLog
	of     *letterLogs
	path   string
	users  int
	unlock func() error
}

// take goes on with a file, which no other process writes until all who took it have
// closed it.
func (l *letterLogs) take(path string) (*letterLog, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if log := l.open[path]; log != nil {
		log.users++
		return log, nil
	}
	unlock, err := sink.Lock(path + letterLock)
	if err != nil {
		return nil, fmt.Errorf("dead letters %s: %w", path, err)
	}
	log := &letterLog{of: l, path: path, users: 1, unlock: unlock}
	if log.LetterLog, err = kafka.OpenLetterLog(path); err != nil {
		unlock()
		return nil, err
	}
	if l.open == nil {
		l.open = map[string]*letterLog{}
	}
	l.open[path] = log
	return log, nil
}

// Close lets go of the file once all have.
func (l *letterLog) Close() error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.users--; l.users > 0 {
		return nil
	}
	delete(l.of.open, l.path)
	defer l.unlock()
	return l.LetterLog.Close()
}
