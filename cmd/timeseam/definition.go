package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
)

// definitionMax is the largest definition that is read.
const definitionMax = 1 << 20

// readDefinition reads and loads a definition. What is wrong with the file is a
// fault like any other.
func readDefinition(path string) (*features.Definition, error) {
	text, fault := readText(path)
	if fault != nil {
		fault.File = path
		return nil, event.Faults{*fault}
	}
	return features.Load(path, text)
}

func readText(path string) ([]byte, *event.Fault) {
	info, err := os.Stat(path) // A pipe must not be opened: that waits for its writer.
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, absent(path)
	case err != nil:
		return nil, unreadable(err)
	case info.IsDir():
		return nil, &event.Fault{Problem: "this is a directory", Mend: "name the definition in it"}
	case !info.Mode().IsRegular():
		return nil, &event.Fault{Problem: "this is no regular file", Mend: "write the definition to one and name that"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, definitionMax+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(text) > definitionMax {
		return nil, &event.Fault{Problem: "the definition is larger than 1 MiB", Mend: "cut it into several"}
	}
	return text, nil
}

// absent is the fault of a file that is not there, with the one that may be meant.
func absent(path string) *event.Fault {
	f := &event.Fault{Problem: "there is no such file"}
	if near := sources.NearestFile(path); near != "" {
		f.Mend = "did you mean " + near + "?"
	}
	return f
}

// unreadable is why the operating system gives no definition.
func unreadable(err error) *event.Fault {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return &event.Fault{Problem: "the definition cannot be read: " + err.Error()}
}
