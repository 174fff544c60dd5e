package accesspolicy

import "strings"

var errAction = malformed("Policy has invalid action")

// parseActions reads patterns of which each matches an action of S3.
func parseActions(n node) ([]pattern, error) {
	values, ok := n.strings()
	if !ok || len(values) == 0 {
		return nil, errAction
	}
	var out []pattern
	for _, v := range values {
		v = strings.ToLower(v)
		if v != "*" && !strings.HasPrefix(v, "s3:") {
			return nil, errAction
		}
		p, err := parsePattern(v, true, false)
		if err != nil {
			return nil, err
		}
		if b, o := actionLevels(p); !b && !o {
			return nil, errAction
		}
		out = append(out, p)
	}
	return out, nil
}

func anyAction(list []pattern, action string) bool {
	action = strings.ToLower(action)
	for _, p := range list {
		if p.matches(action) {
			return true
		}
	}
	return false
}

// actionLevels says whether a pattern matches actions on buckets and on objects.
func actionLevels(p pattern) (bucket, object bool) {
	return anyName(p, bucketActions), anyName(p, objectActions)
}

func anyName(p pattern, names []string) bool {
	for _, name := range names {
		if p.matches("s3:" + strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// Actions as the service authorization reference for Amazon S3 lists them.
var bucketActions = []string{
	"CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteBucketWebsite", "DeleteBucketOwnershipControls",
	"GetAccelerateConfiguration", "GetAnalyticsConfiguration", "GetBucketAcl", "GetBucketCORS", "GetBucketLocation",
	"GetBucketLogging", "GetBucketNotification", "GetBucketObjectLockConfiguration", "GetBucketOwnershipControls",
	"GetBucketPolicy", "GetBucketPolicyStatus", "GetBucketPublicAccessBlock", "GetBucketRequestPayment", "GetBucketTagging",
	"GetBucketVersioning", "GetBucketWebsite", "GetEncryptionConfiguration", "GetIntelligentTieringConfiguration",
	"GetInventoryConfiguration", "GetLifecycleConfiguration", "GetMetricsConfiguration", "GetReplicationConfiguration",
	"ListBucket", "ListBucketMultipartUploads", "ListBucketVersions", "PutAccelerateConfiguration",
	"PutAnalyticsConfiguration", "PutBucketAcl", "PutBucketCORS", "PutBucketLogging", "PutBucketNotification",
	"PutBucketObjectLockConfiguration", "PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketPublicAccessBlock",
	"PutBucketRequestPayment", "PutBucketTagging", "PutBucketVersioning", "PutBucketWebsite", "PutEncryptionConfiguration",
	"PutIntelligentTieringConfiguration", "PutInventoryConfiguration", "PutLifecycleConfiguration", "PutMetricsConfiguration",
	"PutReplicationConfiguration",
}

var objectActions = []string{
	"AbortMultipartUpload", "BypassGovernanceRetention", "DeleteObject", "DeleteObjectTagging", "DeleteObjectVersion",
	"DeleteObjectVersionTagging", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold",
	"GetObjectProof", "GetObjectRetention", "GetObjectTagging", "GetObjectTorrent", "GetObjectVersion", "GetObjectVersionAcl",
	"GetObjectVersionAttributes", "GetObjectVersionForReplication", "GetObjectVersionTagging", "GetObjectVersionTorrent",
	"ListMultipartUploadParts", "ObjectOwnerOverrideToBucketOwner", "PutObject", "PutObjectAcl", "PutObjectLegalHold",
	"PutObjectRetention", "PutObjectTagging", "PutObjectVersionAcl", "PutObjectVersionTagging", "ReplicateDelete",
	"ReplicateObject", "ReplicateTags", "RestoreObject",
}
