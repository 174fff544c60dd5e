package s3

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
)

const (
	aclHeader         = "X-Amz-Acl"
	cannedFullControl = "bucket-owner-full-control"
	maxACL            = 256 << 10 // bytes of a document of 100 grants
)

// acl tells the list of the bucket or object. Where lists are off it is the one
// that says that everything is the bucket owner's.
func (s *server) acl(w *response, c *call) error {
	owner, grants := c.bucket.Owner, c.bucket.Grants
	if c.key != "" {
		o, err := s.object(c)
		if err != nil {
			return err
		}
		owner, grants = c.rules.listOwner(c.bucket, o), o.Grants
	}
	if !c.rules.lists() || grants == nil {
		grants = []acl.Grant{{Grantee: acl.Grantee{ID: ownerID(owner)}, Permission: acl.FullControl}}
	}
	name := func(id string) string { return s.displayName(c, id) }
	id := ownerID(owner)
	return writeXML(w, http.StatusOK, acl.NewDocument(acl.Owner{ID: id, DisplayName: name(id)}, grants, name))
}

// displayName is the name of a user as documents show it; one that is not known
// any more is shown by its id.
func (s *server) displayName(c *call, id string) string {
	if id == c.caller() {
		return c.user.Name
	}
	if u, err := s.userOf(c.r.Context(), id); err == nil {
		return u.Name
	}
	return id
}

// userOf finds the user of a twelve-digit id.
func (s *server) userOf(ctx context.Context, id string) (accounts.User, error) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || n == 0 || ownerID(n) != id {
		return accounts.User{}, accounts.ErrNoUser
	}
	return s.accounts.User(ctx, n)
}

func (s *server) putBucketACL(_ *response, c *call) error {
	if !c.rules.lists() {
		return s.keepList(c)
	}
	grants, err := s.newList(c, c.bucket.Owner, "")
	if err != nil {
		return err
	}
	return s.buckets.SetBucketGrants(c.r.Context(), c.bucket, grants)
}

func (s *server) putObjectACL(w *response, c *call) error {
	o, err := s.object(c)
	if err != nil {
		return err
	}
	if !c.rules.lists() {
		return s.keepList(c)
	}
	grants, err := s.newList(c, o.Owner, ownerID(c.bucket.Owner))
	if err != nil {
		return err
	}
	_, err = s.buckets.SetGrants(c.r.Context(), c.bucket, c.key, c.q.Get("versionId"), grants)
	return err
}

// keepList answers a request to set a list where lists are off. S3 takes only
// what holds anyway, the full control of the bucket's owner, as the canned list
// of that name or as a document: s3cmd gives a copy the list of its source.
func (s *server) keepList(c *call) error {
	data, err := c.document(maxACL, false)
	if err != nil {
		return err
	}
	owner := ownerID(c.bucket.Owner)
	_, given, err := s.listHeaders(c, owner, owner)
	switch {
	case err != nil:
		return errACL
	case given && len(data) == 0 && c.h.Get(aclHeader) == cannedFullControl:
		return nil
	case given || len(data) == 0:
		return errACL
	}
	grants, err := s.listDocument(c, data, owner)
	if err != nil || len(grants) == 0 || !private(grants, owner) {
		return errACL
	}
	return nil
}

// newList reads the list of an operation that sets one: by one header, by
// several, or by a document, but not by two of them.
func (s *server) newList(c *call, owner uint64, bucketOwner string) ([]acl.Grant, error) {
	data, err := c.document(maxACL, false)
	if err != nil {
		return nil, err
	}
	grants, given, err := s.listHeaders(c, ownerID(owner), bucketOwner)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSpace(data)
	switch {
	case given && len(data) > 0:
		return nil, errUnexpectedContent
	case !given && len(data) == 0:
		return nil, errMissingACL
	case !given:
		if grants, err = s.listDocument(c, data, ownerID(owner)); err != nil {
			return nil, err
		}
	}
	return grants, c.rules.block.admits(grants)
}

