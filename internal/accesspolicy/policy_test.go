package accesspolicy_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/accesspolicy"
)

const (
	alice = "000000000001"
	bob   = "000000000002"
)

// policy makes a document of one statement for the bucket "box".
func policy(statement string) string {
	return `{"Version":"2012-10-17","Statement":` + statement + `}`
}

func mustParse(t *testing.T, doc string) *accesspolicy.Policy {
	t.Helper()
	p, err := accesspolicy.Parse([]byte(doc), "box")
	if err != nil {
		t.Fatalf("Parse(%s): %v", doc, err)
	}
	return p
}

func get(id, name, key string) accesspolicy.Request {
	return accesspolicy.Request{ID: id, Name: name, Action: "s3:GetObject", Bucket: "box", Key: key}
}

const (
	allowed = accesspolicy.Allow
	denied  = accesspolicy.Deny
	nothing = accesspolicy.None
)

func TestPrincipals(t *testing.T) {
	for _, tt := range []struct {
		name, principal        string
		anonymous, alice, bobs accesspolicy.Effect
	}{
		{"everybody", `"*"`, allowed, allowed, allowed},
		{"everybody in AWS", `{"AWS":"*"}`, allowed, allowed, allowed},
		{"account", `{"AWS":"000000000002"}`, nothing, nothing, allowed},
		{"root", `{"AWS":"arn:aws:iam::000000000002:root"}`, nothing, nothing, allowed},
		{"user", `{"AWS":"arn:aws:iam::000000000002:user/bob"}`, nothing, nothing, allowed},
		{"user with a path", `{"AWS":"arn:aws:iam::000000000002:user/a/b/bob"}`, nothing, nothing, allowed},
		{"user of another name", `{"AWS":"arn:aws:iam::000000000002:user/eve"}`, nothing, nothing, nothing},
		{"ceph's user", `{"AWS":"arn:aws:iam:::user/000000000002"}`, nothing, nothing, allowed},
		{"ceph's user by name", `{"AWS":"arn:aws:iam:::user/bob"}`, nothing, nothing, nothing},
		{"canonical", `{"CanonicalUser":"000000000002"}`, nothing, nothing, allowed},
		{"several", `{"AWS":["000000000001"],"CanonicalUser":["000000000002"]}`, nothing, allowed, allowed},
		{"an account of elsewhere", `{"AWS":"arn:aws:iam::tenant:root"}`, nothing, nothing, nothing},
		{"a service", `{"Service":"logging.s3.amazonaws.com"}`, nothing, nothing, nothing},
	} {
		p := mustParse(t, policy(`{"Effect":"Allow","Principal":`+tt.principal+`,"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`))
		for who, c := range map[string]struct {
			r    accesspolicy.Request
			want accesspolicy.Effect
		}{
			"anonymous": {get("", "", "k"), tt.anonymous}, "alice": {get(alice, "alice", "k"), tt.alice}, "bob": {get(bob, "bob", "k"), tt.bobs},
		} {
			if got := p.Evaluate(c.r); got != c.want {
				t.Errorf("%s, %s: %v, want %v", tt.name, who, got, c.want)
			}
		}
	}
}

