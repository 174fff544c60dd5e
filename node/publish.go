package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"

	"github.com/whypfs/whypfs/internal/durable"
)

// OwnName is an IPNS name whose key is here.
type OwnName struct {
	Key   string // what the key is called here
	Name  string // "k51…", the hash of the key
	Value string // the path it means; "" if none
	TTL   time.Duration
	Until time.Time // when the record expires; it is renewed long before
}

// PublishName makes the name of a key mean value, /ipfs/… or /ipns/…, and
// returns the name. SelfKey is the node's own; any other key is made by its
// first use. Others may remember the value for ttl. The record is durable when
// the error is nil or of telling the DHT, which is tried again soon; it
// is signed for two days, and again while the node runs.
func (n *Node) PublishName(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	p, err := path.NewPath(value)
	if err != nil {
		return "", fmt.Errorf("publish name: %q: %w", value, err)
	}
	if ttl < 0 {
		return "", fmt.Errorf("publish name: negative TTL %v", ttl)
	}
	name, err := n.host.keyring.sign(ctx, key, p, ttl)
	if err == nil {
		err = n.host.keyring.tell(ctx, key, name)
	}
	if err != nil {
		return "", fmt.Errorf("publish name: %w", err)
	}
	return name.String(), nil
}

// Names are the node's own names, by key.
func (n *Node) Names(context.Context) ([]OwnName, error) {
	k := n.host.keyring
	keys, err := k.keys()
	if err != nil {
		return nil, fmt.Errorf("own names: %w", err)
	}
	var out []OwnName
	for _, key := range keys {
		_, name, err := k.key(key, false)
		if err != nil {
			return nil, fmt.Errorf("own names: %w", err)
		}
		own := OwnName{Key: key, Name: name.String()}
		data, err := k.names.records.last(name)
		if err == nil {
			err = own.read(data)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("own name %q: %w", key, err)
		}
		out = append(out, own)
	}
	return out, nil
}

// read fills in what a record says.
func (o *OwnName) read(data []byte) error {
	rec, err := ipns.UnmarshalRecord(data)
	if err != nil {
		return err
	}
	value, err := rec.Value()
	if err != nil {
		return err
	}
	o.Value = value.String()
	if o.TTL, err = rec.TTL(); err != nil {
		return err
	}
	o.Until, err = rec.Validity()
	return err
}

// RemoveName forgets what the name of a key means and, unless it is SelfKey,
// the key: nobody can make the name mean anything again. Others may remember
// it until its record expires.
func (n *Node) RemoveName(_ context.Context, key string) error {
	k := n.host.keyring
	k.mu.Lock()
	defer k.mu.Unlock()
	_, name, err := k.key(key, false)
	if err == nil {
		err = k.names.records.remove(name)
	}
	if err == nil && key != SelfKey {
		err = errors.Join(os.Remove(k.file(key)), durable.SyncDir(filepath.Dir(k.file(key))))
	}
	if err != nil {
		return fmt.Errorf("remove name: %w", err)
	}
	return nil
}
