package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/application-research/filclient"
	"github.com/filecoin-project/go-jsonrpc"
	"github.com/filecoin-project/lotus/api"
	lotus "github.com/filecoin-project/lotus/api/client"
	"github.com/filecoin-project/lotus/chain/types"
	"github.com/filecoin-project/lotus/chain/wallet"
	"github.com/filecoin-project/lotus/chain/wallet/key"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	gsimpl "github.com/ipfs/go-graphsync/impl"
	"github.com/libp2p/go-libp2p/core/host"
)

// options are the parameters of "start".
type options struct {
	RPC      string `json:"rpc"`
	RPCToken string `json:"rpc_token"` // may be empty
	Key      []byte `json:"key"`       // secp256k1, 32 bytes
}

// started is the result of "start".
type started struct {
	Address string `json:"address"` // of the key, f1…
	Peer    string `json:"peer"`    // id of the libp2p host
}

// An engine is a filclient and what it runs on.
type engine struct {
	client *filclient.FilClient
	host   host.Host
	hangUp func()
}

// open starts a filclient. ctx ends with the process.
func open(ctx context.Context, opt options) (*engine, error) {
	if len(opt.Key) != 32 {
		return nil, errors.New("a secp256k1 key has 32 bytes")
	}
	k, err := key.NewKey(types.KeyInfo{Type: types.KTSecp256k1, PrivateKey: opt.Key})
	if err != nil {
		return nil, errors.New("not a secp256k1 key") // the error may tell the key
	}
	header := http.Header{}
	if opt.RPCToken != "" {
		header.Set("Authorization", "Bearer "+opt.RPCToken)
	}
	chain, hangUp, err := lotus.NewGatewayRPCV1(ctx, opt.RPC, header)
	if err != nil {
		return nil, errors.New("the URL of the chain is not valid") // it may hold an API key
	}
	h, err := newHost()
	if err != nil {
		hangUp()
		return nil, fmt.Errorf("libp2p: %w", err)
	}
	fc, err := newClient(h, chain, k)
	if err != nil {
		h.Close()
		hangUp()
		return nil, fmt.Errorf("filclient: %w", err)
	}
	silence(h)
	return &engine{client: fc, host: h, hangUp: hangUp}, nil
}

func newClient(h host.Host, chain api.Gateway, k *key.Key) (*filclient.FilClient, error) {
	// filclient makes a directory in it and never puts anything there.
	dir, err := os.MkdirTemp("", "whypfs-filclient-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	// Its data store must be its own: it crashes over keys that it does not know.
	store := dssync.MutexWrap(datastore.NewMapDatastore())
	return filclient.NewClient(h, chain, wallet.KeyWallet(k), k.Address, empty{}, store, dir, func(cfg *filclient.Config) {
		cfg.GraphsyncOpts = append(cfg.GraphsyncOpts, gsimpl.RejectAllRequestsByDefault())
	})
}

func (e *engine) close() {
	e.host.Close()
	e.hangUp()
}

// chainFault gives errors of calls to the chain their code. What the chain
// answered, a refusal too, keeps the other one.
func chainFault(code string, err error) error {
	var noAnswer *jsonrpc.ErrClient
	var noConn *jsonrpc.RPCConnectionError
	if errors.As(err, &noAnswer) || errors.As(err, &noConn) {
		code = codeChain
		// url.Error names the URL, and with it an API key in its path.
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
	}
	return fail(code, err)
}
