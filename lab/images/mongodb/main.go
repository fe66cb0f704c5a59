// The mongodb of drover's lab: FerretDB 1.24, embedded, with its SQLite backend.
// It speaks MongoDB's wire protocol on port 27017 and keeps its data in /data/db.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	check := flag.Bool("healthcheck", false, "ask the server in this container whether it answers, and exit 0 or 1")
	flag.Parse()

	dir := env("MONGO_DATA_DIR", "/data/db")
	listen := env("MONGO_LISTEN", "0.0.0.0:27017")

	var err error
	if *check {
		err = ping(listen)
	} else {
		err = serve(dir, listen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mongodb:", err)
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func serve(dir, listen string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := writable(dir); err != nil {
		return fmt.Errorf("the data directory %s cannot be written: %w", dir, err)
	}

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	// synchronous(full): a write is answered only when it is on disk.
	uri := url.URL{Scheme: "file", OmitHost: true, Path: dir + "/", RawQuery: "_pragma=synchronous(full)"}
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: listen},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: uri.String(),
	})
	if err != nil {
		return fmt.Errorf("cannot start on %s with data in %s: %w", listen, dir, err)
	}
	fmt.Printf("mongodb: started, FerretDB 1.24.0 with SQLite, listening on %s, data in %s\n", listen, dir)

	done := make(chan struct{})
	go func() {
		<-ctx.Done()
		hangUp(listen, done)
	}()
	began := time.Now()
	err = db.Run(ctx)
	close(done)
	fmt.Printf("mongodb: stopped after %s\n", time.Since(began).Round(time.Millisecond))
	return err
}

// writable makes a file in dir and returns why that failed.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// hangUp ends the clients' connections when the server stops. FerretDB gives
// connected clients three seconds to leave, which drivers, with their pools,
// never use. Shutting down the reading side only means that a request being
// served is still finished and answered; the server then sees the end of the
// input and closes the connection. It repeats until the server is done, for a
// connection accepted at the last moment.
func hangUp(listen string, done <-chan struct{}) {
	_, p, err := net.SplitHostPort(listen)
	if err != nil {
		return
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return
	}
	for {
		// File descriptors are given out lowest first, so a long row of
		// unused ones is the end of them.
		for fd, unused := 0, 0; unused < 1024; fd++ {
			got, err := localPort(fd)
			if errors.Is(err, syscall.EBADF) {
				unused++
				continue
			}
			unused = 0
			// The only sockets of this process on that port are the
			// listener (being closed already) and its connections.
			if err == nil && got == port {
				_ = syscall.Shutdown(fd, syscall.SHUT_RD)
			}
		}
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func localPort(fd int) (int, error) {
	a, err := syscall.Getsockname(fd)
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return a.Port, nil
	case *syscall.SockaddrInet6:
		return a.Port, nil
	}
	return 0, err
}

// ping sends the "ping" command and wants an answer to it.
func ping(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), 3*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))

	doc := "\x10ping\x00\x01\x00\x00\x00" + "\x02$db\x00\x06\x00\x00\x00admin\x00" + "\x00"
	le := binary.LittleEndian
	msg := le.AppendUint32(nil, uint32(16+4+1+4+len(doc))) // whole length
	msg = le.AppendUint32(msg, 1)                          // request id
	msg = le.AppendUint32(msg, 0)                          // in answer to
	msg = le.AppendUint32(msg, 2013)                       // OP_MSG
	msg = le.AppendUint32(msg, 0)                          // flags
	msg = append(msg, 0)                                   // one document
	msg = le.AppendUint32(msg, uint32(4+len(doc)))
	if _, err := c.Write(append(msg, doc...)); err != nil {
		return err
	}

	head := make([]byte, 16)
	if _, err := io.ReadFull(c, head); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if le.Uint32(head[8:]) != 1 || le.Uint32(head[12:]) != 2013 {
		return errors.New("the answer is not to the ping")
	}
	return nil
}
