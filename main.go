// Gridpatrol is the backend of a district's air inspections: phones fill
// checklists offline and sync them through it without losing anything.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"gridpatrol/cli"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, cli.Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	})
}
