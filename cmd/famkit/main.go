// Command famkit grows small safetensors language models into larger ones that compute the same
// function, proves it, and trains the family.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// commands in the order in which help lists them: one line for each file that defines one.
var commands = []func(*ui) *cli.Command{
	inspectCommand,
	convertCommand,
	expandCommand,
	verifyCommand,
	trainCommand,
	tokenizerCommand,
	logitsCommand,
	versionCommand,
	docsCommand,
}

// run is the whole program without the process: arguments in, exit code out.
func run(args []string, out, errw io.Writer) int {
	ctx, stop := signalContext(errw)
	defer stop()
	u := newUI(out, errw)
	app := newApp(u)
	if end := slices.Index(args, "--"); slices.Contains(args[:max(end, 0)], "--json") || end < 0 && slices.Contains(args, "--json") {
		u.jsonAsked = true
	}
	err := app.RunContext(ctx, reorder(app, args))
	return u.exit(ctx, err)
}

func newApp(u *ui) *cli.App {
	app := &cli.App{
		Name:                      "famkit",
		Usage:                     "grow, prove and train families of language models",
		UsageText:                 "famkit COMMAND SRC [DST] [flags]",
		Description:               appDescription,
		HideVersion:               true,
		HideHelpCommand:           true,
		Writer:                    u.out,
		ErrWriter:                 u.err,
		DisableSliceFlagSeparator: true, // a path may hold a comma
		UseShortOptionHandling:    false,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		CommandNotFound:           nil,
		Flags:                     []cli.Flag{cli.HelpFlag}, // cli adds it only where there is no help command
		Action:                    func(c *cli.Context) error { return rootAction(u, c) },
	}
	for _, build := range commands {
		app.Commands = append(app.Commands, prepare(u, build(u)))
	}
	app.Commands = append(app.Commands, prepare(u, helpCommand(u, app)))
	return app
}

// prepare gives a command and its subcommands what all have in common.
func prepare(u *ui, c *cli.Command) *cli.Command {
	c.HideHelpCommand = true
	c.OnUsageError = usageError
	if c.Action != nil {
		c.Flags = append(c.Flags,
			&cli.BoolFlag{Name: "json", Usage: "print the answer as JSON, errors too", Destination: &u.json},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing on standard error but errors", Destination: &u.quiet},
		)
	}
	for _, sub := range c.Subcommands {
		prepare(u, sub)
	}
	return c
}

func usageError(c *cli.Context, err error, _ bool) error {
	name := "famkit"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "famkit" {
		name += " " + c.Command.Name
	}
	return fault.Hint(fault.Usagef("%w", err), "%s --help", name)
}

func rootAction(u *ui, c *cli.Context) error {
	if c.NArg() == 0 {
		return cli.ShowAppHelp(c)
	}
	return fault.Hint(fault.Usagef("no command %q", c.Args().First()), "famkit --help lists the commands")
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ sig syscall.Signal }

func (e signalError) Error() string { return "stopped by " + e.sig.String() }

// signalContext is cancelled by the first SIGINT or SIGTERM; the second one ends the process at once.
func signalContext(errw io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			s, ok := <-ch
			if !ok {
				return
			}
			sig := s.(syscall.Signal)
			if n > 0 {
				_, _ = fmt.Fprintln(errw, "famkit: stopped at once")
				os.Exit(128 + int(sig))
			}
			cancel(signalError{sig})
		}
	}()
	return ctx, func() { signal.Stop(ch); close(ch); cancel(nil) }
}

// exitCode maps an error to the process's exit code.
func exitCode(ctx context.Context, err error) int {
	var sig signalError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &sig), errors.As(context.Cause(ctx), &sig):
		return 128 + int(sig.sig)
	}
	return int(fault.KindOf(err))
}
