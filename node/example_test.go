package node_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/whypfs/whypfs/node"
)

// A node in a folder of its own: bytes go in, come back by their CID, and are
// served by the gateway.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "whypfs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	n, err := node.Open(ctx, node.Config{
		Dir:         dir,
		ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}, // none: no libp2p host
	})
	if err != nil {
		log.Fatal(err)
	}
	defer n.Close()

	// The lease keeps the blocks from Sweep until their root is where Sweep's
	// caller finds it; here nobody sweeps.
	lease := n.Lease()
	defer lease.Release()
	stored, err := n.Import(ctx, strings.NewReader("hello world"), node.ImportOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored.Root, stored.Size)

	f, err := n.OpenFile(ctx, stored.Root)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)

	// Anyone may read it: from the gateway here, over bitswap from n.Addrs().
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	res, err := http.Get(srv.URL + "/ipfs/" + stored.Root.String())
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	served, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.StatusCode, string(served) == string(data), len(n.Addrs()))
	// Output:
	// bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e 11
	// hello world
	// 200 true 1
}
