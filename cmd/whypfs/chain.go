package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals"
)

func (c *cli) chainCommand() *cobra.Command {
	var asJSON bool
	status := &cobra.Command{
		Use:   "status",
		Short: "show the chain's head and version, how its endpoints are doing, and what the wallet has",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			s := a.deals.ChainStatus(ctx)
			funds, err := a.deals.Funds(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(out, struct {
					deals.ChainStatus
					Wallet []deals.Funds
				}{s, funds})
			}
			return printChain(out, s, funds)
		}),
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("chain", "the Filecoin chain", status)
}

func printChain(out io.Writer, s deals.ChainStatus, funds []deals.Funds) error {
	fmt.Fprintf(out, "head %d, network version %d\n", s.Head, s.Version)
	fmt.Fprintf(out, "deals signed today cost %s", cmp.Or(s.Spending.Today, "0 FIL"))
	if s.Spending.Limit != "" {
		fmt.Fprintf(out, " of %s", s.Spending.Limit)
	}
	fmt.Fprintln(out)
	if s.Verified != "" {
		fmt.Fprintln(out, "verified deals:", s.Verified)
	}
	if s.Fault != "" {
		fmt.Fprintln(out, s.Fault)
	}
	t := newTable("endpoint", "head", "age", "behind", "calls", "errors", "events", "fault")
	for _, e := range s.Endpoints {
		age := ""
		if !e.HeadAt.IsZero() {
			age = time.Since(e.HeadAt).Round(time.Second).String()
		}
		t.row(e.Name, e.Head, age, s.Head-e.Head, e.Calls, e.Errors, e.Events, e.Fault)
	}
	if err := t.write(out); err != nil {
		return err
	}
	t = newTable(fundsHead()...)
	for _, f := range funds {
		t.row(fundsCells(f)...)
	}
	return t.write(out)
}

func fundsHead() []string {
	return []string{"address", "default", "wallet", "escrow", "promised", "signed today", "moved today", "reason"}
}

func fundsCells(f deals.Funds) []any {
	return []any{f.Address, mark(f.Default), f.Balance, f.Escrow, f.Promised, f.Signed, f.Today, f.Reason}
}

func (c *cli) walletBalanceCommand() *cobra.Command {
	return listing(c, "balance", "show what the keys have, to spend and in the market's escrow",
		fundsHead(), func(ctx context.Context, a *app, _ []string) ([]deals.Funds, error) { return a.deals.Funds(ctx) }, fundsCells)
}
