package buckets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// Flip is how far a change of a bucket's Publish is carried out.
type Flip string

// The steps of a change. A crash repeats the one it interrupted.
const (
	// FlipPublish: what the bucket has becomes public.
	FlipPublish Flip = "publishing"
	// FlipHide: what the bucket has becomes private, also what others have too.
	FlipHide Flip = "hiding"
	// FlipSpare: nothing of the bucket's is public; what the public contents of
	// other buckets have too becomes public again.
	FlipSpare Flip = "hidden"
)

// flip begins a change of Publish in the transaction that makes it: from its
// commit on, nothing is stored, announced or restored as it was before.
func (b *Buckets) flip(tx kv.Tx, bucket *Bucket) error {
	bucket.Flip = FlipHide
	if bucket.Policy.Publish {
		bucket.Flip = FlipPublish
	}
	// Its maker does the work; the job is for when that is interrupted, and for
	// what may come later.
	return errors.Join(
		b.queue.Add(tx, jobPublish, bucket.UUID, time.Now().Add(flipPatience)),
		b.treeFollows(tx, *bucket))
}

// flipPatience is how long the job leaves a change to its maker.
const flipPatience = 5 * time.Second

// carryOut is job publish: it does what is left of a change.
func (b *Buckets) carryOut(ctx context.Context, uuid string) error {
	for {
		step, err := b.flipStep(ctx, uuid)
		if err != nil || step == "" {
			return err
		}
	}
}

// visible returns once the contents of a bucket are as public, or private, as
// its policy says.
func (b *Buckets) visible(ctx context.Context, uuid string) error {
	for {
		step, err := b.flipStep(ctx, uuid)
		if err != nil || step != FlipHide && step != FlipPublish {
			if err == nil && step != "" {
				err = b.queue.Wake(ctx, jobPublish, uuid)
			}
			return err
		}
	}
}

// flipStep does one step of a change, and returns the next one. One step of one
// bucket runs at a time: a bucket whose contents another's step publishes again
// may itself become private, and is then hidden after that.
func (b *Buckets) flipStep(ctx context.Context, uuid string) (next Flip, err error) {
	select {
	case b.flipping <- struct{}{}:
		defer func() { <-b.flipping }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	var bucket Bucket
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		bucket, err = bucketRow(tx, uuid)
		return err
	})
	if errors.Is(err, ErrNoBucket) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	switch bucket.Flip {
	case "":
		return "", nil
	case FlipPublish:
		err = b.publishAll(ctx, uuid)
	case FlipHide:
		next, err = b.hideAll(ctx, uuid)
	case FlipSpare:
		err = b.publishOthers(ctx)
	default:
		err = fmt.Errorf("unknown step %q", bucket.Flip)
	}
	if err != nil {
		return "", fmt.Errorf("%s bucket %q: %w", bucket.Flip, bucket.Name, err)
	}
	done := bucket.Flip
	bucket, err = b.changeBucket(ctx, uuid, func(_ kv.Tx, now *Bucket) error {
		if now.Flip == done {
			now.Flip = next
		}
		return nil
	})
	if errors.Is(err, ErrNoBucket) {
		return "", nil
	}
	return bucket.Flip, err
}

// publishAll makes what a bucket has public, and then has it announced.
func (b *Buckets) publishAll(ctx context.Context, uuid string) error {
	for root, err := range b.bucketRoots(ctx, uuid) {
		if err == nil {
			err = b.node.Publish(ctx, root)
		}
		if err != nil {
			return err
		}
		b.announcer.look(root)
	}
	return nil
}

// hideAll makes what a bucket has private. Whatever was about to make some of it
// public because the bucket was, has ended when it returns.
func (b *Buckets) hideAll(ctx context.Context, uuid string) (next Flip, err error) {
	// Readers are cut off first. Then those are awaited that decided before the
	// change; they may have published meanwhile, so all is hidden again.
	were, err := b.hideNow(ctx, uuid)
	if err != nil {
		return "", err
	}
	b.writes.stop(uuid)
	b.publishing.Lock() // and who publishes looks at the rows again
	b.publishing.Unlock()
	again, err := b.hideNow(ctx, uuid)
	if err != nil || were+again == 0 {
		return "", err
	}
	return FlipSpare, nil
}

func (b *Buckets) hideNow(ctx context.Context, uuid string) (were int, err error) {
	var roots []cid.Cid
	were, err = b.node.Hide(ctx, func(yield func(cid.Cid, error) bool) {
		for root, err := range b.bucketRoots(ctx, uuid) {
			if err == nil {
				roots = append(roots, root)
			}
			if !yield(root, err) {
				return
			}
		}
	})
	if err != nil {
		return 0, err
	}
	row, _, err := b.loadTree(ctx, uuid)
	switch {
	case err == nil && row.Work.Defined() && !row.Private:
		err = b.hideTree(ctx, row.Work, row)
	case errors.Is(err, ErrNoTree):
		err = nil
	}
	if err != nil || b.announcer == nil {
		return were, err
	}
	// The announcer may be at work with what was true before, so it looks too.
	b.announcer.look(roots...)
	return were, b.announceChanged(ctx, roots)
}

// publishOthers makes public again what public contents have in common with
// what was hidden. Nobody keeps which blocks those are, so it goes over all.
func (b *Buckets) publishOthers(ctx context.Context) error {
	for root, err := range b.publishedRoots(ctx) {
		if err == nil {
			err = b.node.Publish(ctx, root)
		}
		if err != nil {
			return err
		}
	}
	var trees []cid.Cid
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		trees, err = publicTrees(tx)
		return err
	})
	for _, root := range trees {
		if err == nil {
			err = b.node.PublishDirs(ctx, root)
		}
	}
	return err
}

// bucketRoots yields the roots of what a bucket has: of its contents, deleted
// ones that a piece still holds too, and of the parts of uploads in progress.
func (b *Buckets) bucketRoots(ctx context.Context, uuid string) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		var after []byte
		for {
			var roots []cid.Cid
			var next []byte
			err := b.view(ctx, func(tx kv.Tx) (err error) {
				if after == nil {
					if roots, err = partRoots(tx, uuid); err != nil {
						return err
					}
				} else {
					roots = nil
				}
				return contentsAfter(tx, after, &next, func(c Content) error {
					if c.Bucket == uuid {
						roots = append(roots, c.CID)
					}
					return nil
				})
			})
			if err != nil {
				yield(cid.Undef, err)
				return
			}
			for _, root := range roots {
				if !yield(root, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			after = next
		}
	}
}

// partRoots are those of the parts of a bucket's uploads in progress.
func partRoots(tx kv.Tx, uuid string) (roots []cid.Cid, err error) {
	for row, err := range tx.Scan(kv.Range(tabUpload, uuid)) {
		var u MultipartUpload
		if err == nil {
			err = decode(row.Value, &u)
		}
		var parts []Part
		if err == nil {
			parts, _, err = partRows(tx, u.ID, 0, math.MaxInt)
		}
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			roots = append(roots, p.CID)
		}
	}
	return roots, nil
}
