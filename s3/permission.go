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
	// tags says that a policy may look at the tags in the request's body, so
	// that it is asked for when these are read.
	tags bool
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

// withTags is the permission of an operation whose body holds tags.
func (p permission) withTags() permission {
	p.tags = true
	return p
}
