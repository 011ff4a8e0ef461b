// Command ferretdb serves the Mongo protocol from SQLite files. The tests of
// the Mongo engine run it where no real server is to be had.
//
// It prints its address and serves. If its standard input is a pipe, it ends
// with it, so that it doesn't outlive whoever started it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	data := flag.String("data", "", "folder for the databases; without one, they are gone at the end")
	flag.Parse()
	if err := run(*listen, *data); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, data string) error {
	if data == "" {
		folder, err := os.MkdirTemp("", "ferretdb-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		data = folder
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	f, err := ferretdb.New(&ferretdb.Config{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 4})),
		Handler: "sqlite",
		// What was answered survives the death of this process; surviving a
		// power cut would cost a flush to the disk per statement.
		SQLiteURL: "file:" + data + "/?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)&_txlock=immediate",
		Listener:  ferretdb.ListenerConfig{TCP: listen},
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if in, err := os.Stdin.Stat(); err == nil && in.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			defer stop()
			// However the input ends, that is the sign.
			_, _ = io.Copy(io.Discard, os.Stdin)
		}()
	}
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	go addIndexes(ctx, data)
	fmt.Println(f.MongoDBURI())
	return <-done
}
