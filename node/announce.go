package node

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	leveldb "github.com/ipfs/go-ds-leveldb"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/provider"
	"github.com/libp2p/go-libp2p-kad-dht/provider/keystore"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/durable"
)

const (
	// announceDir holds what is announced, and when it was. It may be lost:
	// AnnounceOnly fills it again, and the network is told anew.
	announceDir = "announce"
	// announceBatch keys go to the announcer at once.
	announceBatch = 1024
	// announceWorkers explore the DHT at once, some of them kept for what is
	// new and some for what is due again.
	announceWorkers = 16
)

// announcer tells the DHT what is here, and again before the DHT forgets: it
// sweeps over the key space, so that the peers of one region are looked up
// once for all keys near them. Its nil value announces nothing.
//
// There is no persistent queue in front. Who calls Announce knows what is
// public, and says all of it after a start, so a queue that outlived a crash
// could only repeat what is no longer true.
type announcer struct {
	sweep *provider.SweepingProvider
	keys  *keystore.ResettableKeystore
	meta  datastore.Batching
	all   bool // every public block is announced, not roots alone
}

// newAnnouncer announces through d what the folder says was announced before.
func newAnnouncer(dir string, d *dht.IpfsDHT, all bool, log *slog.Logger) (*announcer, error) {
	dir = filepath.Join(dir, announceDir)
	a, err := openAnnouncer(dir, d, all)
	if err == nil {
		return a, nil
	}
	log.Warn("what was announced cannot be read, and is told anew", "err", err)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return openAnnouncer(dir, d, all)
}

