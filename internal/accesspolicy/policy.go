package accesspolicy

// MaxSize is the longest policy in bytes.
const MaxSize = 20 << 10

// Effect is what a policy says of a request.
type Effect int

const (
	None  Effect = iota // nothing
	Allow               // a statement allows, and none denies
	Deny                // a statement denies
)

// Policy is a parsed document.
type Policy struct {
	statements []statement
}

// An Error says what is wrong with a document, in the words of S3.
type Error struct{ Message string }

// Error implements error.
func (e *Error) Error() string { return e.Message }

func malformed(message string) error { return &Error{Message: message} }

// Request is what a policy judges.
type Request struct {
	ID   string // of the user who calls, twelve digits; "" is the anonymous caller
	Name string // of the user
	// Action is one of S3's, such as "s3:GetObject".
	Action string
	// Bucket and Key are what it is done to; Key is "" for the bucket itself.
	Bucket, Key string
	// Values of a condition key, whose name is in lower case up to a slash:
	// "aws:sourceip", "s3:existingobjecttag/Team". None: the request lacks it.
	Values func(key string) []string
}

// ARN prefix of every resource.
const arnPrefix = "arn:aws:s3:::"

func (r *Request) resource() string {
	if r.Key == "" {
		return arnPrefix + r.Bucket
	}
	return arnPrefix + r.Bucket + "/" + r.Key
}

// Evaluate judges a request.
func (p *Policy) Evaluate(r Request) Effect {
	effect := None
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect == effect || !s.applies(&r) {
			continue
		}
		if s.effect == Deny {
			return Deny
		}
		effect = Allow
	}
	return effect
}

// Uses says whether a condition looks at a key, or, if prefix ends in a slash,
// at one that begins with it: what is costly to know is then worth finding out.
func (p *Policy) Uses(prefix string) bool {
	for _, s := range p.statements {
		for _, c := range s.conditions {
			if c.key == prefix || prefix[len(prefix)-1] == '/' && len(c.key) > len(prefix) && c.key[:len(prefix)] == prefix {
				return true
			}
		}
	}
	return false
}

// A statement applies to a request if each of its parts does. The not fields
// say that a part is given as what it is not.
type statement struct {
	effect       Effect
	principals   principals
	notPrincipal bool
	actions      []pattern // in lower case
	notAction    bool
	resources    []pattern
	notResource  bool
	conditions   []condition
}

func (s *statement) applies(r *Request) bool {
	if s.principals.include(r) == s.notPrincipal || anyAction(s.actions, r.Action) == s.notAction {
		return false
	}
	if s.matchesResource(r) == s.notResource {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r) {
			return false
		}
	}
	return true
}

func (s *statement) matchesResource(r *Request) bool {
	arn := r.resource()
	for _, p := range s.resources {
		if p, ok := p.expand(r); ok && p.matches(arn) {
			return true
		}
	}
	return false
}
