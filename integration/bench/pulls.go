package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"unsafe"

	"github.com/whypfs/whypfs/deals/piece"
	"golang.org/x/sync/errgroup"
)

const (
	providers = 6        // that pull at once
	rangeSize = 32 << 20 // bytes that one request asks for
	bearer    = "Bearer bench"
)

// serve has six clients pull the whole of a piece at once over HTTP, each in
// ranges and from another place on. Their share of the processor counts too.
func (d *dealRun) serve(ctx context.Context) error {
	pieces, done, err := d.pieces(ctx)
	if err != nil {
		return err
	}
	packed, err := pieces.Pack(ctx, piece.PackRequest{Zone: 1, Members: d.large})
	if err != nil {
		return errors.Join(err, done())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, done())
	}
	srv := &http.Server{Handler: pieces.Handler(func(_ context.Context, _, authorization string) (bool, error) {
		return authorization == bearer, nil
	})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	first := packed[0]
	err = d.measure(fmt.Sprintf("/piece, %d providers pulling one of %d MiB at once", providers, first.Size>>20), providers*first.Size, func(int) error {
		g, ctx := errgroup.WithContext(ctx)
		for i := range int64(providers) {
			g.Go(func() error { return pull(ctx, "http://"+l.Addr().String(), first, i*first.Size/providers) })
		}
		return g.Wait()
	})
	err = errors.Join(err, srv.Close())
	<-ended
	return errors.Join(err, done())
}

// pull reads all of a piece, from start on and round its end.
func pull(ctx context.Context, url string, p piece.Piece, start int64) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	buf := make([]byte, 256<<10)
	for done := int64(0); done < p.Size; {
		off := (start + done) % p.Size
		n := min(rangeSize, p.Size-off, p.Size-done)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/piece/"+p.CID, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", bearer)
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buf)
		resp.Body.Close()
		if err != nil || got != n || resp.StatusCode != http.StatusPartialContent {
			return fmt.Errorf("%s: %d of %d bytes at %d: %w", resp.Status, got, n, off, err)
		}
		done += n
	}
	return nil
}

// readPast reads a file past the page cache.
func readPast(name string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	const page, size = 4096, 1 << 20
	mem := make([]byte, size+page)
	mem = mem[page-int(uintptr(unsafe.Pointer(&mem[0]))%page):][:size]
	for {
		n, err := f.Read(mem)
		if err != nil && err != io.EOF {
			return err
		}
		if n < size { // a file's last pages may not be whole
			return nil
		}
	}
}
