package accesspolicy

import "strings"

// principals are whom a statement is about.
type principals struct {
	everybody bool
	list      []principal
}

// A principal is a user: by account alone, by name within it, or by id.
type principal struct {
	account string // twelve digits, or what no user has
	user    string // a user's name or id; "": whoever the account is
}

var errPrincipal = malformed("Invalid principal in policy")

func (p principals) include(r *Request) bool {
	if p.everybody {
		return true
	}
	for _, one := range p.list {
		if one.is(r) {
			return true
		}
	}
	return false
}

// is never says yes for the anonymous caller. An id is compared with ids only:
// a user may be named by the digits of another's id.
func (p principal) is(r *Request) bool {
	if r.ID == "" || p.account != r.ID {
		return false
	}
	return p.user == "" || p.user == r.Name || p.user == r.ID
}

// parsePrincipals reads the element Principal or NotPrincipal.
func parsePrincipals(n node) (principals, error) {
	if n.kind == jsonString {
		if n.text != "*" {
			return principals{}, errPrincipal
		}
		return principals{everybody: true}, nil
	}
	if n.kind != jsonObject || len(n.members) == 0 {
		return principals{}, errPrincipal
	}
	var p principals
	for _, m := range n.members {
		values, ok := m.value.strings()
		if !ok || len(values) == 0 {
			return principals{}, errPrincipal
		}
		for _, v := range values {
			if err := p.add(m.name, v); err != nil {
				return principals{}, err
			}
		}
	}
	return p, nil
}

func (p *principals) add(kind, v string) error {
	switch {
	case kind == "AWS" && v == "*":
		p.everybody = true
		return nil
	case kind == "AWS":
		one, err := parsePrincipal(v)
		p.list = append(p.list, one)
		return err
	case kind == "CanonicalUser" && plainID(v):
		p.list = append(p.list, principal{account: v})
		return nil
	case kind == "Service" && strings.HasSuffix(v, ".amazonaws.com"):
		// No service of AWS calls here; a policy made for both may name one.
		return nil
	}
	return errPrincipal
}

// parsePrincipal reads an account or an ARN of one, of its root or of a user.
// arn:aws:iam:::user/ID, without an account, is how Ceph names a user.
func parsePrincipal(v string) (principal, error) {
	if plainID(v) {
		return principal{account: v}, nil
	}
	rest, ok := strings.CutPrefix(v, "arn:aws:iam::")
	account, name, cut := strings.Cut(rest, ":")
	if !ok || !cut || account != "" && !plainID(account) {
		return principal{}, errPrincipal
	}
	if name == "root" && account != "" {
		return principal{account: account}, nil
	}
	user, ok := strings.CutPrefix(name, "user/")
	user = user[strings.LastIndexByte(user, '/')+1:] // a path is no part of the name
	if !ok || !plainID(user) {
		return principal{}, errPrincipal
	}
	if account == "" {
		return principal{account: user}, nil
	}
	return principal{account: account, user: user}, nil
}

// plainID says whether v can be an account or a user: a wildcard cannot.
func plainID(v string) bool {
	if v == "" || len(v) > 128 {
		return false
	}
	for _, c := range []byte(v) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("+=,.@_-", c) >= 0:
		default:
			return false
		}
	}
	return true
}
