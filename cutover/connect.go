package cutover

import (
	"fmt"
	"strconv"
	"strings"
)

// Named is what the name of a file says that a sink of Kafka Connect wrote: TOPIC,
// PARTITION and the offset of its first record, joined by +, as in
// transactions+3+0000041200.parquet. (Confluent's S3 sink, "Object names".)
type Named struct {
	Topic     string
	Partition int32
	Start     int64
}

// ParseName reads the name of a file, without its folders; false: it is none of a
// sink's.
func ParseName(name string) (Named, bool) {
	rest, last, ok := cutLast(name, '+')
	topic, partition, ok2 := cutLast(rest, '+')
	if !ok || !ok2 || topic == "" {
		return Named{}, false
	}
	offset, _, ok := strings.Cut(last, ".")
	p, err := strconv.ParseInt(partition, 10, 32)
	start, err2 := strconv.ParseInt(offset, 10, 64)
	if !ok || err != nil || err2 != nil || p < 0 || start < 0 || partition[0] == '-' || offset[0] == '-' {
		return Named{}, false
	}
	return Named{topic, int32(p), start}, true
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// NextByName is where the stream goes on after files that a sink of Kafka Connect
// wrote: in each partition where its last file begins. That file is left out, as
// nobody but its writer knows the offset of its last record. leave says which are.
// nil: some file is not so named. The error names a file of another topic.
func NextByName(topic string, files []string) (next map[int32]int64, leave []bool, err error) {
	next, leave = map[int32]int64{}, make([]bool, len(files))
	names := make([]Named, len(files))
	for i, f := range files {
		n, ok := ParseName(f)
		if !ok {
			return nil, nil, nil
		}
		if n.Topic != topic {
			return nil, nil, fmt.Errorf("file %s is of topic %s by its name, and the stream of %s; name the history of that topic alone", f, n.Topic, topic)
		}
		names[i] = n
		next[n.Partition] = max(next[n.Partition], n.Start)
	}
	for i, n := range names {
		leave[i] = n.Start == next[n.Partition]
	}
	return next, leave, nil
}
