package acl_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/acl"
)

func TestCanned(t *testing.T) {
	own := user(alice, acl.FullControl)
	for _, tt := range []struct {
		name, bucketOwner string
		want              []acl.Grant
		err               error
	}{
		{"private", "", []acl.Grant{own}, nil},
		{"public-read", "", []acl.Grant{group(acl.AllUsers, acl.Read), own}, nil},
		{"public-read-write", bob, []acl.Grant{group(acl.AllUsers, acl.Read), group(acl.AllUsers, acl.Write), own}, nil},
		{"authenticated-read", "", []acl.Grant{group(acl.AuthenticatedUsers, acl.Read), own}, nil},
		{"bucket-owner-read", bob, []acl.Grant{own, user(bob, acl.Read)}, nil},
		{"bucket-owner-full-control", bob, []acl.Grant{own, user(bob, acl.FullControl)}, nil},
		{"bucket-owner-full-control", alice, []acl.Grant{own}, nil},
		{"bucket-owner-read", "", []acl.Grant{own}, nil},
		{"log-delivery-write", "", []acl.Grant{group(acl.LogDelivery, acl.Write), group(acl.LogDelivery, acl.ReadACP), own}, nil},
		{"Private", "", nil, acl.ErrCanned},
		{"public-ready", "", nil, acl.ErrCanned},
		{"", "", nil, acl.ErrCanned},
	} {
		got, err := acl.Canned(tt.name, alice, tt.bucketOwner)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Canned(%q, %q) = %v, %v; want %v, %v", tt.name, tt.bucketOwner, got, err, tt.want, tt.err)
		}
	}
}

func TestParseHeader(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  []acl.Grant
		err   error
	}{
		{`id=` + alice, []acl.Grant{user(alice, acl.Read)}, nil},
		{`id="` + alice + `", uri="` + acl.AllUsers + `"`, []acl.Grant{user(alice, acl.Read), group(acl.AllUsers, acl.Read)}, nil},
		{`ID = ` + bob, []acl.Grant{user(bob, acl.Read)}, nil},
		{`emailAddress="x@example.com"`, nil, acl.ErrEmail},
		{`id=bob`, nil, acl.ErrGrantee},
		{`id=`, nil, acl.ErrGrantee},
		{`uri=http://example.com/group`, nil, acl.ErrGroup},
		{``, nil, acl.ErrMalformed},
		{alice, nil, acl.ErrMalformed},
		{`name=` + alice, nil, acl.ErrMalformed},
		{`id=` + alice + `,`, nil, acl.ErrMalformed},
		{strings.TrimSuffix(strings.Repeat("id="+alice+",", 101), ","), nil, acl.ErrTooMany},
	} {
		got, err := acl.ParseHeader(tt.value, acl.Read)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseHeader(%q) = %v, %v; want %v, %v", tt.value, got, err, tt.want, tt.err)
		}
	}
}

