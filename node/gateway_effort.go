package node

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/ipfs/boxo/gateway"
)

// A DAG of a few small blocks can be a file with more places than anybody can
// walk, and no bytes in them. So a request may read spareReads blocks, and then
// readsPerByte for each byte that it has sent: who is sent bytes has to take them.
const (
	spareReads   = 1 << 14
	readsPerByte = 4
)

// errHollow ends a request that reads and reads and sends nothing.
var errHollow = gateway.NewErrorStatusCode(errors.New("this content has too many blocks for its bytes"), http.StatusUnprocessableEntity)

// effort is what a request has cost, and what came of it.
type effort struct{ blocks, sent atomic.Int64 }

// read counts a block, and says whether it may be read.
func (e *effort) read() bool {
	return e.blocks.Add(1) <= spareReads+readsPerByte*e.sent.Load()
}

type effortKey struct{}
