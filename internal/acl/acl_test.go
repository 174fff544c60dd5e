package acl_test

import (
	"testing"

	"github.com/whypfs/whypfs/internal/acl"
)

const (
	alice = "000000000001"
	bob   = "000000000002"
)

func user(id string, p acl.Permission) acl.Grant {
	return acl.Grant{Grantee: acl.Grantee{ID: id}, Permission: p}
}

func group(uri string, p acl.Permission) acl.Grant {
	return acl.Grant{Grantee: acl.Grantee{URI: uri}, Permission: p}
}

func TestAllows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		grants []acl.Grant
		caller string
		want   []acl.Permission
	}{
		{"no list", nil, alice, nil},
		{"a user", []acl.Grant{user(alice, acl.Read)}, alice, []acl.Permission{acl.Read}},
		{"another user", []acl.Grant{user(alice, acl.Read)}, bob, nil},
		{"full control", []acl.Grant{user(bob, acl.FullControl)}, bob, all},
		{"all users, anonymous", []acl.Grant{group(acl.AllUsers, acl.Read)}, "", []acl.Permission{acl.Read}},
		{"all users, a user", []acl.Grant{group(acl.AllUsers, acl.Write)}, bob, []acl.Permission{acl.Write}},
		{"authenticated, a user", []acl.Grant{group(acl.AuthenticatedUsers, acl.ReadACP)}, bob, []acl.Permission{acl.ReadACP}},
		{"authenticated, anonymous", []acl.Grant{group(acl.AuthenticatedUsers, acl.ReadACP)}, "", nil},
		{"log delivery has no members", []acl.Grant{group(acl.LogDelivery, acl.FullControl)}, bob, nil},
		// A damaged row must not make the anonymous caller somebody.
		{"a grant to nobody", []acl.Grant{{Permission: acl.FullControl}}, "", nil},
	} {
		got := map[acl.Permission]bool{}
		for _, p := range all {
			got[p] = acl.Allows(tt.grants, tt.caller, p)
		}
		for _, p := range tt.want {
			if !got[p] {
				t.Errorf("%s: %s is refused", tt.name, p)
			}
			delete(got, p)
		}
		for p, ok := range got {
			if ok {
				t.Errorf("%s: %s is allowed", tt.name, p)
			}
		}
	}
}

var all = []acl.Permission{acl.Read, acl.Write, acl.ReadACP, acl.WriteACP, acl.FullControl}

func TestIsPublic(t *testing.T) {
	for _, tt := range []struct {
		name   string
		grants []acl.Grant
		want   bool
	}{
		{"none", nil, false},
		{"a user", []acl.Grant{user(bob, acl.FullControl)}, false},
		{"everybody", []acl.Grant{user(bob, acl.Read), group(acl.AllUsers, acl.Read)}, true},
		{"every user", []acl.Grant{group(acl.AuthenticatedUsers, acl.WriteACP)}, true},
		{"log delivery", []acl.Grant{group(acl.LogDelivery, acl.Write)}, false},
	} {
		if got := acl.IsPublic(tt.grants); got != tt.want {
			t.Errorf("%s: public = %v, want %v", tt.name, got, tt.want)
		}
	}
}
