package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/s3"
)

// config is every setting of a node. Each is declared once, in flags: the flag
// --s3-addr, the variable WHYPFS_S3_ADDR and the line "s3-addr = …" of the
// file are the same setting.
type config struct {
	Data string
	File string

	S3Addr      string
	APIAddr     string
	GatewayAddr string
	Roles       []string
	TLSCert     string
	TLSKey      string
	PublicURL   string
	Gateway     gatewaySettings

	sandboxSettings
	network
	pins
	users
	authSettings
	serviceSettings
	clients
	storage
	offload
	retrieval

	S3Region    string
	S3Domain    string
	S3Ownership string

	DefaultPublish bool
	Threshold      size
	MaxAge         time.Duration
	Replication    int
	MaxPiece       size
	Aged           string
	UploadExpiry   time.Duration

	RPC         []string
	RPCRate     float64
	RPCToken    secret
	RPCPoll     time.Duration
	SampleEvery time.Duration
	Providers   []string
	PerPiece    int
	Recheck     time.Duration
	MaxPrice    string
	Verified    string
	MinPiece    size
	Pulls       pulls
	engine
	escrow

	Webhooks       named
	WebhookSecrets named
	LifecycleDay   time.Duration

	RootAccessKey string
	RootSecretKey secret

	LogLevel  string
	LogFormat string

	told map[string]string // all of them, as admins may see them
}

// flags declares the settings of a node on fs.
func (c *config) flags(fs *pflag.FlagSet) {
	fs.StringVar(&c.S3Addr, "s3-addr", "127.0.0.1:9000", "address of the S3 API")
	fs.StringVar(&c.APIAddr, "api-addr", "127.0.0.1:3004", "address of the Estuary API, web UI, pieces, health and metrics")
	fs.StringVar(&c.GatewayAddr, "gateway-addr", "127.0.0.1:8080", "address of the IPFS gateway")
	fs.StringSliceVar(&c.Roles, "role", []string{"api", "core"}, "what this process does: api serves clients, core runs jobs and deals")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "PEM certificate chain; with it the three HTTP addresses speak HTTPS")
	fs.StringVar(&c.TLSKey, "tls-key", "", "PEM private key of --tls-cert")
	fs.StringVar(&c.PublicURL, "public-url", "", "URL under which others reach --api-addr; storage providers fetch pieces from it")
	c.sandboxSettings.flags(fs)
	c.network.flags(fs)
	c.pins.flags(fs)
	c.users.flags(fs)
	c.authSettings.flags(fs)
	c.clients.flags(fs)
	c.Gateway.flags(fs)
	c.storage.flags(fs)
	c.offload.flags(fs)
	c.retrieval.flags(fs)
	fs.StringVar(&c.S3Region, "s3-region", "us-east-1", "region of the S3 API")
	fs.StringVar(&c.S3Domain, "s3-domain", "", "base domain of virtual-host style requests; empty: path style only")
	fs.StringVar(&c.S3Ownership, "s3-object-ownership", "BucketOwnerEnforced", "object ownership of new buckets that name none: BucketOwnerEnforced (no ACLs), BucketOwnerPreferred or ObjectWriter")
	fs.BoolVar(&c.DefaultPublish, "default-publish", true, "publish the contents of new buckets over IPFS")
	c.Threshold, c.MaxPiece = 15<<30, 32<<30
	fs.Var(&c.Threshold, "threshold", "size at which a zone of a new bucket is sealed; a power of two would need a piece of twice its size")
	fs.DurationVar(&c.MaxAge, "max-age", 48*time.Hour, "age of its oldest content at which a zone of a new bucket is sealed")
	fs.IntVar(&c.Replication, "replication", 6, "deals per piece of a new bucket, each with a provider of its own")
	fs.Var(&c.MaxPiece, "max-piece", "largest piece of a new bucket, padded; a power of two")
	fs.StringVar(&c.Aged, "aged", "pad", "what a new bucket does with an aged zone whose piece is too small for providers: pad it with zeros, wait for more, or choose the providers that take it")
	fs.DurationVar(&c.UploadExpiry, "upload-expiry", 7*24*time.Hour, "how long an unfinished multipart upload stays after its last part; 0: for ever")
	fs.StringSliceVar(&c.RPC, "rpc", nil, "JSON-RPC URL of a Filecoin node; empty: no deals are made; repeatable: the first that answers is asked; how far the chain is, and what ends a deal or makes one active, is believed when two agree")
	fs.Float64Var(&c.RPCRate, "rpc-rate", 0, "calls per second to each --rpc; 0: no limit of ours")
	fs.Var(&c.RPCToken, "rpc-token", "bearer token for --rpc, or several with commas between them, in the same order; better given as WHYPFS_RPC_TOKEN")
	fs.DurationVar(&c.SampleEvery, "sample-every", 24*time.Hour, "how often a random range of each active deal's piece is fetched and checked; 0: never")
	fs.DurationVar(&c.RPCPoll, "rpc-poll", 0, "how often the chain head is asked for; 0: 15s, in the sandbox the epoch")
	fs.StringSliceVar(&c.Providers, "provider", nil, "storage provider to choose from, and what is to be known of it: f01234,region=eu,owner=acme,most=4,http=https://sp.example,engine=offline (or mk12, filclient), each but the address optional; repeatable")
	c.MinPiece = 1 << 20
	fs.Var(&c.MinPiece, "min-piece", "smallest piece, padded: an aged zone that is smaller is filled up with zeros to it")
	fs.IntVar(&c.PerPiece, "deals-per-piece", 0, "deals of a piece under way at once; 0: as many as replicas are lacking")
	fs.DurationVar(&c.Recheck, "deal-recheck", time.Hour, "how often an active deal is looked for on chain")
	c.Pulls.flags(fs)
	fs.StringVar(&c.MaxPrice, "max-price", "50000000", "highest price accepted, attoFIL per GiB and epoch")
	fs.StringVar(&c.Verified, "verified", deals.VerifiedNever, "verified deals: auto makes them while the network has them (before version 29) and the wallet's datacap covers the piece, and ordinary ones otherwise; or never")
	c.engine.flags(fs)
	c.escrow.flags(fs)
	fs.Var(&c.Webhooks, "webhook", "`NAME=URL` of a receiver of S3 event notifications, which buckets name as arn:whypfs:sns:<region>::NAME; repeatable")
	fs.Var(&c.WebhookSecrets, "webhook-secret", "`NAME=SECRET`, or NAME=@FILE, that signs what the webhook gets; repeatable; better given as WHYPFS_WEBHOOK_SECRET")
	fs.DurationVar(&c.LifecycleDay, "test-lifecycle-day", 24*time.Hour, "for tests alone: what lifecycle rules take for a day")
	fs.StringVar(&c.RootAccessKey, "root-access-key", "", "access key of the root S3 user; empty: the first start makes one and prints it")
	fs.Var(&c.RootSecretKey, "root-secret-key", "its secret key; better given as WHYPFS_ROOT_SECRET_KEY")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "text", "text or json")
}

