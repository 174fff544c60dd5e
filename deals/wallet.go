package deals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"golang.org/x/crypto/blake2b"
)

// Address is the wallet's f1 address, made on first use.
func (d *Deals) Address(ctx context.Context) (string, error) {
	k, err := d.key(ctx)
	if err != nil {
		return "", err
	}
	return k.addr.String(), nil
}

// wallet is the one key that pays for deals, read from the store once.
type wallet struct {
	mu  sync.Mutex
	key *signer // guarded by mu
}

// walletSeal binds the sealed key to its row.
const walletSeal = "deals/wallet"

func (d *Deals) key(ctx context.Context) (*signer, error) {
	d.wallet.mu.Lock()
	defer d.wallet.mu.Unlock()
	if d.wallet.key != nil {
		return d.wallet.key, nil
	}
	k, err := loadKey(ctx, d.store, d.box)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	d.wallet.key = k
	return k, nil
}

func loadKey(ctx context.Context, store kv.Store, box *seal.Box) (*signer, error) {
	fresh, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	var raw []byte
	read := func(tx kv.Tx) error {
		sealed, err := tx.Get(keyWallet())
		if err != nil {
			return err
		}
		raw, err = box.Open(sealed, walletSeal)
		return err
	}
	err = store.View(ctx, read)
	if errors.Is(err, kv.ErrNotFound) {
		err = store.Update(ctx, func(tx kv.Tx) error {
			err := read(tx) // another process may have been first
			if !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			raw = fresh.Serialize()
			return tx.Put(keyWallet(), box.Seal(raw, walletSeal))
		})
	}
	if err != nil {
		return nil, err
	}
	return newSigner(raw)
}

// A signer is a secp256k1 key with its f1 address. It cannot be printed.
type signer struct {
	key  *secp256k1.PrivateKey
	addr address.Address
}

func newSigner(raw []byte) (*signer, error) {
	if len(raw) != 32 {
		return nil, errors.New("a secp256k1 key has 32 bytes")
	}
	var n secp256k1.ModNScalar
	if n.SetByteSlice(raw) || n.IsZero() {
		return nil, errors.New("not a secp256k1 key")
	}
	key := secp256k1.NewPrivateKey(&n)
	addr, err := address.NewSecp256k1Address(key.PubKey().SerializeUncompressed())
	if err != nil {
		return nil, err
	}
	return &signer{key: key, addr: addr}, nil
}

// sign signs as Filecoin does: R, S and the recovery id over the BLAKE2b-256 of data.
func (s *signer) sign(data []byte) crypto.Signature {
	sum := blake2b.Sum256(data)
	compact := ecdsa.SignCompact(s.key, sum[:], false) // header (27 + recovery id), R, S
	sig := append(compact[1:65:65], compact[0]-27)
	return crypto.Signature{Type: crypto.SigTypeSecp256k1, Data: sig}
}

func (s *signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

func (s *signer) LogValue() slog.Value { return slog.StringValue("[redacted]") }
