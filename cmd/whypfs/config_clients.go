package main

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/spf13/pflag"
)

// clients are the settings of who may ask how much, and who he is.
type clients struct {
	APIRate        float64
	TrustedProxies []string
	Uploads        bool
	UploadURLs     []string
}

func (c *clients) flags(fs *pflag.FlagSet) {
	fs.Float64Var(&c.APIRate, "api-rate", 200, "requests a second that one client address, and one user, may send to the Estuary API; 0: no limit")
	fs.StringSliceVar(&c.TrustedProxies, "trusted-proxy", nil, "address, or range like 10.0.0.0/8, of a proxy in front of the node: what it says in X-Forwarded-For is the client's address; repeatable")
	fs.BoolVar(&c.Uploads, "uploads", true, "the Estuary API takes uploads; without, it says so and names the first --upload-url. S3 is not meant")
	fs.StringSliceVar(&c.UploadURLs, "upload-url", nil, "URL that clients of the Estuary API are told to upload to, like https://up.example/content/add; empty: that of this API; repeatable")
}

func (c *clients) check(bad func(format string, args ...any)) {
	if c.APIRate < 0 {
		bad("--api-rate: %v is negative", c.APIRate)
	}
	for _, s := range c.UploadURLs {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad("--upload-url: %q is no URL of a server", s)
		}
	}
	if _, err := c.proxies(); err != nil {
		bad("--trusted-proxy: %w", err)
	}
}

// proxies are the ranges of the trusted ones.
func (c *clients) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range c.TrustedProxies {
		p, err := netip.ParsePrefix(s)
		if a, aErr := netip.ParseAddr(s); aErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no range", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
