package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// level says what a path names.
type level string

const (
	service level = "service"
	bucket  level = "bucket"
	object  level = "object"
)

// split finds what a decoded path names. A key keeps its slashes, dots, spaces
// and line ends. Without a bucket it names nothing.
func split(path string) (l level, name, key string, ok bool) {
	path, ok = strings.CutPrefix(path, "/")
	name, key, _ = strings.Cut(path, "/")
	switch {
	case !ok || name == "" && path != "":
		return "", "", "", false
	case path == "":
		return service, "", "", true
	case key == "":
		return bucket, name, "", true
	}
	return object, name, key, true
}

// An operation is one row of the API.
type operation struct {
	name   string
	method string
	level  level
	need   []string   // query parameters that select it
	copies bool       // it is selected by x-amz-copy-source too
	allow  []string   // query parameters it may have besides; any other is refused
	right  permission // of a caller
	do     func(*server, *response, *call) error
}

const (
	opCreateBucket   = "CreateBucket"
	opCreateUpload   = "CreateMultipartUpload"
	opUploadPart     = "UploadPart"
	opUploadPartCopy = "UploadPartCopy"
)

func names(n ...string) []string { return n }

// overrides are the response headers a reader may choose.
var overrides = map[string]string{
	"response-cache-control":       "Cache-Control",
	"response-content-disposition": "Content-Disposition",
	"response-content-encoding":    "Content-Encoding",
	"response-content-language":    "Content-Language",
	"response-content-type":        "Content-Type",
	"response-expires":             "Expires",
}

var readable = names("versionId", "partNumber", "response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language", "response-content-type", "response-expires")

// redirected are the parameters with which a form upload sends a browser to a
// page, which may be an object or a listing here. They choose nothing.
var redirected = names("bucket", "key", "etag")

