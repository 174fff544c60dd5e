package retrieve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whypfs/whypfs/internal/car"
)

// sampleBytes is about how much a sample asks for.
const sampleBytes = 1 << 20

// ErrWrong says that a provider sent other bytes than those it was asked for.
var ErrWrong = errors.New("sent wrong bytes")

// Sample asks one provider for a random range of a piece, as anybody might, and
// compares it with the layout: the heads of the sections byte by byte, the blocks
// with their CIDs. Nothing needs to be here for it, and nothing is stored. took
// is the time until all had come.
func (r *Retriever) Sample(ctx context.Context, provider, pieceCID string) (took time.Duration, err error) {
	places, err := r.pieces.Sample(ctx, pieceCID, sampleBytes)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errLocal, err)
	}
	first, last := places[0], places[len(places)-1]
	begin := time.Now()
	err = r.ask(ctx, provider, stallTimeout, nil, func(at replica) error {
		b, err := r.openRange(ctx, at, pieceCID, first.Off, last.End()-first.Off)
		if err != nil {
			return err
		}
		defer b.Close()
		for _, p := range places {
			want := car.SectionHead(p.Cid, p.Size)
			data := make([]byte, len(want)+p.Size)
			if _, err := io.ReadFull(b, data); err != nil {
				return err
			}
			if !bytes.Equal(data[:len(want)], want) || checkBlock(p.Cid, data[len(want):]) != nil {
				return fmt.Errorf("%w: piece %s at %d", ErrWrong, pieceCID, p.Off)
			}
		}
		return nil
	})
	return time.Since(begin), err
}

// Ours says that a sample failed for a reason on our side.
func Ours(err error) bool { return errors.Is(err, errLocal) }
