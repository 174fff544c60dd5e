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
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/internal/durable"
)

func (c *cli) proofCommand() *cobra.Command {
	return group("proof", "proofs that objects are in deals", c.proofGetCommand(), c.proofVerifyCommand())
}

func (c *cli) proofGetCommand() *cobra.Command {
	var versionID, file string
	cmd := &cobra.Command{Use: "get BUCKET/KEY", Short: "print the proof that an object is in deals", Args: nArgs(1)}
	cmd.Flags().StringVar(&versionID, "version", "", "a version of the object; default: the current one")
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` it is written to; default: the standard output")
	get := c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		p, err := a.prove(ctx, args[0], versionID)
		if err != nil {
			return err
		}
		return p.Encode(out)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// The file is made by who asks, where he is; a node that answers only prints.
		if file == "" || c.live != nil {
			return get(cmd, args)
		}
		var b bytes.Buffer
		cmd.SetOut(&b)
		if err := get(cmd, args); err != nil {
			return err
		}
		return durable.WriteFile(file, b.Bytes(), 0o644)
	}
	return cmd
}

// prove makes the proof of a version of an object, "" the current one, that is
// called BUCKET/KEY.
func (a *app) prove(ctx context.Context, name, version string) (*proof.Proof, error) {
	o, err := a.objectNamed(ctx, name, version)
	if err != nil {
		return nil, err
	}
	bucket, key, _ := strings.Cut(name, "/")
	content, err := a.buckets.Content(ctx, o.Content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p, err := a.deals.Prove(ctx, content.Zone, content.ID, content.CID, content.Size)
	if errors.Is(err, piece.ErrNoPiece) {
		return nil, fmt.Errorf("%s is in no piece yet, of which there could be a proof: %s", name, a.waitsFor(ctx, content.Zone))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.Object.Bucket, p.Object.Key, p.Object.Version = bucket, key, version
	return p, nil
}

// waitsFor says for a person what a zone waits for.
func (a *app) waitsFor(ctx context.Context, zone uint64) string {
	if z, err := a.buckets.Zone(ctx, zone); err == nil && z.Reason != "" {
		return z.Reason
	}
	return "it is about to join the bucket's open zone"
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
			asked = chain.New(chain.Options{Endpoints: []chain.Endpoint{chain.NewEndpoint(rpc, token.reveal())}})
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
	switch {
	case r.Refused():
		b.WriteString("It is not proved that the file is in deals.\n")
	case r.Unchecked():
		b.WriteString("The file is in these pieces. Whether deals keep them was not checked.\n")
	case len(r.Deals) > 0:
		b.WriteString("The file is in these deals.\n")
	}
	_, err := out.Write(b.Bytes())
	return err
}
