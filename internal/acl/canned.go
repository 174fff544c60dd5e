package acl

import "errors"

// Errors of lists that a client sends.
var (
	ErrCanned     = errors.New("not the name of a canned access control list")
	ErrMalformed  = errors.New("not a well-formed access control list")
	ErrGrantee    = errors.New("not the id of a user")
	ErrGroup      = errors.New("not the URI of a group")
	ErrEmail      = errors.New("users are not known by their e-mail addresses")
	ErrPermission = errors.New("not a permission")
	ErrTooMany    = errors.New("an access control list has at most 100 grants")
)

// MaxGrants is the length of the longest list.
const MaxGrants = 100

// Canned returns the list that a name of S3 stands for. owner is that of the
// thing; bucketOwner is "" for a bucket, where two of the names mean no more
// than the default, as in S3. Both are twelve digits.
func Canned(name, owner, bucketOwner string) ([]Grant, error) {
	own := Grant{Grantee{ID: owner}, FullControl}
	group := func(uri string, permissions ...Permission) []Grant {
		var list []Grant
		for _, p := range permissions {
			list = append(list, Grant{Grantee{URI: uri}, p})
		}
		return append(list, own)
	}
	also := func(p Permission) []Grant {
		if bucketOwner == "" || bucketOwner == owner {
			return []Grant{own}
		}
		return []Grant{own, {Grantee{ID: bucketOwner}, p}}
	}
	switch name {
	case "private", "aws-exec-read": // nobody reads images here
		return []Grant{own}, nil
	case "public-read":
		return group(AllUsers, Read), nil
	case "public-read-write":
		return group(AllUsers, Read, Write), nil
	case "authenticated-read":
		return group(AuthenticatedUsers, Read), nil
	case "bucket-owner-read":
		return also(Read), nil
	case "bucket-owner-full-control":
		return also(FullControl), nil
	case "log-delivery-write":
		return group(LogDelivery, Write, ReadACP), nil
	}
	return nil, ErrCanned
}
