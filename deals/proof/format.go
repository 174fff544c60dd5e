package proof

import "time"

// Format and Version begin every proof.
const (
	Format  = "whypfs-proof"
	Version = 1
)

// Kind says how a file's bytes make a DAG.
type Kind string

const (
	// KindFile is a UnixFS file: its bytes are the file's.
	KindFile Kind = "file"
	// KindCAR is any other DAG: the file is its CARv1, the blocks in the order
	// in which they are met from the root, parents before children, left to right.
	KindCAR Kind = "car"
)

// A Proof is what docs/proof.md defines, field by field.
type Proof struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Created time.Time `json:"created"`
	Object  Object    `json:"object"`
	Root    string    `json:"root"` // CID
	Size    int64     `json:"size"` // of the file, bytes
	Kind    Kind      `json:"kind"`
	// Nodes are the blocks of a UnixFS file that are not raw leaves, in the order in which they are met.
	Nodes []Node `json:"nodes"`
	// Spans are where the DAG's blocks stand, in that order too.
	Spans  []Span  `json:"spans"`
	Shards []Shard `json:"shards"`
	Pieces []Piece `json:"pieces"`
}

// Object is what the file is called where it is kept. Nothing proves names.
type Object struct {
	Bucket  string `json:"bucket,omitempty"`
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
	Content uint64 `json:"content,omitempty"`
}

// A Node is a block: Head, then File bytes of the file, which are the data that
// the node holds itself, then Tail.
type Node struct {
	Head Bytes `json:"head"`
	File int   `json:"file,omitempty"`
	Tail Bytes `json:"tail,omitempty"`
}

// A Span is a run of whole sections of a CAR in a shard.
type Span struct {
	Shard  int   `json:"shard"`  // index in Shards
	Offset int64 `json:"offset"` // in the shard, bytes
	Length int64 `json:"length"`
	Before Bytes `json:"before"` // what the quad in which the span begins has before it
	After  Bytes `json:"after"`  // what the quad in which it ends has behind it
	Left   Bytes `json:"left"`   // roots of the subtrees that cover the shard before these quads
	Right  Bytes `json:"right"`  // and behind them
}

// A Shard is a CAR in a piece.
type Shard struct {
	CID     string `json:"cid"`    // piece CID v1
	Padded  int64  `json:"padded"` // bytes, a power of two
	Piece   int    `json:"piece"`  // index in Pieces
	Subtree Path   `json:"subtree"`
	Index   Path   `json:"index"`
}

// A Path leads from a node of a tree to its root.
type Path struct {
	Index    uint64 `json:"index"`    // of the node, on its level
	Siblings Bytes  `json:"siblings"` // from the bottom up
}

// A Piece is what providers keep.
type Piece struct {
	CID    string `json:"cid"`    // piece CID v1
	Padded int64  `json:"padded"` // bytes, a power of two
	Deals  []Deal `json:"deals"`
}

// A Deal is said to keep a piece; the chain knows whether it does.
type Deal struct {
	ID       uint64 `json:"id"`
	Provider string `json:"provider"` // f0…
	Client   string `json:"client"`
	Start    int64  `json:"start"`             // epoch
	End      int64  `json:"end"`               // epoch
	Publish  string `json:"publish,omitempty"` // CID of the message that published it
}
