package s3

import (
	"errors"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/accesspolicy"
	"github.com/whypfs/whypfs/internal/acl"
)

// authorise loads the bucket of a call and decides whether the caller may do
// the operation. Operations on many keys ask for each of them later.
func (s *server) authorise(c *call) error {
	if !c.anonymous() && c.user.Level < c.op.right.level {
		return errAccessDenied
	}
	if c.op.level == service {
		return nil // who asks is told of what is theirs
	}
	if c.op.name == opCreateBucket {
		if c.anonymous() {
			return errAccessDenied
		}
		return nil
	}
	b, err := s.buckets.Bucket(c.r.Context(), c.name)
	if err != nil {
		return err
	}
	if b.Global {
		return errNoSuchBucket // it has no name in S3
	}
	if want := c.h.Get("X-Amz-Expected-Bucket-Owner"); want != "" && want != ownerID(b.Owner) {
		return errAccessDenied
	}
	c.bucket = b
	if c.rules, err = s.rules(c.r.Context(), b); err != nil {
		if mayUse(c.user, b.Owner) && c.op.repairsPolicy() {
			return nil // a document that cannot be read must not stay for ever
		}
		return err
	}
	q := c.question()
	if c.rules.lookAt(c.op.right.body) {
		return nil // askWithBody asks
	}
	if c.op.right.each && c.rules.policy != nil {
		return nil // a policy may say something else of each key
	}
	if c.op.right.uploads && !mayUse(c.user, b.Owner) {
		if err := s.findInitiator(c, &q); err != nil {
			return err
		}
	}
	if err := s.ask(c, q); err != nil {
		return err
	}
	if q.action == "s3:GetObjectAttributes" || q.action == "s3:GetObjectProof" { // which tell of the object's bytes
		return s.askToRead(c, c.key, q.version)
	}
	return s.askForHeaders(c, q)
}

// A question is whether the caller may do one action.
type question struct {
	bucket  buckets.Bucket
	rules   rules
	key     string // "": the bucket itself
	version string // as asked for
	action  string
	grant   aclGrant
	etag    string          // that a key of many must have
	prefix  string          // of a listing that is asked for in place of an object that is missing
	object  *buckets.Object // the one that key and version name, where its list or tags count
	// initiator began the upload in progress that it is about; 0: there is none.
	initiator uint64
}

// question is about the operation as a whole.
func (c *call) question() question {
	return question{bucket: c.bucket, rules: c.rules, key: c.key, version: c.q.Get("versionId"), action: c.op.right.action, grant: c.op.right.grant}
}

// repairsPolicy says whether an operation replaces or removes the policy.
func (op *operation) repairsPolicy() bool {
	return op.right.action == "s3:PutBucketPolicy" || op.right.action == "s3:DeleteBucketPolicy"
}

// askWithBody decides about an operation once what its body asks for is set in
// the call.
func (s *server) askWithBody(c *call) error {
	if !c.rules.lookAt(c.op.right.body) {
		return nil // was asked before the body was read
	}
	return s.ask(c, c.question())
}

