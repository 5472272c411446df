// Command timed runs a command and adds one line to a table: label, wall seconds, peak resident MiB, exit code.
//
//	timed -o table.tsv -label "expand depth 2x" bin/famkit expand a b --depth 2x
//
// A measuring program of little memory of its own matters: Linux carries the peak of the process that
// starts a command over into the command's own figure, so a large parent (Python with torch) would be seen in it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	label := flag.String("label", "", "what to call the row")
	table := flag.String("o", "", "append the row to `FILE`; without it the row goes to standard error")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "timed: no command given")
		os.Exit(2)
	}
	code, row := measure(*label, flag.Args())
	if err := write(*table, row); err != nil {
		fmt.Fprintln(os.Stderr, "timed:", err)
		os.Exit(4)
	}
	os.Exit(code)
}

// measure runs the command on this process's streams and gives its exit code and its row.
func measure(label string, argv []string) (int, string) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start).Seconds()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "timed:", err)
		return 127, fmt.Sprintf("%s\t%.2f\t0\t127\n", label, wall)
	}
	var rss int64
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rss = u.Maxrss / 1024 // kilobytes on Linux
	}
	code := cmd.ProcessState.ExitCode()
	if code < 0 {
		code = 128
	}
	return code, fmt.Sprintf("%s\t%.3f\t%d\t%d\n", label, wall, rss, code)
}

func write(table, row string) error {
	if table == "" {
		_, err := fmt.Fprint(os.Stderr, row)
		return err
	}
	f, err := os.OpenFile(table, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(row)
	return errors.Join(err, f.Close())
}
