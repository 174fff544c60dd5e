package main

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// authSettings are where the accounts of a node are, if not with the node.
type authSettings struct {
	AuthURL        string
	AuthSecretFile string
	AuthCA         string
	AuthPlaintext  bool
}

func (s *authSettings) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.AuthURL, "auth-url", "", "URL of a `whypfs auth` that keeps the accounts of this and other nodes; empty: this node keeps its own")
	fs.StringVar(&s.AuthSecretFile, "auth-secret-file", "", "file with the secret that nodes and `whypfs auth` have in common; whypfs auth makes one that is not there, in its data directory if nothing is said; with several lines a node sends the first, and whypfs auth takes any")
	fs.StringVar(&s.AuthCA, "auth-ca", "", "PEM certificates that sign that of --auth-url; empty: those the system trusts")
	fs.BoolVar(&s.AuthPlaintext, "auth-plaintext", false, "let accounts be asked without TLS from another machine: only where nobody else can read the network")
}

func (c *config) checkAuth(bad func(format string, args ...any)) {
	if c.AuthURL == "" {
		return
	}
	if c.AuthSecretFile == "" {
		bad("--auth-url needs --auth-secret-file")
	}
	u, err := url.Parse(c.AuthURL)
	if err == nil && u.Scheme == "http" && !c.AuthPlaintext && !loopback(u.Host) {
		bad("--auth-url: S3 secrets would go over the network as they are: use https, or --auth-plaintext if nobody else can read it")
	}
	// What only the service can keep to must not be said where it has no effect.
	var byDefault users
	byDefault.flags(pflag.NewFlagSet("", pflag.ContinueOnError))
	if c.users != byDefault {
		bad("--registration, --quota-bytes, --quota-objects and --audit-keep belong to whypfs auth, not to a node with --auth-url")
	}
	if c.RootAccessKey != "" {
		bad("--root-access-key belongs to whypfs auth, not to a node with --auth-url")
	}
}

// loopback says whether a host, with or without a port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// serviceSettings are those of whypfs auth alone.
type serviceSettings struct{ AuthAddr string }

func (s *serviceSettings) flags(fs *pflag.FlagSet) {
	fs.StringVar(&s.AuthAddr, "auth-addr", "127.0.0.1:3005", "address of whypfs auth")
}

// serviceFlags declares the settings of whypfs auth on fs: its own, and some of
// a node's.
func (c *config) serviceFlags(fs *pflag.FlagSet) {
	c.serviceSettings.flags(fs)
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.flags(all)
	for _, name := range []string{"auth-secret-file", "auth-plaintext", "tls-cert", "tls-key", "meta", "registration", "quota-bytes",
		"quota-objects", "audit-keep", "root-access-key", "root-secret-key", "log-level", "log-format"} {
		fs.AddFlag(all.Lookup(name))
	}
}

func (c *config) checkService(bad func(format string, args ...any)) {
	if c.TLSCert == "" && !c.AuthPlaintext && !loopback(c.AuthAddr) {
		bad("--auth-addr: S3 secrets would go over the network as they are: give --tls-cert and --tls-key, or --auth-plaintext if nobody else can read it")
	}
}
