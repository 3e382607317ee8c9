//go:build unix

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/timeseam/timeseam/store/storetest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// checkpoints are the files of a folder's checkpoints, in order.
func (o *siege) checkpoints(dir string) []string {
	o.Helper()
	all, err := filepath.Glob(filepath.Join(o.dir, dir, "*", "*.checkpoint"))
	if err != nil {
		o.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// saves has a daemon write so many checkpoints more.
func (d *daemon) saves(n int) {
	d.o.Helper()
	for range n {
		was := d.o.checkpoints(d.saved)
		d.o.write(5)
		until(d.o.T, "another checkpoint", func() bool {
			now := d.o.checkpoints(d.saved)
			return len(now) > 0 && (len(was) == 0 || now[len(now)-1] != was[len(was)-1])
		})
	}
}

// ends waits until a daemon has ended by itself, as one that failed, with some words.
func (d *daemon) ends(words ...string) {
	d.o.Helper()
	d.until(d.o.T, append([]string{"timeseam: "}, words...)...)
	if <-d.ended; exitCode(d.err) != exitFailed {
		d.o.Errorf("the daemon ended with %v", d.err)
	}
}

// TestProcessFollowTorn damages the newest checkpoint, takes it away, and takes away all.
// What is damaged is refused with the reason and never replaced in silence; a daemon that is
// told to begins with the one before, and the next needs no flag.
func TestProcessFollowTorn(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"cut":   func(path string) error { return os.Truncate(path, 700) },
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"flipped": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 0xff
			return os.WriteFile(path, b, 0o666)
		},
		"missing": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newSiege(t, *killSeed+20)
			d := o.follow("saved")
			d.saves(2)
			d.kill()
			all := o.checkpoints("saved")
			newest := all[len(all)-1]
			if err := harm(newest); err != nil {
				t.Fatal(err)
			}
			if name != "missing" {
				o.begin("saved").ends(filepath.Base(newest), "it is damaged", "--from-checkpoint previous")
				d = o.follow("saved", "--from-checkpoint", "previous")
				d.rests()
				d.saves(1)
				d.kill()
			}
			d = o.follow("saved")
			d.rests()
			d.kill()
			if err := os.RemoveAll(filepath.Join(o.dir, "saved")); err != nil {
				t.Fatal(err)
			}
			o.same(o.follow("saved"))
		})
	}
}

// limited is a daemon that no file may be larger for than so many blocks of 512 bytes.
func (o *siege) limited(saved string, blocks int) *daemon {
	o.Helper()
	of := o.begin("none") // for its arguments
	of.kill()
	args := slices.Clone(of.Args[1:])
	args[slices.Index(args, "none")] = saved
	c := exec.CommandContext(o.Context(), "sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks), "timeseam"}, args...)...)
	c.Env, c.Dir = append(os.Environ(), "PATH="+programDir(o.T)+":"+os.Getenv("PATH")), o.dir
	return o.started(saved, c)
}

// TestProcessFollowFull has the disk take no more: of checkpoints, which the daemon tells
// and outlives; and of dead letters, without which it does not go on.
func TestProcessFollowFull(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+30)
	d := o.follow("saved")
	d.saves(1)
	d.kill()
	was := o.checkpoints("saved")
	d = o.limited("saved", 3)
	d.serves()
	o.write(10)
	d.until(t, "a checkpoint could not be written", "file too large")
	d.rests()
	if now := o.checkpoints("saved"); !slices.Equal(now, was) {
		t.Errorf("there are %v, and were %v", now, was)
	}
	o.bury(strings.Repeat("x", 5000))
	d.ends("dead letters ", "dead.jsonl: file too large")
	o.write(10)
	o.same(o.follow("saved"))
}

// TestProcessFollowStore has the store of checkpoints fail in every way that is known, for
// one of three requests, and the daemon killed amid it.
func TestProcessFollowStore(t *testing.T) {
	objects := storetest.Serve(t)
	storetest.Before(t, objects.URL, storetest.Schedule{Seed: *killSeed, Rate: 0.2})
	o := newSiege(t, *killSeed+40)
	const saved = "s3://" + storetest.Bucket + "/saved"
	for range 3 {
		d := o.follow(saved)
		o.write(20)
		d.rests()
		o.write(20)
		d.kill()
	}
	d := o.follow(saved)
	d.rests()
	d.stop()
	o.same(o.follow(saved))
}

