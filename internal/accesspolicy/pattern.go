package accesspolicy

import (
	"strings"
	"unicode/utf8"
)

// maxPattern is the longest pattern in bytes, as long as an ARN may be.
const maxPattern = 2048

// A pattern is text with wildcards and policy variables, in parts.
type pattern []part

type kind int

const (
	literal  kind = iota // text
	one                  // "?": any one character
	many                 // "*": any characters
	variable             // text is its name in lower case, alternative its default
)

type part struct {
	kind        kind
	text        string
	alternative *string
}

// parsePattern reads a pattern; variables are known to the newer version of the
// language only, and are plain text without it.
func parsePattern(s string, wild, variables bool) (pattern, error) {
	if len(s) > maxPattern {
		return nil, malformed("A value in the policy is too long")
	}
	var p pattern
	text := ""
	flush := func() {
		if text != "" {
			p, text = append(p, part{kind: literal, text: text}), ""
		}
	}
	for i := 0; i < len(s); i++ {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return nil, malformed("Policy has an invalid variable")
			}
			v, err := parseVariable(s[i+2 : i+end])
			if err != nil {
				return nil, err
			}
			if v.kind == literal {
				text += v.text
			} else {
				flush()
				p = append(p, v)
			}
			i += end
		case wild && s[i] == '*':
			flush()
			if len(p) == 0 || p[len(p)-1].kind != many { // two stars are one
				p = append(p, part{kind: many})
			}
		case wild && s[i] == '?':
			flush()
			p = append(p, part{kind: one})
		default:
			text += s[i : i+1]
		}
	}
	flush()
	return p, nil
}

// parseVariable reads what is between ${ and }.
func parseVariable(s string) (part, error) {
	if s == "*" || s == "?" || s == "$" { // the character itself
		return part{kind: literal, text: s}, nil
	}
	name, rest, hasDefault := strings.Cut(s, ",")
	v := part{kind: variable, text: foldKey(strings.TrimSpace(name))}
	if hasDefault {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
			return part{}, malformed("Policy has an invalid variable")
		}
		rest = rest[1 : len(rest)-1]
		v.alternative = &rest
	}
	if !knownKey(v.text) {
		return part{}, malformed("Policy has an invalid variable")
	}
	return v, nil
}

// expand puts the request's values in the place of variables. What a value
// holds is text: a user named "*" is not everybody. Without a value, or with
// several, the pattern matches nothing, which is !ok.
func (p pattern) expand(r *Request) (pattern, bool) {
	if !p.variable() {
		return p, true
	}
	out := make(pattern, 0, len(p))
	for _, e := range p {
		if e.kind == variable {
			switch values := r.values(e.text); {
			case len(values) == 1:
				e = part{kind: literal, text: values[0]}
			case len(values) == 0 && e.alternative != nil:
				e = part{kind: literal, text: *e.alternative}
			default:
				return nil, false
			}
		}
		out = append(out, e)
	}
	return out, true
}

func (p pattern) variable() bool { return p.has(variable) }

// fixed says that only one text matches.
func (p pattern) fixed() bool { return !p.has(variable) && !p.has(many) && !p.has(one) }

func (p pattern) has(k kind) bool {
	for _, e := range p {
		if e.kind == k {
			return true
		}
	}
	return false
}

// matches says whether a pattern without variables matches the whole of s.
// Each run of parts between two stars is looked for once, from left to right:
// the first place it fits leaves the most to what follows.
func (p pattern) matches(s string) bool {
	first := p.run()
	n := prefix(p[:first], s)
	if n < 0 {
		return false
	}
	s = s[n:]
	if first == len(p) {
		return s == ""
	}
	p = p[first:]
	for {
		p = p[1:] // a star
		end := p.run()
		run := p[:end]
		if end == len(p) {
			return suffix(run, s)
		}
		at, n := find(run, s)
		if at < 0 {
			return false
		}
		s, p = s[at+n:], p[end:]
	}
}

// mayBegin says whether some text that begins with s matches; variables may
// stand for anything.
func (p pattern) mayBegin(s string) bool {
	for _, e := range p {
		switch e.kind {
		case many, variable:
			return true
		case one:
			if s == "" {
				return true
			}
			_, n := utf8.DecodeRuneInString(s)
			s = s[n:]
		case literal:
			if len(s) <= len(e.text) {
				return strings.HasPrefix(e.text, s)
			}
			if !strings.HasPrefix(s, e.text) {
				return false
			}
			s = s[len(e.text):]
		}
	}
	return s == ""
}

// run is the number of parts before the first star.
func (p pattern) run() int {
	for i, e := range p {
		if e.kind == many {
			return i
		}
	}
	return len(p)
}

// prefix returns how many bytes of s a run without stars takes at its
// beginning, -1 if it does not fit there.
func prefix(run pattern, s string) int {
	taken := 0
	for _, e := range run {
		rest := s[taken:]
		switch {
		case e.kind == one:
			if rest == "" {
				return -1
			}
			_, n := utf8.DecodeRuneInString(rest)
			taken += n
		case strings.HasPrefix(rest, e.text):
			taken += len(e.text)
		default:
			return -1
		}
	}
	return taken
}

// find returns the first place in s where a run fits, and how much it takes.
func find(run pattern, s string) (at, taken int) {
	if len(run) == 0 {
		return 0, 0
	}
	for at <= len(s) {
		if run[0].kind == literal {
			next := strings.Index(s[at:], run[0].text)
			if next < 0 {
				return -1, 0
			}
			at += next
		}
		if n := prefix(run, s[at:]); n >= 0 {
			return at, n
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		at += max(n, 1)
	}
	return -1, 0
}

// suffix says whether a run fits exactly at the end of s.
func suffix(run pattern, s string) bool {
	for i := len(run) - 1; i >= 0; i-- {
		if run[i].kind == one {
			if s == "" {
				return false
			}
			_, n := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-n]
			continue
		}
		rest, ok := strings.CutSuffix(s, run[i].text)
		if !ok {
			return false
		}
		s = rest
	}
	return true
}
