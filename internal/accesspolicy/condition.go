package accesspolicy

import "strings"

// A condition holds if the request's values of a key pass a test.
type condition struct {
	key      string
	set      string // forAll, forAny or ""
	ifExists bool   // a request without the key passes
	negated  bool   // the operator says what a value must not be
	null     bool   // the operator asks whether there is a value at all
	absent   bool   // null: there must be none
	tests    []test // any of them, or none if negated
	fixed    bool   // every value is one text without wildcard or variable
}

// A test compares a value of a request with one of the policy.
type test func(r *Request, value string) bool

const (
	forAll = "ForAllValues:"
	forAny = "ForAnyValue:"
)

// holds follows AWS where the request has no value: what must be equal is not,
// and what must not be equal is not either.
func (c *condition) holds(r *Request) bool {
	values := r.values(c.key)
	switch {
	case c.null:
		return (len(values) == 0) == c.absent
	case len(values) == 0:
		return c.ifExists || c.set == forAll || c.set == "" && c.negated
	}
	passed := 0
	for _, v := range values {
		if c.passes(r, v) != c.negated {
			passed++
		}
	}
	// Without a set operator S3 knows one value only; of several, no one may
	// be what it must not be.
	if c.set == forAll || c.set == "" && c.negated {
		return passed == len(values)
	}
	return passed > 0
}

func (c *condition) passes(r *Request, v string) bool {
	for _, t := range c.tests {
		if t(r, v) {
			return true
		}
	}
	return false
}

func (r *Request) values(key string) []string {
	if r.Values == nil {
		return nil
	}
	return r.Values(key)
}

// conditions reads {operator: {key: values}}.
func (p *parser) conditions(n node) ([]condition, error) {
	if n.kind != jsonObject {
		return nil, malformed("Policy has an invalid condition")
	}
	var out []condition
	for _, op := range n.members {
		if op.value.kind != jsonObject {
			return nil, malformed("Policy has an invalid condition")
		}
		for _, m := range op.value.members {
			c, err := p.condition(op.name, m)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func (p *parser) condition(name string, m member) (condition, error) {
	c := condition{key: foldKey(m.name)}
	if !knownKey(c.key) {
		return c, malformed("Policy has an invalid condition key")
	}
	rest := name
	for _, set := range []string{forAll, forAny} {
		if after, ok := strings.CutPrefix(rest, set); ok {
			c.set, rest = set, after
			break
		}
	}
	rest, c.ifExists = strings.CutSuffix(rest, "IfExists")
	op, ok := operators[rest]
	if !ok || op.test == nil && (c.ifExists || c.set != "") {
		return c, malformed("Invalid Condition type : " + name)
	}
	values, ok := m.value.scalars()
	if !ok || len(values) == 0 {
		return c, malformed("Policy has an invalid condition value")
	}
	if op.test == nil {
		return c, c.readNull(values)
	}
	c.negated, c.fixed = op.negated, true
	for _, v := range values {
		t, fixed, err := op.test(v, p.variables)
		if err != nil {
			return c, err
		}
		c.tests, c.fixed = append(c.tests, t), c.fixed && fixed
	}
	return c, nil
}

// readNull reads the value of Null: "true" for a key that must be absent.
func (c *condition) readNull(values []string) error {
	if len(values) != 1 || !isBool(values[0]) {
		return errConditionValue
	}
	c.null, c.absent = true, strings.EqualFold(values[0], "true")
	return nil
}

// foldKey puts the name of a condition key into lower case, but for what
// follows a slash: the key of a tag.
func foldKey(name string) string {
	head, tag, ok := strings.Cut(name, "/")
	if !ok {
		return strings.ToLower(head)
	}
	return strings.ToLower(head) + "/" + tag
}

// knownKey says whether AWS has a condition key. A request here may lack every
// value of one (there is no VPC): it is judged like any absent value.
func knownKey(key string) bool {
	head, tag, ok := strings.Cut(key, "/")
	if ok {
		return tag != "" && tagKeys[head]
	}
	return conditionKeys[key]
}

// tagKeys are followed by the key of a tag.
var tagKeys = set("s3:existingobjecttag", "s3:requestobjecttag", "s3:buckettag", "aws:principaltag", "aws:requesttag", "aws:resourcetag")

var conditionKeys = set(
	"aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:currenttime", "aws:epochtime", "aws:federatedprovider",
	"aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount", "aws:principalarn",
	"aws:principalisawsservice", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename",
	"aws:principaltype", "aws:referer", "aws:requestedregion", "aws:resourceaccount", "aws:resourceorgid",
	"aws:resourceorgpaths", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity",
	"aws:sourceip", "aws:sourceorgid", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce",
	"aws:tagkeys", "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice",
	"aws:vpcsourceip",
	"s3:accesspointnetworkorigin", "s3:authtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "s3:delimiter",
	"s3:if-match", "s3:if-none-match", "s3:locationconstraint", "s3:max-keys", "s3:object-lock-legal-hold",
	"s3:object-lock-mode", "s3:object-lock-remaining-retention-days", "s3:object-lock-retain-until-date",
	"s3:objectcreationoperation", "s3:prefix", "s3:requestobjecttagkeys", "s3:resourceaccount", "s3:signatureage",
	"s3:signatureversion", "s3:tlsversion", "s3:versionid", "s3:x-amz-acl", "s3:x-amz-content-sha256",
	"s3:x-amz-copy-source", "s3:x-amz-grant-full-control", "s3:x-amz-grant-read", "s3:x-amz-grant-read-acp",
	"s3:x-amz-grant-write", "s3:x-amz-grant-write-acp", "s3:x-amz-metadata-directive", "s3:x-amz-object-ownership",
	"s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id",
	"s3:x-amz-server-side-encryption-customer-algorithm", "s3:x-amz-storage-class", "s3:x-amz-website-redirect-location",
)

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, name := range names {
		m[name] = true
	}
	return m
}