const xsi = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`

func document(grants string) string {
	return `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>` + alice + `</ID></Owner><AccessControlList>` +
		grants + `</AccessControlList></AccessControlPolicy>`
}

func grantXML(kind, inner, permission string) string {
	return fmt.Sprintf(`<Grant><Grantee %s xsi:type="%s">%s</Grantee><Permission>%s</Permission></Grant>`, xsi, kind, inner, permission)
}

func read(doc string) (string, []acl.Grant, error) {
	var r acl.Request
	if err := xml.Unmarshal([]byte(doc), &r); err != nil {
		return "", nil, err
	}
	return r.Read()
}

func TestReadDocument(t *testing.T) {
	for _, tt := range []struct {
		name, doc string
		want      []acl.Grant
		err       error
	}{
		{"none", document(""), []acl.Grant{}, nil},
		{"a user", document(grantXML("CanonicalUser", "<ID>"+bob+"</ID><DisplayName>x</DisplayName>", "WRITE")), []acl.Grant{user(bob, acl.Write)}, nil},
		{"a group", document(grantXML("Group", "<URI>"+acl.AllUsers+"</URI>", "READ")), []acl.Grant{group(acl.AllUsers, acl.Read)}, nil},
		{"e-mail", document(grantXML("AmazonCustomerByEmail", "<EmailAddress>x@y</EmailAddress>", "READ")), nil, acl.ErrEmail},
		{"unknown user", document(grantXML("CanonicalUser", "<ID>_foo</ID>", "READ")), nil, acl.ErrGrantee},
		{"unknown group", document(grantXML("Group", "<URI>http://x</URI>", "READ")), nil, acl.ErrGroup},
		{"permission", document(grantXML("CanonicalUser", "<ID>"+bob+"</ID>", "read")), nil, acl.ErrPermission},
		{"no type", document("<Grant><Grantee><ID>" + bob + "</ID></Grantee><Permission>READ</Permission></Grant>"), nil, acl.ErrMalformed},
		// A user by its type, a group for who looks at the URI first.
		{"a user and a group", document(grantXML("CanonicalUser", "<ID>"+bob+"</ID><URI>"+acl.AllUsers+"</URI>", "READ")), nil, acl.ErrMalformed},
		{"too many", document(strings.Repeat(grantXML("CanonicalUser", "<ID>"+bob+"</ID>", "READ"), 101)), nil, acl.ErrTooMany},
		{"no list", "<AccessControlPolicy><Owner><ID>" + alice + "</ID></Owner></AccessControlPolicy>", nil, acl.ErrMalformed},
		{"something else", strings.Replace(document(""), "</Owner>", "</Owner><Extra/>", 1), nil, acl.ErrMalformed},
	} {
		owner, got, err := read(tt.doc)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) || err == nil && owner != alice {
			t.Errorf("%s: %q, %v, %v; want %v, %v", tt.name, owner, got, err, tt.want, tt.err)
		}
	}
}

// TestDocumentsRoundTrip: what is told can be sent back.
func TestDocumentsRoundTrip(t *testing.T) {
	grants := []acl.Grant{user(bob, acl.ReadACP), group(acl.AllUsers, acl.Read), user(alice, acl.FullControl)}
	data, err := xml.Marshal(acl.NewDocument(acl.Owner{ID: alice, DisplayName: "alice"}, grants, func(id string) string { return "<" + id }))
	if err != nil {
		t.Fatal(err)
	}
	owner, got, err := read(string(data))
	want := []acl.Grant{grants[1], grants[0], grants[2]} // groups come first
	if err != nil || owner != alice || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nis read as %q, %v, %v; want %v", data, owner, got, err, want)
	}
}

func FuzzReadDocument(f *testing.F) {
	f.Add(document(grantXML("CanonicalUser", "<ID>"+bob+"</ID>", "READ") + grantXML("Group", "<URI>"+acl.LogDelivery+"</URI>", "FULL_CONTROL")))
	f.Add(document(grantXML("AmazonCustomerByEmail", "<EmailAddress>x</EmailAddress>", "READ")))
	f.Fuzz(func(t *testing.T, doc string) {
		owner, grants, err := read(doc)
		if err != nil {
			return
		}
		data, err := xml.Marshal(acl.NewDocument(acl.Owner{ID: owner}, grants, func(string) string { return "" }))
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := read(string(data)); err != nil || len(again) != len(grants) || len(grants) > acl.MaxGrants {
			t.Errorf("%q: %v, then %v, %v", doc, grants, again, err)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(`id="` + alice + `", uri=` + acl.AuthenticatedUsers)
	f.Add(`emailAddress=x,`)
	f.Fuzz(func(t *testing.T, value string) {
		grants, err := acl.ParseHeader(value, acl.Write)
		if err == nil && (len(grants) == 0 || len(grants) > acl.MaxGrants) {
			t.Errorf("%q: %v", value, grants)
		}
		for _, g := range grants {
			if g.Permission != acl.Write || (g.Grantee.ID == "") == (g.Grantee.URI == "") {
				t.Errorf("%q: %+v", value, g)
			}
		}
	})
}
