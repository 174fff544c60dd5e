package accesspolicy

// IsPublic says whether a policy is public in the sense of S3's public access
// block: a statement allows something to callers of whom it does not know who
// they are. Principals that are named make a statement not public, and so does
// a condition that binds it to fixed values of the keys below. What is denied
// elsewhere does not count: S3 takes a policy for public unless it is plain
// that it is not.
func (p *Policy) IsPublic() bool {
	for i := range p.statements {
		if s := &p.statements[i]; s.effect == Allow && s.principals.everybody && !s.bound() {
			return true
		}
	}
	return false
}

// binding are the condition keys whose fixed value says who calls, or from where.
var binding = set(
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
	"aws:sourcearn", "aws:sourceip", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:username",
	"s3:dataaccesspointaccount", "s3:dataaccesspointarn",
)

// bound says whether a condition must hold that only known callers can meet. It
// must not hold for a request without the key, nor say what a value is not.
func (s *statement) bound() bool {
	for _, c := range s.conditions {
		if binding[c.key] && c.fixed && !c.negated && !c.null && !c.ifExists && c.set != forAll {
			return true
		}
	}
	return false
}
