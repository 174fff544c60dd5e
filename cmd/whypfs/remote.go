package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/client"
)

// remote is what the commands share that talk to a host over HTTP.
type remote struct {
	cli      *cli
	host     string
	json     bool
	tries    int
	jobs     int
	noVerify bool
	copies   int
	progress string

	out, errs io.Writer
	bar       *bar
}

// The two kinds of commands, as the help tells them apart.
const (
	groupNode   = "node"
	groupRemote = "remote"
)

// grouped puts commands into the groups of the help.
func grouped(id string, cmds ...*cobra.Command) []*cobra.Command {
	for _, cmd := range cmds {
		cmd.GroupID = id
	}
	return cmds
}

func (c *cli) remoteCommands() []*cobra.Command {
	return []*cobra.Command{c.loginCommand(), c.logoutCommand(), c.hostCommand(), c.putCommand(), c.syncCommand(),
		c.getCommand(), c.lsCommand(), c.shareCommand(), c.statusCommand(), c.rmCommand()}
}

// remoteCommand is a command that runs act on a host. It never runs inside a
// node, on behalf of whoever reaches its socket: it reads and writes files.
func (c *cli) remoteCommand(use, short string, args cobra.PositionalArgs, act func(ctx context.Context, r *remote, args []string) error) (*cobra.Command, *remote) {
	r := &remote{cli: c}
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if c.live != nil {
			return usageError{fmt.Errorf("%s does not run inside a node", cmd.CommandPath())}
		}
		if err := c.cfg.load(cmd.Flags(), os.LookupEnv); err != nil {
			return usageError{err}
		}
		if r.progress != "auto" && r.progress != "on" && r.progress != "off" {
			return usageError{fmt.Errorf("--progress: %q is not auto, on or off", r.progress)}
		}
		r.out, r.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
		r.bar = newBar(r.errs, r.progress)
		err := act(cmd.Context(), r, args)
		r.bar.end()
		return r.fault(err)
	}
	r.flags(cmd.Flags())
	return cmd, r
}

func (r *remote) flags(fs *pflag.FlagSet) {
	fs.StringVar(&r.host, "host", "", "name of the host, as whypfs host ls has it; default: the one of the last login")
	fs.BoolVar(&r.json, "json", false, "print JSON")
	fs.IntVar(&r.tries, "tries", 8, "how often a request is sent that may yet succeed")
	fs.StringVar(&r.progress, "progress", "auto", "a progress bar: on, off, or auto, which is on for a terminal")
}

// transferFlags declares what commands take that move files.
func (r *remote) transferFlags(fs *pflag.FlagSet) {
	fs.IntVar(&r.jobs, "jobs", 4, "files at once")
	fs.BoolVar(&r.noVerify, "no-verify", false, "believe the host where its bytes cannot be compared with their CID")
}

// uploadFlags are those of transfers, and of uploads alone.
func (r *remote) uploadFlags(fs *pflag.FlagSet) {
	r.transferFlags(fs)
	fs.IntVar(&r.copies, "copies", 0, "how many deals each upload gets; 0: as many as the host makes")
}

// fault gives an error the exit code that docs/client.md has for it.
func (r *remote) fault(err error) error {
	if err == nil {
		return nil
	}
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; the same command goes on")
	}
	fmt.Fprintf(r.errs, "whypfs: %v\n", err)
	return exitCode(client.ExitCode(err))
}

func (r *remote) options() client.Options {
	return client.Options{
		Tries: r.tries, Jobs: r.jobs, NoVerify: r.noVerify, Version: version, Copies: r.copies, Progress: r.bar.add,
		Retry: func(err error, wait time.Duration) {
			r.bar.say(fmt.Sprintf("whypfs: %v; again in %v\n", err, wait.Round(time.Second/10)))
		},
	}
}

// clientDir is where hosts and what uploads have come to are kept.
func clientDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("folder of the hosts: %w", err)
	}
	return filepath.Join(dir, "whypfs"), nil
}

func openBook() (*client.Book, error) {
	dir, err := clientDir()
	if err != nil {
		return nil, err
	}
	return client.OpenBook(dir)
}

// open returns the client of the host that was asked for.
func (r *remote) open() (*client.Client, error) {
	book, err := openBook()
	if err != nil {
		return nil, err
	}
	h, err := book.Host(r.host)
	if err != nil {
		return nil, err
	}
	return client.New(h, r.options()), nil
}

// show prints v as JSON, or else what text writes.
func (r *remote) show(v any, text func(w io.Writer) error) error {
	r.bar.end()
	if r.json {
		return printJSON(r.out, v)
	}
	return text(r.out)
}

// showList is show of a list, never null.
func showList[T any](r *remote, list []T, head []string, cells func(T) []any) error {
	return r.show(append([]T{}, list...), func(w io.Writer) error {
		t := newTable(head...)
		for _, v := range list {
			t.row(cells(v)...)
		}
		return t.write(w)
	})
}

func maxArgs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}
