package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "dev"

// usageError is a mistake in the command line or the configuration: exit 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run executes a command line and returns the exit code of the process.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, &cli{}, args, stdout, stderr)
}

func execute(ctx context.Context, c *cli, args []string, stdout, stderr io.Writer) int {
	root := c.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var forwarded exitCode
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &forwarded):
		return int(forwarded)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "whypfs: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "whypfs: %v\n", err)
	return 1
}

// exitCode is how a command ended that the running node executed for us; its
// output has been printed.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// cli is one command line. With live set it runs inside a node that serves,
// on behalf of another process; otherwise it finds the data itself.
type cli struct {
	live *app
	cfg  config
	// input is what the command reads, of a file or its standard input; the
	// process that was started has read it.
	input []byte
	// before, if not nil, looks at the data that no node serves, before it is
	// opened. There has to be some.
	before func(context.Context, config) error
	// paths are arguments that name files, as a node with another working
	// directory has to read them.
	paths map[string]string
}

func (c *cli) command() *cobra.Command {
	root := &cobra.Command{
		Use:               "whypfs",
		Short:             "S3-compatible storage gateway on IPFS and Filecoin",
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; `whypfs --help` lists them", args[0])}
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", setError(err), cmd.CommandPath())}
	})
	c.cfg.common(root.PersistentFlags())
	root.AddCommand(c.upCommand(), c.authCommand(), c.setupCommand(), c.userCommand(), c.tokenCommand(), c.inviteCommand(), c.auditCommand(), c.keyCommand(), c.bucketCommand(),
		c.zoneCommand(), c.pinCommand(), c.importCommand(), c.dealCommand(), c.providerCommand(), c.retrieveCommand(), c.walletCommand(), c.chainCommand(), c.proofCommand(), c.jobCommand(), c.gcCommand(), c.fsckCommand(), c.scrubCommand(), c.cacheCommand(), c.nameCommand(), c.peerCommand(),
		c.explainCommand(), c.offloadCommand(),
		c.sandboxCommand(), settingsCommand())
	root.AddGroup(&cobra.Group{ID: groupNode, Title: "Commands of a node, which work on its --data:"},
		&cobra.Group{ID: groupRemote, Title: "Commands that talk to a host with Estuary V1's API, this or another, after `whypfs login`:"})
	grouped(groupNode, root.Commands()...)
	root.AddCommand(grouped(groupRemote, c.remoteCommands()...)...)
	return root
}

func settingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "settings",
		Short: "print the reference of all settings (docs/config.md)",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			writeSettings(cmd.OutOrStdout())
			return nil
		},
	}
}

// group is a command that only has subcommands.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; `%s --help` lists them", args[0], cmd.CommandPath())}
			}
			return cmd.Help()
		}}
	g.AddCommand(subs...)
	return g
}

func noArgs(cmd *cobra.Command, args []string) error { return nArgs(0)(cmd, args) }

func nArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}

// action is a command's work on an open node.
type action func(ctx context.Context, a *app, out io.Writer, args []string) error

// on makes a RunE that runs act on the node that serves the data directory,
// or, when none does, on the data itself.
func (c *cli) on(act action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, out := cmd.Context(), cmd.OutOrStdout()
		act := func(ctx context.Context, a *app, out io.Writer, args []string) error {
			if err := fits(cmd, a); err != nil {
				return err
			}
			return act(ctx, a, out, args)
		}
		if c.live != nil {
			return act(ctx, c.live, out, args)
		}
		if err := c.cfg.load(cmd.Flags(), os.LookupEnv); err != nil {
			return usageError{err}
		}
		code, err := forward(ctx, c.cfg.Data, c.line(), c.input, out, cmd.ErrOrStderr())
		if err == nil {
			if code != 0 {
				return exitCode(code)
			}
			return nil
		}
		if !errors.Is(err, errNoNode) {
			return err
		}
		return c.onData(ctx, act, out, args)
	}
}

// line is the command line as a running node has to read it.
func (c *cli) line() []string {
	line := slices.Clone(os.Args[1:])
	for i, arg := range line {
		if path, ok := c.paths[arg]; ok {
			line[i] = path
		}
	}
	return line
}

func (c *cli) onData(ctx context.Context, act action, out io.Writer, args []string) (err error) {
	cfg, err := stored(c.cfg)
	if err != nil {
		return err
	}
	if c.before != nil {
		if _, err := os.Stat(cfg.Data); errors.Is(err, os.ErrNotExist) {
			return usageError{fmt.Errorf("%s: there is no such data directory", cfg.Data)}
		}
	}
	lock, err := lockData(cfg)
	if err != nil {
		return err
	}
	if c.before != nil {
		if err := c.before(ctx, cfg); err != nil {
			return errors.Join(err, lock.Release())
		}
	}
	a, err := openApp(ctx, cfg, slog.New(slog.DiscardHandler), lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return act(ctx, a, out, args)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
