package acl

// Permission is what a grant gives. On a bucket READ lists and WRITE creates
// and deletes objects; on an object READ reads it and WRITE means nothing.
type Permission string

const (
	Read        Permission = "READ"
	Write       Permission = "WRITE"
	ReadACP     Permission = "READ_ACP"
	WriteACP    Permission = "WRITE_ACP"
	FullControl Permission = "FULL_CONTROL"
)

// The groups that S3 names by URI.
const (
	AllUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	LogDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// Grantee is a user or a group; one of the two is set.
type Grantee struct {
	ID  string `json:",omitempty"` // twelve digits
	URI string `json:",omitempty"` // of a group
}

// Grant is one line of a list. Packages that store lists store it as JSON.
type Grant struct {
	Grantee    Grantee
	Permission Permission
}

// Allows says whether a list gives caller a permission. caller is a user's
// twelve digits, "" for the anonymous caller.
func Allows(grants []Grant, caller string, p Permission) bool {
	for _, g := range grants {
		if (g.Permission == p || g.Permission == FullControl) && g.Grantee.includes(caller) {
			return true
		}
	}
	return false
}

func (g Grantee) includes(caller string) bool {
	switch g.URI {
	case "":
		return g.ID != "" && g.ID == caller
	case AllUsers:
		return true
	case AuthenticatedUsers:
		return caller != ""
	}
	return false // the log delivery group has no member here
}

// IsPublic says whether a list grants anything to a group that everybody, or
// every user, is in: what S3 calls a public ACL.
func IsPublic(grants []Grant) bool {
	for _, g := range grants {
		if g.Grantee.URI == AllUsers || g.Grantee.URI == AuthenticatedUsers {
			return true
		}
	}
	return false
}
