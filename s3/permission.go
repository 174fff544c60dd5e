package s3

import "github.com/whypfs/whypfs/accounts"

// A permission is what a caller needs for an operation.
type permission struct {
	level  accounts.Level // the least level of a user who signs
	action string         // its name in bucket policies
	grant  aclGrant       // of an access control list that allows it as well
	each   bool           // it is asked for each key that the request names
	// uploads says that who began the upload has it too.
	uploads bool
	// body are the condition keys whose values stand in the request's body. If
	// the policy looks at one it is asked for when the body was read.
	body []string
}

// An aclGrant is a permission in a list, and whose list. Not every operation has
// one: those without are for the owner, and for whom a policy names.
type aclGrant string

const (
	noGrant        aclGrant = ""
	bucketRead     aclGrant = "bucket READ"
	bucketWrite    aclGrant = "bucket WRITE"
	bucketReadACP  aclGrant = "bucket READ_ACP"
	bucketWriteACP aclGrant = "bucket WRITE_ACP"
	objectRead     aclGrant = "object READ"
	objectReadACP  aclGrant = "object READ_ACP"
	objectWriteACP aclGrant = "object WRITE_ACP"
)

// may is the permission of an operation for users of the ordinary level.
func may(action string, g aclGrant) permission {
	return permission{level: accounts.LevelUser, action: action, grant: g}
}

// mayUpload is the same for what keys of upload level can do.
func mayUpload(action string, g aclGrant) permission {
	return permission{level: accounts.LevelUpload, action: action, grant: g}
}

// forEach is the permission of an operation that names many keys.
func (p permission) forEach() permission {
	p.each = true
	return p
}

// orInitiator gives it to who began the upload as well.
func (p permission) orInitiator() permission {
	p.uploads = true
	return p
}

// tagKeys and lockKeys are the condition keys about tags that a request gives,
// and about locks.
var (
	tagKeys  = names("s3:requestobjecttag/", "s3:requestobjecttagkeys")
	lockKeys = names("s3:object-lock-mode", "s3:object-lock-retain-until-date", "s3:object-lock-remaining-retention-days", "s3:object-lock-legal-hold")
)

// withBody is the permission of an operation whose body holds values of the
// condition keys.
func (p permission) withBody(keys []string) permission {
	p.body = keys
	return p
}