func openAnnouncer(dir string, d *dht.IpfsDHT, all bool) (a *announcer, err error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	open := func(name string) (datastore.Batching, error) {
		d, err := leveldb.NewDatastore(filepath.Join(dir, name), nil)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	remove := func(name string) error { return os.RemoveAll(filepath.Join(dir, name)) }
	a = &announcer{all: all}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.meta, err = open("meta"); err != nil {
		return a, err
	}
	// The keys have folders of their own: a reset makes a new one and removes
	// the old, where deleting millions of keys would leave their space behind.
	if a.keys, err = keystore.NewResettableKeystore(a.meta, keystore.WithDatastoreFactory(open, remove)); err != nil {
		return a, err
	}
	// The DHT of this node does not remember what it announces: it would go on
	// answering for two days with what was made private meanwhile.
	a.sweep, err = provider.New(
		provider.WithHost(d.Host()),
		provider.WithRouter(d),
		provider.WithMessageSender(d.MessageSender()),
		provider.WithSelfAddrs(d.FilteredAddrs),
		provider.WithKeystore(a.keys),
		provider.WithDatastore(a.meta),
		provider.WithMaxWorkers(announceWorkers),
		provider.WithDedicatedPeriodicWorkers(announceWorkers/4),
		provider.WithDedicatedBurstWorkers(announceWorkers/4),
	)
	return a, err
}

// close keeps what is announced for the next start.
func (a *announcer) close() error {
	if a == nil {
		return nil
	}
	var errs []error
	if a.sweep != nil {
		errs = append(errs, a.sweep.Close())
	}
	if a.keys != nil {
		errs = append(errs, a.keys.Close())
	}
	if a.meta != nil {
		errs = append(errs, a.meta.Close())
	}
	return errors.Join(errs...)
}

// count is how many keys are announced.
func (a *announcer) count(ctx context.Context) (int, error) {
	if a == nil {
		return 0, nil
	}
	return a.keys.Size(ctx)
}

// Announce has the network told that this node has roots, soon, and again and
// again until Unannounce. With Config.Announce "all" it tells of every block
// under them. What is not here, or is private, is never told. Without a DHT it
// does nothing. What it was told survives a restart, but for a crash: after a
// start AnnounceOnly says it all.
func (n *Node) Announce(ctx context.Context, roots ...cid.Cid) error {
	a := n.host.announce
	if a == nil {
		return nil
	}
	for keys, err := range batches(n.announced(ctx, values(roots), true)) {
		if err == nil {
			err = a.sweep.StartProviding(false, keys...)
		}
		if err != nil {
			return fmt.Errorf("announce: %w", err)
		}
	}
	return nil
}

// Unannounce ends what Announce began. Peers that were told forget it after
// some two days; until then they send readers here, who find nothing. With
// "all" it ends what under roots is no longer public; what is public, though
// nothing names it any more, goes with the next AnnounceOnly.
func (n *Node) Unannounce(ctx context.Context, roots ...cid.Cid) error {
	a := n.host.announce
	if a == nil {
		return nil
	}
	for keys, err := range batches(n.announced(ctx, values(roots), false)) {
		if err == nil {
			err = a.sweep.StopProviding(keys...)
		}
		if err != nil {
			return fmt.Errorf("end announcing: %w", err)
		}
	}
	return nil
}

// AnnounceOnly has the network told of those of roots that are here and
// public, and of nothing else; with Config.Announce "all", of every public
// block, whatever roots are. Announce and Unannounce wait meanwhile for its
// caller to order them: what is said while it runs may be lost.
func (n *Node) AnnounceOnly(ctx context.Context, roots iter.Seq2[cid.Cid, error]) error {
	a := n.host.announce
	if a == nil {
		return nil
	}
	if n.host.announce.all {
		roots = n.publicKeys(ctx)
	}
	// A reset that is cancelled before it has begun leaves the keystore hanging
	// for ever (kad-dht v0.42.2). It has begun once it takes a key.
	resetCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	live, ended := make(chan cid.Cid), make(chan struct{})
	var resetErr error
	go func() {
		defer close(ended)
		resetErr = a.keys.ResetCids(resetCtx, live)
	}()
	err := n.sayAll(ctx, roots, live, ended)
	if err == nil {
		close(live)
	} else {
		select {
		case live <- cid.NewCidV1(cid.Raw, nobodys):
		case <-ended:
		}
		cancel() // the keys stay as they were
	}
	<-ended
	if err == nil {
		err = resetErr
	}
	if err == nil {
		err = a.sweep.RefreshSchedule()
	}
	if err != nil {
		return fmt.Errorf("announce only what is public: %w", err)
	}
	return nil
}

// nobodys is a key that a reset takes and that is never announced.
var nobodys = multihash.Multihash("\x00\x00")

// sayAll starts what is new, and hands everything to the reset that reads live until it has ended.
func (n *Node) sayAll(ctx context.Context, roots iter.Seq2[cid.Cid, error], live chan<- cid.Cid, ended <-chan struct{}) error {
	for keys, err := range batches(n.public(ctx, roots)) {
		if err == nil {
			err = n.host.announce.sweep.StartProviding(false, keys...)
		}
		if err != nil {
			return err
		}
		for _, k := range keys {
			select {
			case live <- cid.NewCidV1(cid.Raw, k):
			case <-ended:
				return errors.New("the keys cannot be replaced")
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// Announced is how many roots, or blocks, the network is told of.
func (n *Node) Announced(ctx context.Context) (int, error) { return n.host.announce.count(ctx) }

// announced yields what is to be announced of roots, or no longer to be.
func (n *Node) announced(ctx context.Context, roots iter.Seq2[cid.Cid, error], start bool) iter.Seq2[cid.Cid, error] {
	if n.host.announce.all {
		roots = n.under(ctx, roots)
	}
	if start {
		return n.public(ctx, roots)
	}
	if !n.host.announce.all {
		return roots
	}
	return n.filter(ctx, roots, false)
}

// public yields those of roots that are here and public.
func (n *Node) public(ctx context.Context, roots iter.Seq2[cid.Cid, error]) iter.Seq2[cid.Cid, error] {
	return n.filter(ctx, roots, true)
}

func (n *Node) filter(ctx context.Context, roots iter.Seq2[cid.Cid, error], public bool) iter.Seq2[cid.Cid, error] {
	visible := n.publicBlocks()
	return func(yield func(cid.Cid, error) bool) {
		for root, err := range roots {
			var has bool
			if err == nil {
				has, err = visible.Has(ctx, root)
			}
			if (err != nil || has == public) && !yield(root, err) {
				return
			}
		}
	}
}

// under yields the blocks of the DAGs under roots, as far as they are here.
func (n *Node) under(ctx context.Context, roots iter.Seq2[cid.Cid, error]) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		stop := errors.New("stop")
		for root, err := range roots {
			if err == nil {
				err = n.Walk(ctx, root, func(c cid.Cid, _ int) error {
					if !yield(c, nil) {
						return stop
					}
					return nil
				})
			}
			if errors.Is(err, stop) {
				return
			}
			if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) && !yield(root, err) {
				return
			}
		}
	}
}

// publicKeys yields every public block of the store.
func (n *Node) publicKeys(ctx context.Context) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ch, err := n.publicBlocks().AllKeysChan(ctx)
		if err != nil {
			yield(cid.Undef, err)
			return
		}
		for c := range ch {
			if !yield(c, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(cid.Undef, err)
		}
	}
}

func values(cids []cid.Cid) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		for _, c := range cids {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// batches yields the hashes of CIDs, many at once, each once in a batch: the
// keystore would count it twice. An error is the last thing yielded.
func batches(cids iter.Seq2[cid.Cid, error]) iter.Seq2[[]multihash.Multihash, error] {
	return func(yield func([]multihash.Multihash, error) bool) {
		var keys []multihash.Multihash
		seen := map[string]bool{}
		for c, err := range cids {
			if err != nil {
				yield(nil, err)
				return
			}
			if c.Prefix().MhType == multihash.IDENTITY || seen[string(c.Hash())] {
				continue // who has an identity CID has the block
			}
			seen[string(c.Hash())] = true
			if keys = append(keys, c.Hash()); len(keys) == announceBatch {
				if !yield(keys, nil) {
					return
				}
				keys = nil
				clear(seen)
			}
		}
		if len(keys) > 0 {
			yield(keys, nil)
		}
	}
}