// listDocument reads the document of a list. It cannot make another the owner.
func (s *server) listDocument(c *call, data []byte, owner string) ([]acl.Grant, error) {
	var doc acl.Request
	if err := parseXML(data, &doc); err != nil {
		if errors.Is(err, errMalformedXML) {
			return nil, errMalformedACL
		}
		return nil, err
	}
	named, grants, err := doc.Read()
	if err != nil {
		return nil, err
	}
	if named != owner {
		return nil, errAccessDenied
	}
	return grants, s.known(c.r.Context(), grants)
}

// listHeaders reads the list that headers give, if any do.
func (s *server) listHeaders(c *call, owner, bucketOwner string) (grants []acl.Grant, given bool, err error) {
	for _, h := range acl.Headers {
		v := c.h.Get(h.Name)
		if v == "" {
			continue
		}
		more, err := acl.ParseHeader(v, h.Permission)
		if err != nil {
			return nil, true, err
		}
		grants, given = append(grants, more...), true
	}
	canned := c.h.Get(aclHeader)
	switch {
	case canned == "":
		if len(grants) > acl.MaxGrants {
			return nil, given, acl.ErrTooMany
		}
		return grants, given, s.known(c.r.Context(), grants)
	case given:
		return nil, true, errInvalidRequest.because("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	grants, err = acl.Canned(canned, owner, bucketOwner)
	return grants, true, err
}

// known returns an error if a grantee is not a user.
func (s *server) known(ctx context.Context, grants []acl.Grant) error {
	checked := map[string]bool{}
	for _, g := range grants {
		if id := g.Grantee.ID; id != "" && !checked[id] {
			if _, err := s.userOf(ctx, id); errors.Is(err, accounts.ErrNoUser) {
				return acl.ErrGrantee
			} else if err != nil {
				return err
			}
			checked[id] = true
		}
	}
	return nil
}

// admits refuses a list that is public where the bucket blocks such.
func (b publicBlock) admits(grants []acl.Grant) error {
	if b.BlockPublicAcls && acl.IsPublic(grants) {
		return errAccessDenied
	}
	return nil
}

// objectGrants are the owner and the list of an object that is being put. Where
// lists are off, one that changes nothing is taken: S3 itself refuses "private"
// there, but clients are widely configured to send it, to say what holds anyway.
func (s *server) objectGrants(c *call) (owner uint64, grants []acl.Grant, err error) {
	owner = c.objectOwner()
	grants, given, err := s.listHeaders(c, ownerID(owner), ownerID(c.bucket.Owner))
	if err != nil || !given {
		return owner, nil, err
	}
	if !c.rules.lists() {
		if c.h.Get(aclHeader) != cannedFullControl && !private(grants, ownerID(owner)) {
			return 0, nil, errACL
		}
		return owner, nil, nil
	}
	return owner, grants, c.rules.block.admits(grants)
}

// bucketOptions are what the headers of CreateBucket ask for.
func (s *server) bucketOptions(c *call) (buckets.BucketOptions, error) {
	ownership, documents, err := s.newOwnership(c)
	if err != nil {
		return buckets.BucketOptions{}, err
	}
	grants, given, err := s.listHeaders(c, c.caller(), "")
	if err != nil {
		return buckets.BucketOptions{}, err
	}
	if given && ownership == ownerEnforced && !private(grants, c.caller()) {
		return buckets.BucketOptions{}, errOwnershipACL
	}
	return buckets.BucketOptions{
		ObjectLock: strings.EqualFold(c.h.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true"),
		Grants:     grants, Documents: documents,
	}, nil
}

// shares says whether headers give rights in the object that is put to others
// than its owner and the bucket's. Where lists are off they cannot.
func (s *server) shares(c *call) bool {
	if !c.rules.lists() {
		return false
	}
	owner, bucketOwner := ownerID(c.objectOwner()), ownerID(c.bucket.Owner)
	grants, _, err := s.listHeaders(c, owner, bucketOwner)
	// What is wrong with them the operation says.
	return err == nil && slices.ContainsFunc(grants, func(g acl.Grant) bool { return g.Grantee.ID != owner && g.Grantee.ID != bucketOwner })
}
