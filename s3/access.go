package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/accesspolicy"
	"github.com/whypfs/whypfs/internal/acl"
)

// Names of the documents of a bucket that say who may do what.
const (
	policyDocument    = "policy"
	ownershipDocument = "ownership"
	blockDocument     = "publicAccessBlock"
)

// Object ownerships of a bucket.
const (
	ownerEnforced  = "BucketOwnerEnforced"  // the bucket's owner owns every object; lists are off
	ownerPreferred = "BucketOwnerPreferred" // it owns those that are put with bucket-owner-full-control
	objectWriter   = "ObjectWriter"         // who puts an object owns it
	noOwnership    = "none"                 // controls were removed: S3 then means ObjectWriter, and tells nothing
)

// rules are what the documents of a bucket say of access to it. A bucket
// without documents has the zero value, and costs nothing to ask.
type rules struct {
	policy    *accesspolicy.Policy // nil: none
	ownership string               // "" is BucketOwnerEnforced
	block     publicBlock
}

// lists says whether access control lists count for anything.
func (r rules) lists() bool { return r.ownership != "" && r.ownership != ownerEnforced }

// lookAt says whether the policy looks at one of these condition keys, as
// accesspolicy.Policy.Uses names them.
func (r rules) lookAt(keys []string) bool {
	return r.policy != nil && slices.ContainsFunc(keys, r.policy.Uses)
}

// A rulebook keeps the parsed documents of buckets.
type rulebook struct {
	policies   *parsed[*accesspolicy.Policy]
	ownerships *parsed[string]
	blocks     *parsed[publicBlock]
}

func newRulebook() rulebook {
	return rulebook{
		policies: newParsed(policyDocument, func(b buckets.Bucket, data []byte) (*accesspolicy.Policy, error) {
			return accesspolicy.Parse(data, b.Name)
		}),
		ownerships: newParsed(ownershipDocument, func(_ buckets.Bucket, data []byte) (string, error) { return string(data), nil }),
		blocks:     newParsed(blockDocument, func(_ buckets.Bucket, data []byte) (publicBlock, error) { return parsePublicBlock(data) }),
	}
}

// rules reads the documents of a bucket. One that cannot be understood is an
// error: to go on without it could allow what it denies.
func (s *server) rules(ctx context.Context, b buckets.Bucket) (rules, error) {
	return s.rulebook.rules(ctx, s.buckets, b)
}

func (book rulebook) rules(ctx context.Context, store *buckets.Buckets, b buckets.Bucket) (r rules, err error) {
	if r.policy, err = stored(ctx, store, b, book.policies); err == nil {
		if r.ownership, err = stored(ctx, store, b, book.ownerships); err == nil {
			r.block, err = stored(ctx, store, b, book.blocks)
		}
	}
	return r, err
}

// PublicAccess returns a function that says whether a bucket's policy or its
// access control list lets in callers whom it does not name, as far as the
// bucket's public access block leaves them any effect. It costs nothing for
// buckets without documents.
func PublicAccess(store *buckets.Buckets) func(context.Context, buckets.Bucket) (bool, error) {
	book := newRulebook()
	return func(ctx context.Context, b buckets.Bucket) (bool, error) {
		r, err := book.rules(ctx, store, b)
		if err != nil {
			return false, err
		}
		policy := r.policy != nil && r.policy.IsPublic() && !r.block.RestrictPublicBuckets
		return policy || acl.IsPublic(r.visible(b.Grants)), nil
	}
}

// stored returns a document, the zero value if the bucket has none. What is
// wrong with it is hidden: the client who asks is not who is wrong.
func stored[T any](ctx context.Context, store *buckets.Buckets, b buckets.Bucket, p *parsed[T]) (T, error) {
	v, _, err := p.of(ctx, store, b)
	switch {
	case errors.Is(err, buckets.ErrNoDocument): // deleted since b was read
		return *new(T), nil
	case err != nil:
		return v, fmt.Errorf("document %q of bucket %q: %v", p.name, b.Name, err)
	}
	return v, nil
}

// visible are the grants of a list that count: not those to the public where
// the bucket ignores them.
func (r rules) visible(grants []acl.Grant) []acl.Grant {
	if !r.lists() {
		return nil
	}
	if !r.block.IgnorePublicAcls || !acl.IsPublic(grants) {
		return grants
	}
	var out []acl.Grant
	for _, g := range grants {
		if !acl.IsPublic([]acl.Grant{g}) {
			out = append(out, g)
		}
	}
	return out
}
