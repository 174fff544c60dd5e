package deals

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/whypfs/whypfs/kv"
)

var (
	// ErrNoAutoretrieve says that no autoretrieve server has a token.
	ErrNoAutoretrieve = errors.New("no such autoretrieve server")
	// ErrBadAutoretrieve says that nothing can be an autoretrieve server's key or
	// address, and is wrapped with what.
	ErrBadAutoretrieve = errors.New("not an autoretrieve server's")
)

// maxAutoretrieveAddrs bounds what one server can have.
const maxAutoretrieveAddrs = 20

// An Autoretrieve is a server, Estuary V1's autoretrieve, that serves over
// bitswap what it fetches from storage providers. It asks this node for
// retrieval candidates, and says now and again that it lives.
type Autoretrieve struct {
	Handle string // names it; the token that proves it is kept as its hash
	Peer   string // its libp2p peer id, by the public key it was made with
	Addrs  []string
	Made   time.Time
	Seen   time.Time // the last word of it
}

type autoretrieveRow struct {
	Autoretrieve
	TokenHash []byte
}

func keyAutoretrieve(peer string) []byte { return kv.Key(prefix, "autoretrieve", peer) }

// AddAutoretrieve registers a server by its public key, as libp2p writes them in
// configurations (base64), with its multiaddrs, and returns its token, which is
// told only here. One with the same key is replaced, and its token ends.
func (d *Deals) AddAutoretrieve(ctx context.Context, pubKey string, addrs []string) (Autoretrieve, string, error) {
	id, err := peerOfKey(pubKey)
	if err != nil {
		return Autoretrieve{}, "", err
	}
	if len(addrs) == 0 || len(addrs) > maxAutoretrieveAddrs {
		return Autoretrieve{}, "", fmt.Errorf("%w addresses: they are 1 to %d", ErrBadAutoretrieve, maxAutoretrieveAddrs)
	}
	now := d.queue.Now()
	row := autoretrieveRow{Autoretrieve: Autoretrieve{Handle: "AUTORETRIEVE" + uuid.NewString() + "HANDLE", Peer: id, Made: now, Seen: now}}
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(strings.TrimSpace(s))
		if err != nil {
			return Autoretrieve{}, "", fmt.Errorf("%w address: %q", ErrBadAutoretrieve, short(s))
		}
		row.Addrs = append(row.Addrs, a.String())
	}
	token := "SECRET" + uuid.NewString() + "SECRET"
	sum := sha256.Sum256([]byte(token))
	row.TokenHash = sum[:]
	err = d.store.Update(ctx, func(tx kv.Tx) error { return kv.PutJSON(tx, keyAutoretrieve(id), row) })
	if err != nil {
		return Autoretrieve{}, "", fmt.Errorf("add autoretrieve server: %w", err)
	}
	return row.Autoretrieve, token, nil
}

// peerOfKey is the peer id of a public key.
func peerOfKey(pubKey string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(pubKey)
	var key crypto.PubKey
	if err == nil {
		key, err = crypto.UnmarshalPublicKey(raw)
	}
	var id peer.ID
	if err == nil {
		id, err = peer.IDFromPublicKey(key)
	}
	if err != nil {
		return "", fmt.Errorf("%w public key: %q", ErrBadAutoretrieve, short(pubKey))
	}
	return id.String(), nil
}

// Autoretrieves lists the servers, by when they were made.
func (d *Deals) Autoretrieves(ctx context.Context) ([]Autoretrieve, error) {
	rows, err := d.autoretrieves(ctx)
	out := make([]Autoretrieve, len(rows))
	for i, r := range rows {
		out[i] = r.Autoretrieve
	}
	slices.SortStableFunc(out, func(a, b Autoretrieve) int { return a.Made.Compare(b.Made) })
	return out, err
}

func (d *Deals) autoretrieves(ctx context.Context) (rows []autoretrieveRow, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		rows = nil
		for r, err := range tx.Scan(kv.Range(prefix, "autoretrieve")) {
			if err != nil {
				return err
			}
			row, err := kv.GetJSON[autoretrieveRow](tx, r.Key)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("autoretrieve servers: %w", err)
	}
	return rows, nil
}

// SeeAutoretrieve notes that the server with a token lives. ErrNoAutoretrieve.
func (d *Deals) SeeAutoretrieve(ctx context.Context, token string) (Autoretrieve, error) {
	rows, err := d.autoretrieves(ctx)
	if err != nil {
		return Autoretrieve{}, err
	}
	sum := sha256.Sum256([]byte(token))
	owns := func(r autoretrieveRow) bool { return subtle.ConstantTimeCompare(r.TokenHash, sum[:]) == 1 }
	i := slices.IndexFunc(rows, owns) // an operator has a few of them
	if i < 0 {
		return Autoretrieve{}, ErrNoAutoretrieve
	}
	var row autoretrieveRow
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		row, err = kv.GetJSON[autoretrieveRow](tx, keyAutoretrieve(rows[i].Peer))
		if errors.Is(err, kv.ErrNotFound) || err == nil && !owns(row) {
			return ErrNoAutoretrieve // it was replaced meanwhile
		}
		if err != nil {
			return err
		}
		row.Seen = d.queue.Now()
		return kv.PutJSON(tx, keyAutoretrieve(row.Peer), row)
	})
	if err != nil {
		return Autoretrieve{}, fmt.Errorf("see autoretrieve server: %w", err)
	}
	return row.Autoretrieve, nil
}
