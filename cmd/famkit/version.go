package main

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"famkit/internal/engine"
)

// version is set by the linker in releases.
var version = "0.1.0-dev"

type versionInfo struct {
	Schema   int          `json:"schema"`
	Version  string       `json:"version"`
	Commit   string       `json:"commit,omitempty"`
	Go       string       `json:"go"`
	Platform string       `json:"platform"`
	Engines  []engineInfo `json:"engines"`
}

type engineInfo struct {
	Name   string `json:"name"`
	Usable bool   `json:"usable"`
	About  string `json:"about,omitempty"`
}

func versionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print version, platform and the engines that run here",
		Description: "Lists each compute engine with the kernels it chose, or why it cannot run here." + exitStatus,
		Action: func(*cli.Context) error {
			v := versionInfo{Schema: 1, Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Commit = s.Value
					}
				}
			}
			for _, c := range engine.Candidates() {
				s, about := c.Score()
				v.Engines = append(v.Engines, engineInfo{c.Name, s > 0, about})
			}
			return u.answer(v, func(w io.Writer) { printVersion(w, v) })
		},
	}
}

func printVersion(w io.Writer, v versionInfo) {
	say(w, "famkit %s", v.Version)
	if v.Commit != "" {
		say(w, " (%.12s)", v.Commit)
	}
	say(w, ", %s, %s\n", v.Go, v.Platform)
	for _, e := range v.Engines {
		state := "ready"
		if !e.Usable {
			state = "cannot run here"
		}
		say(w, "engine %-5s %s: %s\n", e.Name, state, e.About)
	}
}