// findInitiator sets who began the upload that a call is about, who may see and
// end it.
func (s *server) findInitiator(c *call, q *question) error {
	up, err := s.buckets.Upload(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId"))
	switch {
	case errors.Is(err, buckets.ErrNoUpload):
		return nil
	case err != nil:
		return err
	}
	q.initiator = initiator(up)
	return nil
}

// initiator is who began an upload.
func initiator(up buckets.MultipartUpload) uint64 {
	if up.Initiator != 0 {
		return up.Initiator
	}
	return up.Owner
}

// askEach decides about one of the many keys that a request names.
func (s *server) askEach(c *call, key, version, etag string) error {
	return s.ask(c, question{bucket: c.bucket, rules: c.rules, key: key, version: version, etag: etag, action: c.op.right.action, grant: c.op.right.grant})
}

// askToRead decides whether the caller may read what a condition or an attribute
// tells of an object. That there is none is for the operation to say.
func (s *server) askToRead(c *call, key, version string) error {
	_, err := s.decide(c, question{bucket: c.bucket, rules: c.rules, key: key, version: version, action: "s3:GetObject", grant: objectRead})
	return err
}

// askBypass decides whether the caller may override retention of a key.
func (s *server) askBypass(c *call, key string) error {
	return s.judge(c, question{bucket: c.bucket, rules: c.rules, key: key, action: "s3:BypassGovernanceRetention"})
}

// ask decides about one action, finding out about the object if need be. If
// that is not there, and the caller may know, it says so.
func (s *server) ask(c *call, q question) error {
	absent, err := s.decide(c, q)
	if err != nil {
		return err
	}
	return absent
}

// decide is ask with the error for an object that is not there told apart.
func (s *server) decide(c *call, q question) (absent, err error) {
	if q.version != "" {
		q.action, q.grant = ofVersion(q.action, q.grant)
	}
	if !q.aboutContent() || s.trusted(c, q) {
		return nil, s.judge(c, q)
	}
	o, err := s.find(c, q)
	switch {
	case errors.Is(err, buckets.ErrNoObject), errors.Is(err, buckets.ErrNoVersion):
		return c.notObject(o, err), s.missing(c, q)
	case err != nil:
		return nil, err
	}
	q.object = &o
	return nil, s.judge(c, q)
}

// trusted says that nothing about the object can change the answer.
func (s *server) trusted(c *call, q question) bool {
	return mayUse(c.user, q.bucket.Owner) && !q.rules.lists() &&
		(q.rules.policy == nil || !q.rules.policy.Uses("s3:existingobjecttag/"))
}

// mayCopy returns the object that a copy reads, if the caller may read it. The
// tags that go with it are another right, at both ends.
func (s *server) mayCopy(c *call, b buckets.Bucket, key, version string) (buckets.Object, error) {
	r, err := s.rules(c.r.Context(), b)
	if err != nil {
		return buckets.Object{}, err
	}
	q := question{bucket: b, rules: r, key: key, version: version, action: "s3:GetObject", grant: objectRead}
	tags := question{bucket: b, rules: r, key: key, version: version, action: "s3:GetObjectTagging"}
	if version != "" {
		q.action, q.grant = ofVersion(q.action, q.grant)
		tags.action, _ = ofVersion(tags.action, noGrant)
	}
	o, err := s.buckets.Head(c.r.Context(), b, key, version)
	switch {
	case errors.Is(err, buckets.ErrNoObject), errors.Is(err, buckets.ErrNoVersion):
		if denied := s.missing(c, q); denied != nil {
			err = denied
		}
		return o, err
	case err != nil:
		return o, err
	}
	q.object, tags.object = &o, &o
	if err := s.judge(c, q); err != nil || len(o.Tags) == 0 || c.op.name == opUploadPartCopy || c.retags() {
		return o, err
	}
	if err := s.judge(c, tags); err != nil {
		return o, err
	}
	c.tags = o.Tags
	if c.rules.lookAt(tagKeys) {
		if err := s.judge(c, c.question()); err != nil {
			return o, err
		}
	}
	return o, s.judge(c, question{bucket: c.bucket, rules: c.rules, key: c.key, action: "s3:PutObjectTagging"})
}

// find returns the object of a question. That of the call itself is looked up
// once, so that what is sent is what was judged.
func (s *server) find(c *call, q question) (buckets.Object, error) {
	if q.bucket.UUID == c.bucket.UUID && q.key == c.key && q.version == c.q.Get("versionId") {
		return s.head(c)
	}
	return s.buckets.Head(c.r.Context(), q.bucket, q.key, q.version)
}

// missing returns an error unless the caller could see in a listing that an
// object does not exist: nobody else is told.
func (s *server) missing(c *call, q question) error {
	if q.rules.policy != nil && q.rules.policy.Evaluate(s.policyRequest(c, q)) == accesspolicy.Deny {
		return errAccessDenied
	}
	list := question{bucket: q.bucket, rules: q.rules, action: "s3:ListBucket", grant: bucketRead, version: q.version, prefix: q.key}
	if q.version != "" {
		list.action = "s3:ListBucketVersions"
	}
	return s.judge(c, list)
}

// judge decides: what the policy denies is denied; the owner, whom the policy
// allows and whom a list grants are allowed; anything else is not.
func (s *server) judge(c *call, q question) error {
	effect := accesspolicy.None
	if q.rules.policy != nil {
		effect = q.rules.policy.Evaluate(s.policyRequest(c, q))
	}
	owner := q.bucket.Owner // who decides about what is asked for
	if q.object != nil && q.rules.lists() {
		owner = q.object.Owner
	}
	switch {
	case effect == accesspolicy.Deny:
		// A policy that denies everything must not be there for ever.
		if mayUse(c.user, q.bucket.Owner) && strings.HasSuffix(q.action, "BucketPolicy") {
			return nil
		}
	case mayUse(c.user, owner), q.initiator != 0 && q.initiator == c.user.ID:
		return nil
	case effect == accesspolicy.Allow && owner == q.bucket.Owner && !(q.rules.block.RestrictPublicBuckets && q.rules.policy.IsPublic()):
		return nil
	case s.granted(c, q):
		return nil
	}
	return errAccessDenied
}

// granted says whether an access control list allows it.
func (s *server) granted(c *call, q question) bool {
	whose, permission, _ := strings.Cut(string(q.grant), " ")
	var grants []acl.Grant
	switch {
	case whose == "bucket":
		grants = q.bucket.Grants
	case whose == "object" && q.object != nil && !q.object.Marker:
		grants = q.object.Grants
	}
	return acl.Allows(q.rules.visible(grants), c.caller(), acl.Permission(permission))
}

// mayUse says whether a user has all rights over what is owner's. The anonymous
// caller is nobody, and owns nothing.
func mayUse(user accounts.User, owner uint64) bool {
	return user.ID != 0 && (user.ID == owner || user.Level >= accounts.LevelAdmin)
}

// anonymous says that the request presents no credentials.
func (c *call) anonymous() bool { return c.user.ID == 0 }

// caller is the twelve digits of who calls, "" for nobody.
func (c *call) caller() string {
	if c.anonymous() {
		return ""
	}
	return ownerID(c.user.ID)
}

// aboutContent says whether an action is about an existing object itself,
// rather than its place in the bucket: its own list counts, and its owner.
func (q *question) aboutContent() bool {
	return q.key != "" && (strings.HasPrefix(q.action, "s3:GetObject") || strings.HasSuffix(q.action, "Acl") || strings.HasSuffix(q.action, "Tagging"))
}

// ofVersion is what the same means for a version that is named. To write into
// a bucket does not let remove a version: S3 leaves that to its owner.
func ofVersion(action string, g aclGrant) (string, aclGrant) {
	if g == bucketWrite {
		g = noGrant
	}
	for _, verb := range []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} {
		rest, ok := strings.CutPrefix(action, verb)
		if ok && (rest == "" && verb != "s3:PutObject" || rest == "Acl" || rest == "Tagging" || rest == "Attributes") {
			return verb + "Version" + rest, g
		}
	}
	return action, g
}