// TestNamesLikeIDs: a user whose name is another's id is not the other.
func TestNamesLikeIDs(t *testing.T) {
	for _, principal := range []string{`{"AWS":"arn:aws:iam:::user/000000000002"}`, `{"AWS":"000000000002"}`, `{"AWS":"arn:aws:iam::000000000002:user/000000000002"}`} {
		p := mustParse(t, policy(`{"Effect":"Allow","Principal":`+principal+`,"Action":"s3:*","Resource":"arn:aws:s3:::box/*"}`))
		if got := p.Evaluate(get(alice, bob, "k")); got != nothing {
			t.Errorf("%s: user 1 named %s: %v", principal, bob, got)
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	p := mustParse(t, policy(`[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":"000000000001"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}]`))
	for id, want := range map[string]accesspolicy.Effect{"": denied, alice: allowed, bob: denied} {
		if got := p.Evaluate(get(id, "", "k")); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}

func TestActionsAndResources(t *testing.T) {
	request := func(action, key string) accesspolicy.Request {
		return accesspolicy.Request{ID: bob, Action: action, Bucket: "box", Key: key}
	}
	for _, tt := range []struct {
		name, rest string
		r          accesspolicy.Request
		want       accesspolicy.Effect
	}{
		{"exact", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/a/b"`, request("s3:GetObject", "a/b"), allowed},
		{"other key", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/a/b"`, request("s3:GetObject", "a/bc"), nothing},
		{"other action", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"`, request("s3:GetObjectVersion", "k"), nothing},
		{"any case", `"Action":"S3:getobject","Resource":"arn:aws:s3:::box/*"`, request("s3:GetObject", "k"), allowed},
		{"wildcard", `"Action":"s3:Get*","Resource":"arn:aws:s3:::box/*"`, request("s3:GetObjectVersion", "k"), allowed},
		{"question mark", `"Action":"s3:?etObject","Resource":"arn:aws:s3:::box/?"`, request("s3:GetObject", "ü"), allowed},
		{"question mark is one", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/?"`, request("s3:GetObject", "ab"), nothing},
		{"everything", `"Action":"*","Resource":"arn:aws:s3:::*"`, request("s3:DeleteBucket", ""), allowed},
		{"objects are not the bucket", `"Action":"s3:*","Resource":"arn:aws:s3:::box/*"`, request("s3:ListBucket", ""), nothing},
		{"the bucket is not its objects", `"Action":"s3:*","Resource":"arn:aws:s3:::box"`, request("s3:GetObject", "k"), nothing},
		{"not action", `"NotAction":"s3:Delete*","Resource":"arn:aws:s3:::box/*"`, request("s3:GetObject", "k"), allowed},
		{"not action, named", `"NotAction":"s3:Delete*","Resource":"arn:aws:s3:::box/*"`, request("s3:DeleteObject", "k"), nothing},
		{"not resource", `"Action":"s3:GetObject","NotResource":"arn:aws:s3:::box/secret/*"`, request("s3:GetObject", "k"), allowed},
		{"not resource, named", `"Action":"s3:GetObject","NotResource":"arn:aws:s3:::box/secret/*"`, request("s3:GetObject", "secret/k"), nothing},
		{"a star in a key is no wildcard", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/a"`, request("s3:GetObject", "*"), nothing},
		{"an encoded slash is no slash", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/a/*"`, request("s3:GetObject", "a%2Fb"), nothing},
		{"resources are case-sensitive", `"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/A"`, request("s3:GetObject", "a"), nothing},
	} {
		p := mustParse(t, policy(`{"Effect":"Allow","Principal":"*",`+tt.rest+`}`))
		if got := p.Evaluate(tt.r); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestDenyWins wherever it stands.
func TestDenyWins(t *testing.T) {
	allow := `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::box/*"}`
	deny := `{"Effect":"Deny","Principal":{"AWS":"000000000002"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`
	for _, list := range []string{allow + "," + deny, deny + "," + allow, deny} {
		if got := mustParse(t, policy("["+list+"]")).Evaluate(get(bob, "bob", "k")); got != denied {
			t.Errorf("%s: %v", list, got)
		}
	}
}

func TestVariables(t *testing.T) {
	statement := `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/home/${aws:username}/*"}`
	values := func(name string) func(string) []string {
		return func(key string) []string {
			if key == "aws:username" && name != "" {
				return []string{name}
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name, doc, user, key string
		want                 accesspolicy.Effect
	}{
		{"own", policy(statement), "bob", "home/bob/k", allowed},
		{"another's", policy(statement), "bob", "home/alice/k", nothing},
		{"a name is no pattern", policy(statement), "*", "home/alice/k", nothing},
		{"nobody", policy(statement), "", "home//k", nothing},
		{"old version", `{"Statement":` + statement + `}`, "bob", "home/bob/k", nothing},
		{"old version, as it is", `{"Statement":` + statement + `}`, "bob", "home/${aws:username}/k", allowed},
		{"default", policy(strings.Replace(statement, "username", "username, 'guest'", 1)), "", "home/guest/k", allowed},
		{"escaped star", policy(strings.Replace(statement, "aws:username", "*", 1)), "bob", "home/*/k", allowed},
		{"escaped star is one", policy(strings.Replace(statement, "aws:username", "*", 1)), "bob", "home/bob/k", nothing},
	} {
		r := get(bob, tt.user, tt.key)
		r.Values = values(tt.user)
		if got := mustParse(t, tt.doc).Evaluate(r); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestUses(t *testing.T) {
	p := mustParse(t, policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*",
		"Condition":{"StringEquals":{"s3:ExistingObjectTag/Team":"a"}}}`))
	for prefix, want := range map[string]bool{"s3:existingobjecttag/": true, "s3:existingobjecttag/Team": true, "s3:requestobjecttag/": false, "s3:prefix": false} {
		if got := p.Uses(prefix); got != want {
			t.Errorf("Uses(%q) = %v", prefix, got)
		}
	}
}
