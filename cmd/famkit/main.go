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
	evalCommand,
	familyCommand,
	generateCommand,
	tokenizerCommand,
	logitsCommand,
	doctorCommand,
	versionCommand,
	docsCommand,
}

// run is the whole program without the process: arguments in, exit code out.
func run(args []string, out, errw io.Writer) int {
	ctx, stop := signalContext(errw)
	defer stop()
	u := newUI(out, errw)
	app := newApp(u)
	return u.exit(ctx, dispatch(ctx, u, app, args))
}

// dispatch runs what the arguments ask for.
func dispatch(ctx context.Context, u *ui, app *cli.App, args []string) error {
	if words, ok := completionRequest(args); ok {
		complete(u.out, app, words)
		return nil
	}
	l, err := arrange(app, args)
	u.jsonAsked, u.color = l.json, l.color
	switch {
	case err != nil:
		return err
	case l.help, len(l.words) == 0:
		return u.help(app, l.words)
	}
	return app.RunContext(ctx, l.args)
}

func newApp(u *ui) *cli.App {
	app := &cli.App{
		Name:                      "famkit",
		Usage:                     "grow, prove and train families of language models",
		UsageText:                 "famkit COMMAND SRC [DST] [flags]",
		Description:               appDescription,
		HideVersion:               true,
		HideHelp:                  true, // ours knows flags and commands wherever they stand
		Writer:                    u.out,
		ErrWriter:                 u.err,
		DisableSliceFlagSeparator: true, // a path may hold a comma
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Flags: append(commonFlags(u), &cli.BoolFlag{Name: "version", Aliases: []string{"v"},
			Usage: "print version, platform and engines, as famkit version does"}),
	}
	for _, build := range commands {
		app.Commands = append(app.Commands, prepare(u, build(u)))
	}
	app.Commands = append(app.Commands, prepare(u, completionCommand(u)), prepare(u, helpCommand(u, app)))
	return app
}

// prepare gives a command and its subcommands what all have in common.
func prepare(u *ui, c *cli.Command) *cli.Command {
	c.HideHelp = true
	c.OnUsageError = usageError
	c.Flags = append(c.Flags, commonFlags(u)...)
	for _, sub := range c.Subcommands {
		prepare(u, sub)
	}
	return c
}

// usageError keeps what the flag package finds wrong, which arrange has not, an error of usage.
func usageError(_ *cli.Context, err error, _ bool) error { return fault.Usagef("%w", err) }

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
