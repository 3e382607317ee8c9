package shelf

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Journal is how far a run has come, for another process to go on from: records,
// each whole or not there, beside the file of a shelf that holds everything. It may
// be used from several goroutines.
type Journal struct {
	lock    sync.Mutex
	dir     string
	file    *os.File
	records [][]byte
}

const (
	journalName = "journal"
	pieceName   = "pieces"
	recordHead  = 8 // bytes: length and sum
	recordMost  = 1 << 30
)

// Open opens a folder that an earlier run may have left, and returns a shelf that
// keeps nothing in memory and the journal beside it. What a run of another identity
// left there is thrown away, and found is false.
func Open(dir string, identity []byte) (s *Shelf, j *Journal, found bool, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, nil, false, err
	}
	j = &Journal{dir: dir}
	if j.file, err = os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, nil, false, err
	}
	if err := j.read(); err != nil {
		return nil, nil, false, errors.Join(err, j.file.Close())
	}
	found = len(j.records) > 0 && bytes.Equal(j.records[0], identity)
	flags := os.O_RDWR | os.O_CREATE
	if !found {
		j.records, flags = nil, flags|os.O_TRUNC
		if err := j.restart(identity); err != nil {
			return nil, nil, false, errors.Join(err, j.file.Close())
		}
	}
	j.records = j.records[1:]
	f, err := os.OpenFile(filepath.Join(dir, pieceName), flags, 0o666)
	if err != nil {
		return nil, nil, false, errors.Join(err, j.file.Close())
	}
	s = New(-1, func() (File, error) { return f, nil })
	s.sums, s.file = true, f
	s.begin.Do(func() {}) // the file is there
	end, err := f.Seek(0, io.SeekEnd)
	s.end.Store((end + 7) &^ 7)
	return s, j, found, err
}

// restart empties the journal but for its first record.
func (j *Journal) restart(identity []byte) error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return j.Append(identity)
}

// read reads all records that are whole; the file is cut behind them.
func (j *Journal) read() error {
	b, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	at := 0
	for len(b)-at >= recordHead {
		n, sum := int(binary.LittleEndian.Uint32(b[at:])), binary.LittleEndian.Uint32(b[at+4:])
		if n > recordMost || n > len(b)-at-recordHead || crc32.Checksum(b[at+recordHead:at+recordHead+n], castagnoli) != sum {
			break
		}
		j.records = append(j.records, b[at+recordHead:at+recordHead+n])
		at += recordHead + n
	}
	if err := j.file.Truncate(int64(at)); err != nil {
		return err
	}
	_, err = j.file.Seek(int64(at), io.SeekStart)
	return err
}

// Records are those of the run that is taken up, in their order.
func (j *Journal) Records() [][]byte { return j.records }

// Append adds a record. A process that is killed leaves it whole or not at all.
func (j *Journal) Append(record []byte) error {
	j.lock.Lock()
	defer j.lock.Unlock()
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(record)))
	b = append(binary.LittleEndian.AppendUint32(b, crc32.Checksum(record, castagnoli)), record...)
	if _, err := j.file.Write(b); err != nil {
		return fmt.Errorf("write down how far the run has come: %w", err)
	}
	if len(j.records) == 0 {
		j.records = append(j.records, record)
	}
	return nil
}

// Close closes the journal, and removes it with its folder where the run is over
// and nobody will go on from it. The shelf is closed before.
func (j *Journal) Close(over bool) error {
	err := j.file.Close()
	if over {
		err = errors.Join(err, os.RemoveAll(j.dir))
	}
	return err
}

// whole is what another process needs to know of a stored piece.
type whole struct {
	Starts []int32
	At     []int64
	Shape  shape
	Sum    uint32
}

// GobEncode writes where a piece lies in the file. One in memory cannot be written.
func (k Stored) GobEncode() ([]byte, error) {
	if k.at == nil && len(k.starts) > 0 {
		return nil, errors.New("shelf: a piece in memory is lost with its process")
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(whole{k.starts, k.at, k.shape, k.sum})
	return b.Bytes(), err
}

// GobDecode reads what GobEncode wrote.
func (k *Stored) GobDecode(b []byte) error {
	var w whole
	err := gob.NewDecoder(bytes.NewReader(b)).Decode(&w)
	*k = Stored{starts: w.Starts, at: w.At, shape: w.Shape, sum: w.Sum}
	return err
}

// Holds reports whether the file still has a piece as it was written. A machine that
// lost power may have kept a record and lost what it tells of.
func (s *Shelf) Holds(k *Stored) bool {
	if len(k.at) == 0 {
		return true
	}
	b := make([]byte, k.at[len(k.at)-1]-k.at[0])
	if _, err := s.file.ReadAt(b, k.at[0]); err != nil {
		return false
	}
	return crc32.Checksum(b, castagnoli) == k.sum
}