// common declares the settings that every command takes.
func (c *config) common(fs *pflag.FlagSet) {
	fs.StringVar(&c.Data, "data", defaultData(), "data directory")
	fs.StringVar(&c.File, "config", "", "file with lines `name = value`")
}

func defaultData() string {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "whypfs")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "whypfs")
	}
	return "whypfs-data"
}

// load completes the flags of fs that were not given from the environment
// and then from the file. All faults are reported together.
func (c *config) load(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var faults []error
	given := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) {
		given[f.Name] = f.Changed
		if v, ok := lookup(envName(f.Name)); ok && !f.Changed {
			if err := fs.Set(f.Name, v); err != nil {
				faults = append(faults, fmt.Errorf("environment %s: %w", envName(f.Name), setError(err)))
			}
			given[f.Name] = true
		}
	})
	if c.File != "" {
		faults = append(faults, c.loadFile(fs, given)...)
	}
	return errors.Join(faults...)
}

func (c *config) loadFile(fs *pflag.FlagSet, given map[string]bool) (faults []error) {
	f, err := os.Open(c.File)
	if err != nil {
		return []error{fmt.Errorf("config file: %w", err)}
	}
	defer f.Close()
	lines, err := parseFile(f)
	if err != nil {
		return []error{fmt.Errorf("config file %s: %w", c.File, err)}
	}
	known := settings()
	for _, l := range lines {
		switch {
		case known.Lookup(l.name) == nil || l.name == "config":
			faults = append(faults, fmt.Errorf("config file %s: line %d: unknown setting %q", c.File, l.number, l.name))
		case fs.Lookup(l.name) == nil || given[l.name]:
			// A setting of another command, or one that a flag or variable overrides.
		default:
			if err := fs.Set(l.name, l.value); err != nil {
				faults = append(faults, fmt.Errorf("config file %s: line %d: %w", c.File, l.number, setError(err)))
			}
		}
	}
	return faults
}

// settings is the flag set of all settings, for checking names and for the documentation.
func settings() *pflag.FlagSet {
	var c config
	fs := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	c.common(fs)
	c.flags(fs)
	c.serviceSettings.flags(fs)
	fs.SortFlags = false
	return fs
}

// setError drops nothing but pflag's repetition of secret values.
func setError(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "secret" {
		return fmt.Errorf("invalid value for --%s", invalid.GetFlag().Name)
	}
	return err
}

