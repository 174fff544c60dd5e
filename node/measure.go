package node

import (
	"context"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
)

// Extent is what a DAG takes: each block counts once.
type Extent struct{ Blocks, Bytes int64 }

// Measure makes sure that the whole DAG under root is here and can be read, and
// says what it is, as ImportCAR does, and what it takes. A block that is not
// here is ErrNotFound or ErrDamaged; what the DAG is at fault for is a *DAGError.
func (n *Node) Measure(ctx context.Context, root cid.Cid) (DAG, Extent, error) {
	d, e, err := n.measure(ctx, root)
	if err != nil {
		return DAG{}, Extent{}, fmt.Errorf("measure %s: %w", root, err)
	}
	return d, e, nil
}

func (n *Node) measure(ctx context.Context, root cid.Cid) (DAG, Extent, error) {
	d, e := DAG{Root: root, Size: int64(len(car.Header(root)))}, Extent{}
	w := newWalker(root, n.look)
	for {
		c, size, err := w.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return DAG{}, e, err
		}
		if len(w.todo) > maxPending {
			return DAG{}, e, badDAG("it has too many links")
		}
		e.Blocks++
		e.Bytes += int64(size)
		d.Size += car.SectionSize(c, size)
	}
	d, err := n.asFile(ctx, d)
	return d, e, err
}
