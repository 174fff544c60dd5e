package web

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/buckets"
)

// errPolicy is a policy that cannot be; its advice says why.
var errPolicy = pageError{status: 400, title: "This policy cannot be"}

// policyForm is a policy as a form shows it: what comes back unchanged changes nothing.
type policyForm struct {
	Threshold, MaxAge, MaxPiece string
	Replication                 int
	Aged                        []agedChoice
}

type agedChoice struct {
	Value, Label string
	Chosen       bool
}

func newPolicyForm(p buckets.Policy) policyForm {
	f := policyForm{Threshold: exactBytes(p.Threshold), MaxAge: exactSpan(p.MaxAge), MaxPiece: exactBytes(p.MaxPiece), Replication: p.Replication}
	for _, a := range []struct {
		aged  buckets.Aged
		label string
	}{
		{buckets.AgedPad, "is filled up with zeros"},
		{buckets.AgedWait, "waits for more"},
		{buckets.AgedChoose, "goes to the providers that take it"},
	} {
		f.Aged = append(f.Aged, agedChoice{string(a.aged), a.label, p.Aged == a.aged})
	}
	return f
}

// exactBytes writes a size in its largest unit without a remainder.
func exactBytes(n int64) string {
	units := []string{" B", " KiB", " MiB", " GiB", " TiB"}
	i := 0
	for ; i < len(units)-1 && n >= 1024 && n%1024 == 0; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// exactSpan writes a duration without units that are zero.
func exactSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// setPolicy changes when zones of a bucket are sealed, and what becomes of them.
func (s *server) setPolicy(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	if b.Global {
		return buckets.ErrNoBucket // its policy is the node's default
	}
	policy := b.Policy
	if err := readPolicy(c, &policy); err != nil {
		return err
	}
	_, err = s.buckets.SetPolicy(c.r.Context(), b.Name, func(p *buckets.Policy) {
		p.Threshold, p.MaxAge, p.MaxPiece, p.Replication, p.Aged = policy.Threshold, policy.MaxAge, policy.MaxPiece, policy.Replication, policy.Aged
	})
	if errors.Is(err, buckets.ErrPolicy) {
		return errPolicy.because("Nothing was changed: %s.", reasonOf(err, buckets.ErrPolicy))
	}
	if err != nil {
		return err
	}
	s.redirect(c, bucketURL(bucketRef(b)))
	return nil
}

// readPolicy takes over what the form says.
func readPolicy(c *call, p *buckets.Policy) error {
	for name, into := range map[string]*int64{"threshold": &p.Threshold, "max-piece": &p.MaxPiece} {
		n, err := humanize.ParseBytes(c.r.PostForm.Get(name))
		if err != nil || n > 1<<62 {
			return errPolicy.because("Nothing was changed: %q is not a size such as 16 GiB.", c.r.PostForm.Get(name))
		}
		*into = int64(n)
	}
	age, err := time.ParseDuration(strings.ReplaceAll(c.r.PostForm.Get("max-age"), " ", ""))
	if err != nil {
		return errPolicy.because("Nothing was changed: %q is not a time such as 48h.", c.r.PostForm.Get("max-age"))
	}
	copies, err := strconv.Atoi(c.r.PostForm.Get("replication"))
	if err != nil {
		return errPolicy.because("Nothing was changed: %q is not a number of copies.", c.r.PostForm.Get("replication"))
	}
	p.MaxAge, p.Replication, p.Aged = age, copies, buckets.Aged(c.r.PostForm.Get("aged"))
	return nil
}
