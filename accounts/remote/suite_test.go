package remote_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
	"github.com/whypfs/whypfs/accounts/remote"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// pipes are connections in memory: in a bubble of testing/synctest real ones
// would keep time from going on.
type pipes struct {
	ctx   context.Context
	conns chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ctx.Done():
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.ctx.Done():
		return nil, net.ErrClosed
	}
}

// TestAccounts is the contract of accounts, kept over HTTP.
func TestAccounts(t *testing.T) {
	secrets := newSecrets(t)
	accountstest.Run(t, func(t testing.TB, s kv.Store, box *seal.Box, opt accounts.Options) *accounts.Accounts {
		ctx, stop := context.WithCancel(context.Background())
		p := pipes{ctx, make(chan net.Conn)}
		srv := &http.Server{Handler: remote.Handler(accounts.New(s, box, opt), "id", secrets, remote.HandlerOptions{})}
		ended := make(chan error)
		go func() { ended <- srv.Serve(p) }()
		c, err := remote.NewClient("http://accounts.test", secrets, remote.Options{Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			c.Close()
			stop()
			srv.Close()
			<-ended
		})
		return accounts.At(c)
	})
}
