package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// An admin is told every setting, and of those that may hold a key nothing that
// would be one.
func TestTold(t *testing.T) {
	var c config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.common(fs)
	c.flags(fs)
	err := fs.Parse([]string{"--root-access-key", "root", "--root-secret-key", "hush", "--rpc-token", "hush", "--webhook-secret", "a=hush", "--webhook", "a=https://hush/",
		"--rpc", "https://user:hush@one.example:1234/rpc/hush?token=hush,https://two.example/hush", "--router", "https://three.example/hush", "--dnslink-dns", "https://hush@four.example/hush",
		"--public-url", "https://up.example/path", "--replication", "3", "--provider", "f01234,http=https://sp.example/hush"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.load(fs, func(string) (string, bool) { return "", false }); err != nil {
		t.Fatal(err)
	}
	got := told(fs)
	for name, want := range map[string]string{"root-access-key": "root", "root-secret-key": "set", "rpc-token": "set", "webhook": "set", "webhook-secret": "set",
		"rpc": "https://one.example:1234,https://two.example", "router": "https://three.example", "dnslink-dns": "https://four.example",
		"public-url": "https://up.example/path", "replication": "3", "s3-addr": "127.0.0.1:9000", "threshold": "15GiB"} {
		if got[name] != want {
			t.Errorf("--%s is told as %q, want %q", name, got[name], want)
		}
	}
	for name, value := range got {
		if strings.Contains(value, "hush") {
			t.Errorf("--%s is told as %q", name, value)
		}
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if _, ok := got[f.Name]; !ok {
			t.Errorf("--%s is not told", f.Name)
		}
	})
	var none config
	empty := pflag.NewFlagSet("test", pflag.ContinueOnError)
	none.flags(empty)
	if err := none.load(empty, os.LookupEnv); err != nil || told(empty)["rpc-token"] != "" {
		t.Errorf("a secret that is not set is told as %q, %v", maps.Clone(told(empty))["rpc-token"], err)
	}
}

// The switch of new deals holds from one command to the next.
func TestDealMaking(t *testing.T) {
	data := t.TempDir()
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 0, "on: new deals are made"},
		{[]string{"maybe"}, 2, "want on or off"},
		{[]string{"off"}, 0, ""},
		{nil, 0, "off: the operator has switched them off "},
		{[]string{"on"}, 0, ""},
		{nil, 0, "on: new deals are made"},
	} {
		code, out := command(t, data, append([]string{"deal", "making"}, step.args...)...)
		if code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("deal making %v = %d %q, want %d %q", step.args, code, out, step.code, step.want)
		}
	}
}
