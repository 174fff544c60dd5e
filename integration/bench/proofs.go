package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/whypfs/whypfs/deals/piece"
)

// proofs makes proofs of large objects out of a zone's shards, picked at random, and writes them.
func (d *dealRun) proofs(ctx context.Context) error {
	pieces, done, err := d.pieces(ctx)
	if err != nil {
		return err
	}
	if _, err := pieces.Pack(ctx, piece.PackRequest{Zone: 1, Members: d.large}); err != nil {
		return errors.Join(err, done())
	}
	const n = 200
	pick := rand.New(rand.NewPCG(1, 1))
	err = d.measureEach(fmt.Sprintf("proof of an object of 64 MiB in a zone of %d", len(d.large)), n, func(int) error {
		for range n {
			m := d.large[pick.IntN(len(d.large))]
			p, err := pieces.Prove(ctx, 1, m.Content, m.Root, m.Size)
			if err != nil {
				return err
			}
			if err := p.Encode(io.Discard); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, done())
}
