package accesspolicy

import "strings"

// Versions of the language; only the newer has variables.
const (
	oldVersion = "2008-10-17"
	newVersion = "2012-10-17"
)

// Parse reads the policy of a bucket. What is wrong with it is an *Error.
func Parse(data []byte, bucket string) (*Policy, error) {
	doc, err := readJSON(data)
	if err != nil {
		return nil, err
	}
	parse := parser{bucket: bucket, sids: map[string]bool{}}
	var statements *node
	for _, m := range doc.members {
		switch m.name {
		case "Version":
			if m.value.kind != jsonString || m.value.text != oldVersion && m.value.text != newVersion {
				return nil, malformed("The policy must contain a valid version string")
			}
			parse.variables = m.value.text == newVersion
		case "Id":
			if m.value.kind != jsonString {
				return nil, malformed("Policy has an invalid Id")
			}
		case "Statement":
			statements = &m.value
		default:
			return nil, malformed("Unknown field " + m.name)
		}
	}
	if statements == nil {
		return nil, malformed("Missing required field Statement")
	}
	list := statements.list
	if statements.kind == jsonObject {
		list = []node{*statements}
	}
	if len(list) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	p := &Policy{}
	for _, n := range list {
		s, err := parse.statement(n)
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

// A parser is what the statements of a document have in common.
type parser struct {
	bucket    string
	variables bool
	sids      map[string]bool
}

func (p *parser) statement(n node) (statement, error) {
	if n.kind != jsonObject {
		return statement{}, malformed("Could not parse the policy: Statement is not an object")
	}
	var s statement
	has := map[string]bool{}
	for _, m := range n.members {
		if err := p.element(&s, m); err != nil {
			return statement{}, err
		}
		has[m.name] = true
	}
	if !has["Effect"] {
		return statement{}, malformed("Missing required field Effect")
	}
	for _, name := range []string{"Principal", "Action", "Resource"} {
		switch not := "Not" + name; {
		case has[name] && has[not]:
			return statement{}, malformed("A statement cannot have both " + name + " and " + not)
		case !has[name] && !has[not]:
			return statement{}, malformed("Missing required field " + name)
		}
	}
	if s.notPrincipal && s.effect == Allow {
		// Whoever is not named, the anonymous caller too, would be allowed.
		return statement{}, malformed("Allow with NotPrincipal is not allowed.")
	}
	if !s.notAction && !s.notResource {
		return s, p.fit(&s)
	}
	return s, nil
}

// element reads one member of a statement.
func (p *parser) element(s *statement, m member) (err error) {
	switch m.name {
	case "Sid":
		if m.value.kind != jsonString {
			return malformed("Policy has an invalid Sid")
		}
		if sid := m.value.text; sid != "" && p.sids[sid] {
			return malformed("Statement IDs (SID) in a single policy must be unique")
		}
		p.sids[m.value.text] = true
	case "Effect":
		switch {
		case m.value.kind == jsonString && m.value.text == "Allow":
			s.effect = Allow
		case m.value.kind == jsonString && m.value.text == "Deny":
			s.effect = Deny
		default:
			return malformed("Invalid effect: " + m.value.text)
		}
	case "Principal", "NotPrincipal":
		s.notPrincipal = m.name[0] == 'N'
		s.principals, err = parsePrincipals(m.value)
	case "Action", "NotAction":
		s.notAction = m.name[0] == 'N'
		s.actions, err = parseActions(m.value)
	case "Resource", "NotResource":
		s.notResource = m.name[0] == 'N'
		s.resources, err = p.resources(m.value)
	case "Condition":
		s.conditions, err = p.conditions(m.value)
	default:
		return malformed("Unknown field " + m.name)
	}
	return err
}

var errResource = malformed("Policy has invalid resource")

// resources reads patterns of which each can match this bucket or its objects.
func (p *parser) resources(n node) ([]pattern, error) {
	values, ok := n.strings()
	if !ok || len(values) == 0 {
		return nil, errResource
	}
	var out []pattern
	for _, v := range values {
		if !strings.HasPrefix(v, arnPrefix) {
			return nil, errResource
		}
		pat, err := parsePattern(v, true, p.variables)
		if err != nil {
			return nil, err
		}
		if bucket, objects := p.reach(pat); !bucket && !objects {
			return nil, errResource
		}
		out = append(out, pat)
	}
	return out, nil
}

// reach says whether a pattern can match the bucket, and any of its objects.
func (p *parser) reach(pat pattern) (bucket, objects bool) {
	loose := make(pattern, len(pat))
	for i, e := range pat {
		if loose[i] = e; e.kind == variable {
			loose[i] = part{kind: many}
		}
	}
	arn := arnPrefix + p.bucket
	return loose.matches(arn), loose.mayBegin(arn + "/")
}

// fit checks that each action can be done to one of the resources. A statement
// that means less than it says is a mistake of its author.
func (p *parser) fit(s *statement) error {
	var bucket, objects bool
	for _, pat := range s.resources {
		b, o := p.reach(pat)
		bucket, objects = bucket || b, objects || o
	}
	for _, pat := range s.actions {
		onBucket, onObjects := actionLevels(pat)
		if !(onBucket && bucket) && !(onObjects && objects) {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}
