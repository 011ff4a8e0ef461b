// Simulate lets bad phones loose on a server and checks that nothing is lost.
// It is a tool for whoever works on the server, apart from the product.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"gridpatrol/simulate"
)

// Exit statuses.
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2
	exitViolated = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := command{stdout: stdout, stderr: stderr}
	exit := -1
	parser, err := newParser(&c, func(status int) { exit = status })
	if err == nil {
		_, err = parser.Parse(args)
	}
	switch {
	case exit >= 0:
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "simulate: %v\nRun simulate --help to see what there is.\n", err)
		return exitUsage
	}
	err = c.run(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, simulate.ErrViolated):
		fmt.Fprintln(stderr, "simulate:", err)
		return exitViolated
	}
	fmt.Fprintln(stderr, "simulate:", err)
	return exitError
}

func newParser(c *command, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("simulate"),
		kong.Description("Lets bad phones loose on a server and checks that nothing is lost. Exit status 3 means that a promise was broken."),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(exit),
		kong.DefaultEnvars("GRIDPATROL"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
}