// operations is the whole API. Of the rows with a request's method and level
// the first one whose need is met is taken, so the plain ones come last.
var operations = []operation{
	{"ListBuckets", "GET", service, nil, false, names("prefix", "max-buckets", "continuation-token", "bucket-region"), may("s3:ListAllMyBuckets", noGrant), (*server).listBuckets},

	{"ListMultipartUploads", "GET", bucket, names("uploads"), false, names("prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"), may("s3:ListBucketMultipartUploads", bucketRead), (*server).listUploads},
	{"GetBucketLocation", "GET", bucket, names("location"), false, nil, mayUpload("s3:GetBucketLocation", noGrant), (*server).bucketLocation},
	{"GetBucketVersioning", "GET", bucket, names("versioning"), false, nil, may("s3:GetBucketVersioning", noGrant), (*server).getVersioning},
	{"GetBucketAcl", "GET", bucket, names("acl"), false, nil, may("s3:GetBucketAcl", bucketReadACP), (*server).acl},
	{"PutBucketAcl", "PUT", bucket, names("acl"), false, nil, may("s3:PutBucketAcl", bucketWriteACP), (*server).putBucketACL},
	{"GetBucketPolicy", "GET", bucket, names("policy"), false, nil, may("s3:GetBucketPolicy", noGrant), (*server).policy},
	{"PutBucketPolicy", "PUT", bucket, names("policy"), false, nil, may("s3:PutBucketPolicy", noGrant), (*server).putPolicy},
	{"DeleteBucketPolicy", "DELETE", bucket, names("policy"), false, nil, may("s3:DeleteBucketPolicy", noGrant), (*server).deletePolicy},
	{"GetBucketPolicyStatus", "GET", bucket, names("policyStatus"), false, nil, may("s3:GetBucketPolicyStatus", noGrant), (*server).policyStatus},
	{"GetBucketTagging", "GET", bucket, names("tagging"), false, nil, may("s3:GetBucketTagging", noGrant), (*server).getBucketTagging},
	{"GetBucketCors", "GET", bucket, names("cors"), false, nil, may("s3:GetBucketCORS", noGrant), (*server).getCORS},
	{"GetBucketLifecycleConfiguration", "GET", bucket, names("lifecycle"), false, nil, may("s3:GetLifecycleConfiguration", noGrant), (*server).getLifecycle},
	{"PutBucketLifecycleConfiguration", "PUT", bucket, names("lifecycle"), false, nil, may("s3:PutLifecycleConfiguration", noGrant), (*server).putLifecycle},
	{"DeleteBucketLifecycle", "DELETE", bucket, names("lifecycle"), false, nil, may("s3:PutLifecycleConfiguration", noGrant), (*server).deleteLifecycle},
	{"GetObjectLockConfiguration", "GET", bucket, names("object-lock"), false, nil, may("s3:GetBucketObjectLockConfiguration", noGrant), (*server).getObjectLock},
	{"GetBucketEncryption", "GET", bucket, names("encryption"), false, nil, may("s3:GetEncryptionConfiguration", noGrant), (*server).getEncryption},
	{"GetBucketWebsite", "GET", bucket, names("website"), false, nil, may("s3:GetBucketWebsite", noGrant), absent(404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")},
	{"GetBucketReplication", "GET", bucket, names("replication"), false, nil, may("s3:GetReplicationConfiguration", noGrant), absent(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")},
	{"GetPublicAccessBlock", "GET", bucket, names("publicAccessBlock"), false, nil, may("s3:GetBucketPublicAccessBlock", noGrant), (*server).publicAccessBlock},
	{"PutPublicAccessBlock", "PUT", bucket, names("publicAccessBlock"), false, nil, may("s3:PutBucketPublicAccessBlock", noGrant), (*server).putPublicAccessBlock},
	{"DeletePublicAccessBlock", "DELETE", bucket, names("publicAccessBlock"), false, nil, may("s3:PutBucketPublicAccessBlock", noGrant), (*server).deletePublicAccessBlock},
	{"GetBucketOwnershipControls", "GET", bucket, names("ownershipControls"), false, nil, may("s3:GetBucketOwnershipControls", noGrant), (*server).ownershipControls},
	{"PutBucketOwnershipControls", "PUT", bucket, names("ownershipControls"), false, nil, may("s3:PutBucketOwnershipControls", noGrant), (*server).putOwnership},
	{"DeleteBucketOwnershipControls", "DELETE", bucket, names("ownershipControls"), false, nil, may("s3:PutBucketOwnershipControls", noGrant), (*server).deleteOwnership},
	{"GetBucketLogging", "GET", bucket, names("logging"), false, nil, may("s3:GetBucketLogging", noGrant), empty("BucketLoggingStatus")},
	{"GetBucketNotificationConfiguration", "GET", bucket, names("notification"), false, nil, may("s3:GetBucketNotification", noGrant), (*server).getNotification},
	{"PutBucketNotificationConfiguration", "PUT", bucket, names("notification"), false, nil, may("s3:PutBucketNotification", noGrant), (*server).putNotification},
	{"ListObjectVersions", "GET", bucket, names("versions"), false, names("prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type"), may("s3:ListBucketVersions", bucketRead), (*server).listVersions},
	{"ListObjectsV2", "GET", bucket, names("list-type"), false, names("prefix", "delimiter", "start-after", "continuation-token", "max-keys", "encoding-type", "fetch-owner"), may("s3:ListBucket", bucketRead), (*server).listObjectsV2},
	{"ListObjects", "GET", bucket, nil, false, append(names("prefix", "delimiter", "marker", "max-keys", "encoding-type"), redirected...), may("s3:ListBucket", bucketRead), (*server).listObjects},
	{"HeadBucket", "HEAD", bucket, nil, false, nil, mayUpload("s3:ListBucket", bucketRead), (*server).headBucket},
	{"PutBucketVersioning", "PUT", bucket, names("versioning"), false, nil, may("s3:PutBucketVersioning", noGrant), (*server).putVersioning},
	{"PutObjectLockConfiguration", "PUT", bucket, names("object-lock"), false, nil, may("s3:PutBucketObjectLockConfiguration", noGrant), (*server).putObjectLock},
	{"PutBucketTagging", "PUT", bucket, names("tagging"), false, nil, may("s3:PutBucketTagging", noGrant), (*server).putBucketTagging},
	{"PutBucketEncryption", "PUT", bucket, names("encryption"), false, nil, may("s3:PutEncryptionConfiguration", noGrant), (*server).putEncryption},
	{"PutBucketCors", "PUT", bucket, names("cors"), false, nil, may("s3:PutBucketCORS", noGrant), (*server).putCORS},
	{opCreateBucket, "PUT", bucket, nil, false, nil, may("s3:CreateBucket", noGrant), (*server).createBucket},
	{"DeleteBucketCors", "DELETE", bucket, names("cors"), false, nil, may("s3:PutBucketCORS", noGrant), (*server).deleteCORS},
	{"DeleteBucketTagging", "DELETE", bucket, names("tagging"), false, nil, may("s3:PutBucketTagging", noGrant), (*server).deleteBucketTagging},
	{"DeleteBucketEncryption", "DELETE", bucket, names("encryption"), false, nil, may("s3:PutEncryptionConfiguration", noGrant), (*server).deleteEncryption},
	{"DeleteBucket", "DELETE", bucket, nil, false, nil, may("s3:DeleteBucket", noGrant), (*server).deleteBucket},
	{"DeleteObjects", "POST", bucket, names("delete"), false, nil, may("s3:DeleteObject", bucketWrite).forEach(), (*server).deleteObjects},
	{opPostObject, "POST", bucket, nil, false, nil, mayUpload("s3:PutObject", bucketWrite), (*server).postObject},

	{"ListParts", "GET", object, names("uploadId"), false, names("max-parts", "part-number-marker", "encoding-type"), mayUpload("s3:ListMultipartUploadParts", noGrant).orInitiator(), (*server).listParts},
	{"GetObjectAcl", "GET", object, names("acl"), false, names("versionId"), may("s3:GetObjectAcl", objectReadACP), (*server).acl},
	{"PutObjectAcl", "PUT", object, names("acl"), false, names("versionId"), may("s3:PutObjectAcl", objectWriteACP), (*server).putObjectACL},
	{"GetObjectTagging", "GET", object, names("tagging"), false, names("versionId"), may("s3:GetObjectTagging", noGrant), (*server).getObjectTagging},
	{"GetObjectRetention", "GET", object, names("retention"), false, names("versionId"), may("s3:GetObjectRetention", noGrant), (*server).getRetention},
	{"GetObjectLegalHold", "GET", object, names("legal-hold"), false, names("versionId"), may("s3:GetObjectLegalHold", noGrant), (*server).getLegalHold},
	{"GetObjectAttributes", "GET", object, names("attributes"), false, names("versionId"), may("s3:GetObjectAttributes", objectRead), (*server).getObjectAttributes},
	{"GetObjectProof", "GET", object, names("proof"), false, names("versionId"), may("s3:GetObjectProof", noGrant), (*server).getObjectProof},
	{"GetObject", "GET", object, nil, false, append(slices.Clip(readable), redirected...), may("s3:GetObject", objectRead), (*server).getObject},
	{"HeadObject", "HEAD", object, nil, false, readable, may("s3:GetObject", objectRead), (*server).getObject},
	{opUploadPartCopy, "PUT", object, names("uploadId", "partNumber"), true, nil, may("s3:PutObject", bucketWrite), (*server).uploadPartCopy},
	{opUploadPart, "PUT", object, names("uploadId", "partNumber"), false, nil, mayUpload("s3:PutObject", bucketWrite), (*server).uploadPart},
	{"PutObjectRetention", "PUT", object, names("retention"), false, names("versionId"), may("s3:PutObjectRetention", noGrant).withBody(lockKeys), (*server).putRetention},
	{"PutObjectLegalHold", "PUT", object, names("legal-hold"), false, names("versionId"), may("s3:PutObjectLegalHold", noGrant).withBody(lockKeys), (*server).putLegalHold},
	{"PutObjectTagging", "PUT", object, names("tagging"), false, names("versionId"), may("s3:PutObjectTagging", noGrant).withBody(tagKeys), (*server).putObjectTagging},
	{"CopyObject", "PUT", object, nil, true, nil, may("s3:PutObject", bucketWrite), (*server).copyObject},
	{"PutObject", "PUT", object, nil, false, nil, mayUpload("s3:PutObject", bucketWrite), (*server).putObject},
	{opCreateUpload, "POST", object, names("uploads"), false, nil, mayUpload("s3:PutObject", bucketWrite), (*server).createUpload},
	{"RestoreObject", "POST", object, names("restore"), false, names("versionId"), may("s3:RestoreObject", noGrant), (*server).restoreObject},
	{"CompleteMultipartUpload", "POST", object, names("uploadId"), false, nil, mayUpload("s3:PutObject", bucketWrite), (*server).completeUpload},
	{"AbortMultipartUpload", "DELETE", object, names("uploadId"), false, nil, mayUpload("s3:AbortMultipartUpload", noGrant).orInitiator(), (*server).abortUpload},
	{"DeleteObjectTagging", "DELETE", object, names("tagging"), false, names("versionId"), may("s3:DeleteObjectTagging", noGrant), (*server).deleteObjectTagging},
	{"DeleteObject", "DELETE", object, nil, false, names("versionId"), may("s3:DeleteObject", bucketWrite), (*server).deleteObject},
}

// route finds the operation, bucket and key of a request.
func (s *server) route(c *call) error {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		// url.Values would leave out the part it cannot parse, and with it
		// the sub-resource that the client means.
		return errInvalidURI
	}
	c.q = query
	l, name, key, ok := split(s.path(c.r))
	if !ok {
		return errInvalidURI
	}
	c.name, c.key = name, key
	if err := c.find(l); err != nil {
		return err
	}
	if len(c.key) > 1024 {
		return errKeyTooLong
	}
	if !utf8.ValidString(c.r.URL.Path) {
		return errInvalidURI
	}
	return refuse(c.h)
}

// choose finds the operation that a call means.
func choose(l level, c *call) (*operation, error) {
	err := errMethodNotAllowed
	for i := range operations {
		op := &operations[i]
		if op.level != l || op.method != c.r.Method {
			continue
		}
		if op.selected(c) {
			return op, nil
		}
		err = errNotImplemented
	}
	return nil, err
}

// find chooses the operation. A request with a query parameter that the
// operation does not have is refused, and counted under no operation's name.
func (c *call) find(l level) error {
	op, err := choose(l, c)
	if err != nil {
		return err
	}
	for name, values := range c.q {
		switch {
		case !op.takes(name) && !c.signs(name):
			return errNotImplemented.with("Parameter", name)
		case len(values) > 1: // the signature does not say which comes first
			return errInvalidArgument.because("A parameter is given more than once.").with("ArgumentName", name)
		}
	}
	c.op = op
	return nil
}

// selected says whether a request names this operation.
func (op *operation) selected(c *call) bool {
	for _, name := range op.need {
		if !c.q.Has(name) {
			return false
		}
	}
	return !op.copies || c.h.Get("X-Amz-Copy-Source") != ""
}

func (op *operation) takes(name string) bool {
	// x-id only repeats the operation's name.
	return name == "x-id" || slices.Contains(op.need, name) || slices.Contains(op.allow, name)
}

// signs says whether a query parameter belongs to a presigned URL: its
// signature, or a header it carries (which refuse looks at).
func (c *call) signs(name string) bool {
	return c.auth.Presigned && strings.HasPrefix(strings.ToLower(name), "x-amz-")
}

// path is the decoded path of r with the bucket in it, which a virtual-host style
// request has in its host.
func (s *server) path(r *http.Request) string {
	if s.domain == "" {
		return r.URL.Path
	}
	host := strings.ToLower(r.Host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	name, ok := strings.CutSuffix(host, "."+strings.ToLower(s.domain))
	if !ok || name == "" {
		return r.URL.Path
	}
	return "/" + name + r.URL.Path
}
