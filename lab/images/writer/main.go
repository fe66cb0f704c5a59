// The writer of drover's lab: it counts, one numbered record after another,
// into DIR/log, and serves over the network the last number that is on disk.
// Tests judge "nothing lost, nothing doubled" by it, so it is kept plain.
//
// A record is one line, "NUMBER BOOT CRC\n": NUMBER is 1, 2, 3 ...; BOOT is the
// random name of the process that wrote it; CRC is the CRC-32 of "NUMBER BOOT".
// A record is acknowledged only after write(2) and then fsync(2) have returned.
//
// BOOT is there because a log whose end was lost and then written again counts
// 1, 2, 3 ... just as well as one that lost nothing. Nothing is served before
// this boot's own first record is on disk, so an answer "last=N boot=B" always
// means: record N was written by boot B. -verify -seen FILE holds it to that.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "/data", "the directory of the log")
	host := flag.String("host", "", "the address to listen on (default all)")
	port := flag.Int("port", 8000, "the HTTP port; the line protocol is on the next, the UDP echo on the one after")
	verifyFile := flag.String("verify", "", "check this log and exit: 0 when it is 1..n, nothing lost, doubled or bad")
	seenFile := flag.String("seen", "", "with -verify: a file of lines \"last=N boot=ID\" that clients were sent; each must be in the log")
	flag.Parse()

	if *verifyFile != "" {
		ok, err := verify(*verifyFile, *seenFile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
		}
		if err != nil || !ok {
			os.Exit(1)
		}
		return
	}
	if err := run(*dir, *host, *port); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

// ---- records ----

type record struct {
	n    uint64
	boot string
}

func (r record) String() string {
	body := fmt.Sprintf("%d %s", r.n, r.boot)
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// parse accepts a line, with its newline, only if it is exactly what String gives.
func parse(line string) (record, bool) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return record{}, false
	}
	n, err := strconv.ParseUint(f[0], 10, 64)
	r := record{n, f[1]}
	return r, err == nil && n > 0 && r.String() == line
}

// scan calls each for every complete line and returns how many bytes those are
// and the rest after the last newline: the record a crash left half written.
func scan(f io.Reader, each func(line string) error) (size int64, torn string, err error) {
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return size, line, nil
		}
		if err != nil {
			return size, "", err
		}
		if err := each(line); err != nil {
			return size, "", err
		}
		size += int64(len(line))
	}
}

// ---- writing ----

type writer struct {
	f     *os.File
	boot  string
	acked atomic.Uint64 // the last number that is on disk
}

// open makes the log ready to be continued. Only a half-written end is cut off;
// if any complete line is not the record that belongs there, it refuses.
func open(dir string) (*writer, error) {
	path := filepath.Join(dir, "log")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s is in use by another writer: %w", path, err)
	}

	last := uint64(0)
	size, torn, err := scan(f, func(line string) error {
		r, ok := parse(line)
		if !ok {
			return fmt.Errorf("%s: the line after record %d is not a record: %.80q", path, last, line)
		}
		if r.n != last+1 {
			return fmt.Errorf("%s: record %d is followed by record %d", path, last, r.n)
		}
		last = r.n
		return nil
	})
	if err != nil {
		return nil, err
	}
	if torn != "" {
		if err := f.Truncate(size); err != nil {
			return nil, err
		}
	}
	// What the last boot wrote but did not live to fsync becomes durable here,
	// and so does the log's name in its directory.
	if err := f.Sync(); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, err
	}

	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	w := &writer{f: f, boot: hex.EncodeToString(id)}
	w.acked.Store(last)
	fmt.Printf("writer: started, boot=%s, continuing after last=%d, cut off a torn end of %d bytes\n", w.boot, last, len(torn))
	return w, nil
}

// next writes one record. After any error the process must end: whether the
// record is on disk is then for the next boot to find out.
func (w *writer) next() error {
	n := w.acked.Load() + 1
	if _, err := w.f.WriteString(record{n, w.boot}.String()); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	w.acked.Store(n)
	return nil
}

