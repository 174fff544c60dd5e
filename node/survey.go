package node

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/freespace"
)

// surveyNames bounds the CIDs that a survey names.
const surveyNames = 100

// A Survey says what of a DAG is here. What is under a missing node is not known.
type Survey struct {
	Blocks, Bytes int64 // that are here
	Missing       int64
	Names         []cid.Cid // of the first missing blocks
}

// Survey walks a DAG past what is missing of it. Leaves are not read, only
// looked up. With repair what is missing is brought back in the background.
func (n *Node) Survey(ctx context.Context, root cid.Cid, repair bool) (Survey, error) {
	var s Survey
	err := n.walk(ctx, root, func(_ cid.Cid, size int) error {
		s.Blocks++
		s.Bytes += int64(size)
		return nil
	}, func(c cid.Cid) error {
		s.Missing++
		if len(s.Names) < surveyNames {
			s.Names = append(s.Names, c)
		}
		if repair {
			n.repairs.report(c, root, false)
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("survey: %w", err)
	}
	return s, nil
}

// DiskSpace says how much of the disk that has the blocks is free, and its size.
func (n *Node) DiskSpace() (free, total int64, err error) { return freespace.Of(n.cfg.Dir) }