func envName(flag string) string {
	return "WHYPFS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

type line struct {
	number      int
	name, value string
}

// parseFile reads `name = value` lines; # starts a comment line.
func parseFile(r io.Reader) ([]line, error) {
	var out []line
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("line %d: want `name = value`", n)
		}
		out = append(out, line{n, name, strings.TrimSpace(value)})
	}
	return out, sc.Err()
}

// check refuses values that parse but cannot work, all of them together.
func (c *config) check() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, r := range c.Roles {
		if r != "api" && r != "core" {
			bad("--role: %q is not api or core", r)
		}
	}
	if len(c.Roles) == 0 {
		bad("--role: at least one of api, core")
	}
	c.checkBasics(bad)
	c.sandboxSettings.check(bad)
	c.network.check(bad)
	c.pins.check(bad)
	c.users.check(bad)
	c.checkAuth(bad)
	c.clients.check(bad)
	c.storage.check(bad)
	c.Pulls.check(bad)
	c.offload.check(bad)
	c.retrieval.check(bad)
	c.engine.check(bad)
	c.escrow.check(bad)
	if !s3.ValidOwnership(c.S3Ownership) {
		bad("--s3-object-ownership: %q is not BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter", c.S3Ownership)
	}
	if _, err := deals.ParseProviders(c.Providers); err != nil {
		bad("--provider: %w", err)
	}
	if c.Sandbox && len(c.RPC) > 0 {
		bad("--sandbox brings a chain of its own: leave out --rpc")
	}
	if len(c.RPC) > 0 && c.PublicURL == "" {
		bad("--rpc needs --public-url: storage providers fetch pieces from it")
	}
	if c.Verified != deals.VerifiedAuto && c.Verified != deals.VerifiedNever {
		bad("--verified: %q is not auto or never", c.Verified)
	}
	if !slices.Contains([]string{"pad", "wait", "choose"}, c.Aged) {
		bad("--aged: %q is not pad, wait or choose", c.Aged)
	}
	if c.UploadExpiry < 0 {
		bad("--upload-expiry: %v is negative", c.UploadExpiry)
	}
	if c.LifecycleDay < 100*time.Millisecond || c.LifecycleDay > 24*time.Hour {
		bad("--test-lifecycle-day is 100ms to 24h")
	}
	if _, err := c.webhooks(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkBasics checks the settings that a node and whypfs auth share.
func (c *config) checkBasics(bad func(format string, args ...any)) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("--tls-cert and --tls-key go together")
	}
	if (c.RootAccessKey == "") != c.RootSecretKey.empty() {
		bad("--root-access-key and --root-secret-key go together")
	}
	if _, err := logLevel(c.LogLevel); err != nil {
		bad("--log-level: %q is not debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		bad("--log-format: %q is not text or json", c.LogFormat)
	}
}

func (c *config) role(name string) bool {
	for _, r := range c.Roles {
		if r == name {
			return true
		}
	}
	return false
}

// size is a number of bytes, written 16MiB.
type size int64

func (s *size) Set(v string) error {
	n, err := humanize.ParseBytes(v)
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size such as 16MiB", v)
	}
	*s = size(n)
	return nil
}
func (s *size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(*s)), " ", "") }
func (s *size) Type() string   { return "size" }

// secret is a setting that no printer can reach.
type secret struct{ p *string }

func (s *secret) Set(v string) error { s.p = &v; return nil }
func (s *secret) String() string     { return "" }
func (s *secret) Type() string       { return "secret" }
func (s *secret) empty() bool        { return s.p == nil || *s.p == "" }
func (s *secret) reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// writeSettings prints the reference of all settings (docs/config.md).
func writeSettings(w io.Writer) {
	fmt.Fprint(w, "# Settings\n\n"+
		"Generated from the flags by `whypfs settings`; a test fails if it differs.\n\n"+
		"A setting is a flag, a variable in the environment and a line `name = value` in the file that `--config` names.\n"+
		"The flag wins over the variable, the variable over the file. An unknown name or a bad value ends the start with exit code 2.\n\n"+
		"| flag | variable | default | meaning |\n|---|---|---|---|\n")
	var rows []string
	settings().VisitAll(func(f *pflag.Flag) {
		def := "`" + f.DefValue + "`"
		if f.Name == "data" {
			def = "`$XDG_DATA_HOME/whypfs`, `~/.local/share/whypfs`"
		}
		if f.DefValue == "" {
			def = ""
		}
		_, usage := pflag.UnquoteUsage(f)
		rows = append(rows, fmt.Sprintf("| `--%s` | `%s` | %s | %s |\n", f.Name, envName(f.Name), def, usage))
	})
	sort.Strings(rows)
	for _, r := range rows {
		io.WriteString(w, r)
	}
}