func run(dir, host string, port int) error {
	rate, err := strconv.ParseFloat(env("RATE", "50"), 64)
	if err != nil || !(rate >= 0.001 && rate <= 100000) {
		return fmt.Errorf("RATE is records per second, from 0.001 to 100000, not %q", os.Getenv("RATE"))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	w, err := open(dir)
	if err != nil {
		return err
	}
	at := func(n int) string { return net.JoinHostPort(host, strconv.Itoa(port+n)) }
	web, err := net.Listen("tcp", at(0))
	if err != nil {
		return err
	}
	lines, err := net.Listen("tcp", at(1))
	if err != nil {
		return err
	}
	echo, err := net.ListenPacket("udp", at(2))
	if err != nil {
		return err
	}

	// The first record before the first answer: see at the top.
	if err := w.next(); err != nil {
		return err
	}
	go serveHTTP(web, w)
	go serveLines(lines, w)
	go serveEcho(echo)

	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	for {
		select {
		case <-ctx.Done():
			fmt.Printf("writer: stopped, boot=%s, last=%d\n", w.boot, w.acked.Load())
			return nil
		case <-tick.C:
			if err := w.next(); err != nil {
				return err
			}
		}
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// ---- serving ----

func serveHTTP(l net.Listener, w *writer) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain")
		out.Header().Set("Cache-Control", "no-store")
		out.Header().Set("X-Boot", w.boot)
		fmt.Fprintf(out, "%d\n", w.acked.Load())
	})
	s := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second}
	s.SetKeepAlivesEnabled(false) // every question on a connection of its own
	fail(s.Serve(l))
}

func serveLines(l net.Listener, w *writer) {
	for {
		c, err := l.Accept()
		if err != nil {
			fail(err)
		}
		fmt.Fprintf(c, "last=%d boot=%s\n", w.acked.Load(), w.boot)
		c.Close()
	}
}

func serveEcho(c net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			fail(err)
		}
		_, _ = c.WriteTo(buf[:n], from) // a datagram may be lost
	}
}

// fail ends the process: a listener does not break while all is well.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "writer: listening:", err)
	os.Exit(1)
}

// ---- verifying ----

// verify prints "records=N lost=N doubled=N bad=N" and returns whether the log is right.
//
//	records  complete lines
//	doubled  records whose number was there before
//	lost     numbers from 1 to the highest, in the log or sent to a client, that
//	         are not in the log, or are there but from another boot than was sent
//	bad      lines that are no record, and records out of order
//
// A half-written end was never acknowledged: it is mentioned, not counted.
func verify(logFile, seenFile string) (bool, error) {
	f, err := os.Open(logFile)
	if err != nil {
		return false, err
	}
	defer f.Close()

	var records, lost, doubled, bad, prev, top uint64
	boots := map[uint64]string{} // of each number
	_, torn, err := scan(f, func(line string) error {
		records++
		r, ok := parse(line)
		if !ok {
			bad++
			fmt.Fprintf(os.Stderr, "line %d is not a record: %.80q\n", records, line)
			return nil
		}
		if _, again := boots[r.n]; again {
			doubled++
			fmt.Fprintf(os.Stderr, "line %d: record %d again\n", records, r.n)
		} else {
			if r.n < prev {
				bad++
				fmt.Fprintf(os.Stderr, "line %d: record %d comes after record %d\n", records, r.n, prev)
			}
			boots[r.n] = r.boot
		}
		prev = r.n
		top = max(top, r.n)
		return nil
	})
	if err != nil {
		return false, err
	}
	if torn != "" {
		fmt.Fprintf(os.Stderr, "a half-written end of %d bytes, never acknowledged\n", len(torn))
	}

	rewritten := map[uint64]bool{}
	if seenFile != "" {
		s, err := os.Open(seenFile)
		if err != nil {
			return false, err
		}
		defer s.Close()
		said := 0
		_, rest, err := scan(s, func(line string) error {
			said++
			var n uint64
			var boot string
			if _, err := fmt.Sscanf(line, "last=%d boot=%s\n", &n, &boot); err != nil {
				return fmt.Errorf("%s line %d is not \"last=N boot=ID\": %.80q", seenFile, said, line)
			}
			top = max(top, n)
			if has, ok := boots[n]; ok && has != boot {
				rewritten[n] = true
				fmt.Fprintf(os.Stderr, "record %d was acknowledged by boot %s; the log's is by boot %s: lost and written again\n", n, boot, has)
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		if rest != "" || said == 0 {
			return false, fmt.Errorf("%s is empty or ends in the middle of a line", seenFile)
		}
	}
	lost = top - uint64(len(boots)) + uint64(len(rewritten))

	fmt.Printf("records=%d lost=%d doubled=%d bad=%d\n", records, lost, doubled, bad)
	if records == 0 {
		return false, fmt.Errorf("%s has no record, which proves nothing", logFile)
	}
	return lost == 0 && doubled == 0 && bad == 0, nil
}
