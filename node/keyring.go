package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// keysDir holds the private keys of own names, one file for each. Losing
	// one loses the name for good.
	keysDir = "keys"
	// SelfKey is the key of the node itself, whose hash is its peer id.
	SelfKey = "self"
	// A record is signed for nameLife, and again when less than nameRenew is
	// left, while the node runs; the DHT forgets in two days and is told then.
	nameLife  = 48 * time.Hour
	nameRenew = 36 * time.Hour
	nameEvery = 15 * time.Minute
	// nameTell bounds telling the DHT one record.
	nameTell = 2 * time.Minute
)

// ErrBadKey says that a string cannot name a key.
var ErrBadKey = errors.New("a key's name has small letters, digits, '.', '_' and '-', and begins with one of the first two")

var keyName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// isKeyName says whether a key may be called so; unfinished files are not.
func isKeyName(key string) bool {
	return keyName.MatchString(key) && !strings.Contains(key, ".tmp-")
}

// keyring signs records of the node's own names and keeps them valid.
type keyring struct {
	dir   string // Config.Dir
	names *names
	log   *slog.Logger

	mu   sync.Mutex // guards signing, and what follows
	told map[string]time.Time

	stop context.CancelFunc
	wg   sync.WaitGroup
}

func (k *keyring) file(key string) string { return filepath.Join(k.dir, keysDir, key) }

// key reads a key; with made it is made if there is none.
func (k *keyring) key(key string, made bool) (crypto.PrivKey, ipns.Name, error) {
	file := filepath.Join(k.dir, identityFile)
	if key != SelfKey {
		if !isKeyName(key) {
			return nil, ipns.Name{}, fmt.Errorf("%q: %w", key, ErrBadKey)
		}
		file = k.file(key)
	}
	if _, err := os.Lstat(file); err != nil && !made {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("key %q: %w", key, ErrNotFound)
		}
		return nil, ipns.Name{}, err
	}
	priv, err := keyFile(file)
	if err != nil {
		return nil, ipns.Name{}, err
	}
	id, err := peer.IDFromPrivateKey(priv)
	return priv, ipns.NameFromPeer(id), err
}

// sign makes key's name mean value, from now on and for ttl in others' caches.
func (k *keyring) sign(ctx context.Context, key string, value path.Path, ttl time.Duration) (ipns.Name, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	priv, name, err := k.key(key, true)
	if err != nil {
		return name, err
	}
	seq, err := k.lastSequence(ctx, name)
	if err != nil {
		return name, err
	}
	rec, err := ipns.NewRecord(priv, value, seq+1, time.Now().Add(nameLife), ttl)
	if err != nil {
		return name, err
	}
	data, err := ipns.MarshalRecord(rec)
	if err != nil {
		return name, err
	}
	delete(k.told, key)
	return name, k.names.records.put(name, data, true)
}

// lastSequence is the sequence number of the newest record there is, or was.
func (k *keyring) lastSequence(ctx context.Context, name ipns.Name) (last uint64, err error) {
	old, err := k.names.records.last(name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	there, _ := k.names.recordThere(ctx, name) // the DHT need not have one
	for _, data := range [][]byte{old, there} {
		rec, err := ipns.UnmarshalRecord(data)
		if err != nil {
			continue
		}
		if seq, err := rec.Sequence(); err == nil {
			last = max(last, seq)
		}
	}
	return last, nil
}

// tell tells the DHT the record of key, if it is on and has not been told lately.
func (k *keyring) tell(ctx context.Context, key string, name ipns.Name) error {
	dht := k.names.dht()
	k.mu.Lock()
	lately := time.Since(k.told[key]) < nameLife-nameRenew
	k.mu.Unlock()
	if dht == nil || lately {
		return nil
	}
	data, err := k.names.records.get(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nameTell)
	defer cancel()
	if err := dht.PutValue(ctx, string(name.RoutingKey()), data); err != nil {
		return fmt.Errorf("tell the DHT: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told[key] = time.Now()
	return nil
}

// keys are the names of the keys, sorted.
func (k *keyring) keys() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(k.dir, keysDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	if _, err := os.Lstat(filepath.Join(k.dir, identityFile)); err == nil {
		out = append(out, SelfKey)
	}
	for _, e := range entries {
		if isKeyName(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// start keeps the records valid until close.
func (k *keyring) start(ctx context.Context) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.wg.Go(func() {
		t := time.NewTicker(nameEvery)
		defer t.Stop()
		for {
			if err := k.renew(ctx); err != nil && ctx.Err() == nil {
				k.log.WarnContext(ctx, "renew IPNS records", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
}

func (k *keyring) close() {
	if k.stop != nil {
		k.stop()
	}
	k.wg.Wait()
}

// renew is one pass over the own names.
func (k *keyring) renew(ctx context.Context) error {
	keys, err := k.keys()
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		if err := k.renewKey(ctx, key); err != nil {
			errs = append(errs, fmt.Errorf("key %q: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// renewKey signs the record of key again if it is time, and tells the DHT.
func (k *keyring) renewKey(ctx context.Context, key string) error {
	_, name, err := k.key(key, false)
	if err != nil {
		return err
	}
	data, err := k.names.records.last(name)
	if errors.Is(err, ErrNotFound) {
		return nil // it means nothing
	}
	if err != nil {
		return err
	}
	rec, err := ipns.UnmarshalRecord(data)
	if err != nil {
		return err
	}
	value, err := rec.Value()
	if err != nil {
		return err
	}
	ttl, err := rec.TTL()
	if err != nil {
		return err
	}
	until, err := rec.Validity()
	if err != nil {
		return err
	}
	if time.Until(until) < nameRenew {
		if _, err := k.sign(ctx, key, value, ttl); err != nil {
			return err
		}
	}
	return k.tell(ctx, key, name)
}
