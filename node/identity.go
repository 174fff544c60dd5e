package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/whypfs/whypfs/internal/durable"
)

// identityFile holds the private key whose hash is the node's peer id.
// Losing it gives the node another id, so peers that know this one by its
// address no longer reach it; no content is lost.
const identityFile = "libp2p.key"

// identity reads the key of the node, making it the first time. A damaged key
// is an error: a new one in its place would be another node to everyone else.
func identity(dir string) (crypto.PrivKey, error) {
	return keyFile(filepath.Join(dir, identityFile))
}

// keyFile reads the private key in a file, making it if there is none.
func keyFile(name string) (crypto.PrivKey, error) {
	data, err := os.ReadFile(name)
	if err == nil {
		key, err := crypto.UnmarshalPrivateKey(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	if data, err = crypto.MarshalPrivateKey(key); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	return key, durable.WriteFile(name, data, 0o600)
}
