package explain

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/queue"
)

// Explainer explains contents. It is safe for concurrent use.
type Explainer struct {
	buckets *buckets.Buckets
	deals   *deals.Deals
}

// New returns an Explainer over what there is.
func New(b *buckets.Buckets, d *deals.Deals) *Explainer { return &Explainer{b, d} }

// Explanation of one content.
type Explanation struct {
	// Sentences are the answer: how it is, why, and what happens next.
	Sentences []string
	Wanted    int  // providers that are to have all of it
	Active    int  // providers' replicas there are of the piece that has the fewest
	Safe      bool // as many as wanted

	Bucket  string // its name, or uuid if it is a user's global one
	Content buckets.Content
	Zone    *buckets.Zone `json:",omitempty"` // nil: none yet
	Pieces  []deals.PieceAccount
	Jobs    []queue.Job
}

// Content explains a content, or returns buckets.ErrNoContent.
func (e *Explainer) Content(ctx context.Context, id uint64) (Explanation, error) {
	c, err := e.buckets.Content(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Content: c, Bucket: c.Bucket}
	b, err := e.buckets.BucketByUUID(ctx, c.Bucket)
	if err != nil && !errors.Is(err, buckets.ErrNoBucket) {
		return x, err
	}
	if b.Name != "" {
		x.Bucket = b.Name
	}
	x.Wanted = cmp.Or(c.Replication, b.Policy.Replication)
	if c.Zone != 0 {
		z, err := e.buckets.Zone(ctx, c.Zone)
		if errors.Is(err, buckets.ErrNoZone) {
			return x, buckets.ErrNoContent // both went between the reads
		}
		if err != nil {
			return x, err
		}
		x.Zone, x.Wanted = &z, z.Policy.Replication
		if x.Pieces, err = e.deals.Accounts(ctx, z.ID, c.ID); err != nil {
			return x, err
		}
	}
	if x.Jobs, err = e.buckets.JobsOf(ctx, c); err != nil {
		return x, err
	}
	x.count()
	x.Sentences = x.tell(time.Now())
	return x, nil
}

// count finds how often the piece stands that stands least: without any one of
// its pieces an object is not whole.
func (x *Explanation) count() {
	for i, p := range x.Pieces {
		if i == 0 || p.Active < x.Active {
			x.Active = p.Active
		}
	}
	x.Safe = len(x.Pieces) > 0 && x.Active >= x.Wanted
}

// job returns the job of a kind, if there is one.
func (x *Explanation) job(kind string) (queue.Job, bool) {
	for _, j := range x.Jobs {
		if j.Kind == kind {
			return j, true
		}
	}
	return queue.Job{}, false
}