// askForHeaders decides about what headers ask for besides the operation.
func (s *server) askForHeaders(c *call, q question) error {
	if q.action != "s3:PutObject" {
		return nil
	}
	switch {
	case !c.anonymous():
	case c.op.copies:
		return errAccessDenied.because("Anonymous users cannot copy objects. Please authenticate.")
	case c.op.name == opCreateUpload:
		return errAccessDenied.because("Anonymous users cannot initiate multipart uploads. Please authenticate.")
	}
	for _, h := range []struct {
		sent   bool
		action string
		grant  aclGrant
	}{
		{s.shares(c), "s3:PutObjectAcl", bucketWrite},
		{c.h.Get(tagHeader) != "" && c.form == nil, "s3:PutObjectTagging", noGrant}, // tags may decide over access
		// In a form tags are one more field: who may write at all may send it.
		{c.h.Get(tagHeader) != "" && c.form != nil, "s3:PutObjectTagging", bucketWrite},
		{c.h.Get(lockMode) != "" || c.h.Get(lockUntil) != "", "s3:PutObjectRetention", noGrant},
		{c.h.Get(lockHold) != "", "s3:PutObjectLegalHold", noGrant},
	} {
		if !h.sent {
			continue
		}
		if !c.anonymous() && c.user.Level < accounts.LevelUser {
			return errAccessDenied
		}
		// About the object to be, not about one there is: judge, not ask.
		if q.action, q.grant = h.action, h.grant; s.judge(c, q) != nil {
			return errAccessDenied
		}
	}
	return nil
}
