package node

import (
	"context"
	"io"

	"github.com/ipfs/go-cid"
)

// OpenFile returns a reader of the UnixFS file under root. Every block is
// checked against its CID. A missing block is restored once through
// Config.Restore with the file's root.
func (n *Node) OpenFile(ctx context.Context, root cid.Cid) (*FileReader, error) { panic("unwritten") }

// FileReader reads a file with seeking and read-ahead. It is not safe for concurrent use.
type FileReader struct{}

func (f *FileReader) Size() int64                               { panic("unwritten") }
func (f *FileReader) Read(p []byte) (int, error)                { panic("unwritten") }
func (f *FileReader) Seek(off int64, whence int) (int64, error) { panic("unwritten") }
func (f *FileReader) WriteTo(w io.Writer) (int64, error)        { panic("unwritten") }
func (f *FileReader) Close() error                              { panic("unwritten") }
