package acl

import "strings"

// Headers are the names of the headers that grant, in the order in which S3
// lists what they grant.
var Headers = []struct {
	Name       string // canonical
	Permission Permission
}{
	{"X-Amz-Grant-Read", Read},
	{"X-Amz-Grant-Write", Write},
	{"X-Amz-Grant-Read-Acp", ReadACP},
	{"X-Amz-Grant-Write-Acp", WriteACP},
	{"X-Amz-Grant-Full-Control", FullControl},
}

// ParseHeader reads the value of a header that grants p: id="…", uri="…" and
// emailAddress="…", separated by commas, with quotes or without.
func ParseHeader(value string, p Permission) ([]Grant, error) {
	var list []Grant
	for item := range strings.SplitSeq(value, ",") {
		name, v, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok {
			return nil, ErrMalformed
		}
		v = strings.TrimSpace(v)
		if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
			v = v[1 : len(v)-1]
		}
		g := Grant{Permission: p}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "id":
			g.Grantee.ID = v
		case "uri":
			g.Grantee.URI = v
		case "emailaddress":
			return nil, ErrEmail
		default:
			return nil, ErrMalformed
		}
		if err := g.Grantee.check(); err != nil {
			return nil, err
		}
		if list = append(list, g); len(list) > MaxGrants {
			return nil, ErrTooMany
		}
	}
	return list, nil
}

// check says whether a grantee has the form of a user or is one of S3's groups.
// Whether there is such a user the caller finds out.
func (g Grantee) check() error {
	switch g.URI {
	case "":
		if len(g.ID) != 12 || strings.Trim(g.ID, "0123456789") != "" {
			return ErrGrantee
		}
		return nil
	case AllUsers, AuthenticatedUsers, LogDelivery:
		if g.ID != "" {
			return ErrMalformed
		}
		return nil
	}
	return ErrGroup
}
