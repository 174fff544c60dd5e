package node

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkGateway gets a file from the gateway over HTTP on the loopback
// interface, whole, as a CAR, and 64 KiB of it.
func BenchmarkGateway(b *testing.B) {
	const size = 256 << 20
	n, err := Open(b.Context(), Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	f, err := n.Import(b.Context(), keystream(size, "gateway"), ImportOptions{})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	url := srv.URL + "/ipfs/" + f.Root.String()
	for _, bm := range []struct {
		name, query, ranges string
		size                int64
	}{
		{"file", "", "", size},
		{"named", "?filename=a.bin", "", size},
		{"car", "?format=car", "", size},
		{"range", "", "bytes=100000000-100065535", 64 << 10},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(bm.size)
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url+bm.query, nil)
				if err != nil {
					b.Fatal(err)
				}
				if bm.ranges != "" {
					r.Header.Set("Range", bm.ranges)
				}
				if err := drain(r, bm.size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// drain does a request and reads at least size bytes of its answer, to the end.
func drain(r *http.Request, size int64) error {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	k, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 256<<10))
	if err == nil && k < size {
		err = fmt.Errorf("%s: %d bytes of %d", res.Status, k, size)
	}
	return err
}