// gate is what all brokers listen behind: shut, it ends every connection, old and new.
type gate struct {
	net.Listener
	*gateState
}

type gateState struct {
	mu      sync.Mutex
	shut    bool
	open    map[net.Conn]bool
	refused int
}

// listen listens behind the gate.
func (g *gateState) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &gate{l, g}, err
}

// Accept takes those who come while it is open.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if !g.shut {
			g.gateState.open[c] = true
			g.mu.Unlock()
			return c, nil
		}
		g.refused++
		g.mu.Unlock()
		c.Close()
	}
}

// set shuts the gate, or opens it.
func (g *gateState) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.refused = shut, 0
	for c := range g.open {
		c.Close()
	}
	clear(g.open)
}

// sent is how many were sent away since it was shut.
func (g *gateState) sent() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// TestProcessFollowBrokers has partitions move from broker to broker, a broker die and
// come back, connections break, and all brokers be away, also as the daemon begins.
func TestProcessFollowBrokers(t *testing.T) {
	t.Parallel()
	g := &gateState{open: map[net.Conn]bool{}}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ListenFn(g.listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	o := newSiegeAt(&site{t, cluster, t.TempDir()}, *killSeed+50)
	d := o.follow("saved")
	for k := range int32(4) {
		for p := range int32(splitPartitions) {
			if err := cluster.MoveTopicPartition("tx", p, (p+k)%3); err != nil {
				t.Fatal(err)
			}
			o.write(3)
		}
	}
	d.rests()
	_, port, err := net.SplitHostPort(cluster.ListenAddrs()[1])
	if err != nil {
		t.Fatal(err)
	}
	at, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.RemoveNode(1); err != nil {
		t.Fatal(err)
	}
	g.set(false) // which ends the connections to it
	o.write(20)
	d.rests()
	if _, _, err := cluster.AddNode(1, at); err != nil {
		t.Fatal(err)
	}
	o.write(20)
	d.rests()
	for _, killed := range []bool{false, true} {
		g.set(true)
		if killed {
			d.kill()
			d = o.begin("saved")
		}
		until(t, "the daemon to come in vain", func() bool { return g.sent() > 0 })
		g.set(false)
		if killed { // One that finds no broker as it begins may have ended by itself.
			d.kill()
			d = o.follow("saved")
		}
		o.write(20)
		d.rests()
	}
	o.same(d)
}

// TestProcessFollow2099 has an event of another century among the others: it moves no
// watermark, and no value of before.
func TestProcessFollow2099(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+60)
	d := o.follow("saved")
	far := entry{id: 1 << 30, account: "a", amount: 1 << 40, at: 4_070_908_800_000_000, partition: 0}
	o.send(far)
	o.write(20)
	d.rests()
	r, err := http.Get(d.url + "/features/all?account=a&as_of=2026-01-02T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if at := r.Header.Get("Timeseam-Watermark"); r.StatusCode != http.StatusOK || !strings.HasPrefix(at, "2026-01-01") {
		t.Errorf("%d, with the watermark at %q", r.StatusCode, at)
	}
	d.saves(1)
	d.kill()
	far.partition = 1
	o.send(far) // again
	o.same(o.follow("saved"))
}

// TestProcessFollowAgain has all events be sent again, in any order and to any partition:
// by their ids they are the same, and every value is.
func TestProcessFollowAgain(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+70)
	d := o.follow("saved")
	d.rests()
	all := slices.Clone(o.events)
	o.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, e := range all {
		e.partition = o.random.Int32N(splitPartitions)
		o.send(e)
		if i == len(all)/2 {
			d.kill()
			d = o.follow("saved")
		}
	}
	d.rests()
	if a, b := o.noted[0].said, o.noted[1].said; a != b {
		t.Errorf("before the daemon said\n%s\nand after\n%s", a, b)
	}
	o.same(d)
}

// TestProcessFollowFlood has thousands of values come that nobody can read, among a few that can
// be, and the daemon killed amid them.
func TestProcessFollowFlood(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+80)
	d := o.follow("saved")
	for range 3 {
		for k := range 700 {
			o.bury(strings.Repeat("flood ", 1+k%100))
		}
		o.write(5)
		d.kill()
		d = o.follow("saved")
		d.saves(1)
	}
	d.rests()
	o.same(d)
}
