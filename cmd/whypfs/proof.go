package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/proof"
)

func (c *cli) proofCommand() *cobra.Command {
	return group("proof", "proofs that objects are in deals", c.proofVerifyCommand())
}

// proofVerifyCommand needs no data and no node, and asks none even if there is one.
func (c *cli) proofVerifyCommand() *cobra.Command {
	var rpc string
	var token secret
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE PROOF",
		Short: "check that the bytes of a file are in the deals that a proof names",
		Long: "Check that the bytes of FILE, or of the standard input for -, are in the deals that PROOF names.\n" +
			"No node is asked, and with --rpc only a Filecoin node. It ends with 0 if everything that was checked is\n" +
			"proved, and says what was not checked; else with 1.",
		Args: nArgs(2),
	}
	fs := cmd.Flags()
	fs.StringVar(&rpc, "rpc", "", "JSON-RPC URL of a Filecoin node that is asked whether the deals hold; empty: they are not checked")
	fs.Var(&token, "rpc-token", "bearer token for --rpc; better given as WHYPFS_RPC_TOKEN")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if v, ok := os.LookupEnv("WHYPFS_RPC_TOKEN"); ok && !fs.Changed("rpc-token") {
			if err := token.Set(v); err != nil {
				return usageError{err}
			}
		}
		var asked *chain.Client
		if rpc != "" {
			asked = chain.New(chain.Options{Endpoints: []chain.Endpoint{{URL: rpc, Token: token.reveal()}}})
		}
		report, err := verifyProof(cmd.Context(), args[0], args[1], asked)
		if report != nil {
			err = errors.Join(printReport(cmd.OutOrStdout(), report, asJSON), err)
		}
		return err
	}
	return cmd
}

// errNotProved is how `proof verify` ends if a step was refused.
var errNotProved = errors.New("not proved")

// verifyProof checks a proof as far as it can; with a report the error may be errNotProved.
func verifyProof(ctx context.Context, file, proofFile string, asked *chain.Client) (*proof.Report, error) {
	f, err := os.Open(proofFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := proof.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", proofFile, err)
	}
	in := os.Stdin
	if file != "-" {
		if in, err = os.Open(file); err != nil {
			return nil, err
		}
		defer in.Close()
	}
	report, err := p.Verify(ctx, in)
	if err != nil {
		return nil, err
	}
	if asked == nil {
		p.Named(report)
	} else if err := p.Check(ctx, asked, report); err != nil {
		return report, fmt.Errorf("deals could not be checked: %w", err)
	}
	if report.Refused() {
		return report, errNotProved
	}
	return report, nil
}

func printReport(out io.Writer, r *proof.Report, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	var b bytes.Buffer
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%-12s %-8s %s\n", strings.ToUpper(string(s.State)), s.Name, s.Text)
	}
	for _, d := range r.Deals {
		fmt.Fprintf(&b, "%-12s deal %d with %s, epochs %d to %d: %s", "", d.Deal.ID, d.Deal.Provider, d.Deal.Start, d.Deal.End, d.State)
		if d.Reason != "" {
			fmt.Fprintf(&b, " (%s)", d.Reason)
		}
		b.WriteByte('\n')
	}
	_, err := out.Write(b.Bytes())
	return err
}
