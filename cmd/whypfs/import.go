package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/importv1"
	"github.com/whypfs/whypfs/node"
)

func (c *cli) importCommand() *cobra.Command {
	var user string
	var opt importv1.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import-v1 SOURCE",
		Short: "take over users, contents, collections and deals of an Estuary V1 node",
		Long: `Takes over what an Estuary V1 node knew. SOURCE is its SQLite file, its
PostgreSQL database as postgres://USER@HOST/DATABASE (the password is best left
to PGPASSFILE), or a JSON file that V1's /user/export answered, with --user.

Run it again to go on after an interruption, or to take what has come since:
nothing is taken twice. See docs/moving.md.`,
		Args: nArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if isPostgres(args[0]) {
				return nil
			}
			// A running node, which reads the file, has a working directory of its own.
			abs, err := filepath.Abs(args[0])
			if err == nil {
				c.paths = map[string]string{args[0]: abs}
			}
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&user, "user", "", "whose an export is: the name of a user here")
	fs.StringSliceVar(&opt.Origins, "origin", nil, "multiaddr, with /p2p/, of a node that has the data; repeatable")
	fs.BoolVar(&opt.Failed, "failed", false, "try those contents, too, that V1 had failed to get")
	fs.BoolVar(&opt.DryRun, "dry-run", false, "write nothing, tell what would be done")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		if err := node.CheckPeerAddrs(opt.Origins); err != nil {
			return usageError{fmt.Errorf("--origin: %w", err)}
		}
		src, err := a.openV1(ctx, args[0], user)
		if err != nil {
			return err
		}
		defer src.Close()
		if !asJSON {
			opt.Told = func(r importv1.Report) {
				fmt.Fprintf(out, "%d users, %d contents, %d collections, %d deals read\n", r.Users.Read, r.Contents.Read, r.Collections.Read, r.Deals.Read)
			}
		}
		report, err := a.importer().Import(ctx, src, opt)
		if asJSON {
			printErr := printJSON(out, report)
			return firstError(err, printErr)
		}
		return firstError(err, report.Print(out))
	})
	return cmd
}

// firstError is the one of two errors that came first.
func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func isPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")
}

// openV1 opens what is to be imported, by what it is.
func (a *app) openV1(ctx context.Context, source, user string) (*importv1.Source, error) {
	if isPostgres(source) {
		return importv1.OpenPostgres(ctx, source)
	}
	text, err := beginsLikeJSON(source)
	switch {
	case err != nil:
		return nil, err
	case !text && user != "":
		return nil, usageError{fmt.Errorf("--user is for an export: a database says whose everything is")}
	case !text:
		return importv1.OpenSQLite(ctx, source)
	case user == "":
		return nil, usageError{fmt.Errorf("an export does not say whose it is: add --user NAME")}
	}
	u, err := a.accounts.UserByName(ctx, user)
	if err != nil {
		return nil, err
	}
	return importv1.OpenExport(source, u.ID)
}

func beginsLikeJSON(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if n == 0 {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	return strings.HasPrefix(strings.TrimSpace(string(head[:n])), "{"), nil
}

func (a *app) importer() *importv1.Importer {
	return &importv1.Importer{Accounts: a.accounts, Buckets: a.buckets, Collections: a.collections, Deals: a.deals}
}
