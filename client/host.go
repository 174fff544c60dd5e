package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/whypfs/whypfs/internal/durable"
)

// A Token is a key of a host's API. No printer reaches it.
type Token struct{ p *string }

// NewToken returns a Token.
func NewToken(s string) Token { return Token{&s} }

func (t Token) String() string { return "[token]" }

func (t Token) reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// A Host is where requests go.
type Host struct {
	Name   string    `json:"name"`
	URL    string    `json:"url"`    // base of its API
	Upload string    `json:"upload"` // base of what uploads go to; V1 had other machines for them
	User   string    `json:"user"`
	Expiry time.Time `json:"expiry,omitzero"` // of the token, as the host said at login
	Token  Token     `json:"-"`
}

// A Book keeps hosts in a file that only its owner reads.
type Book struct {
	path string
	file bookFile
}

type bookFile struct {
	Default string              `json:"default"`
	Hosts   map[string]bookHost `json:"hosts"`
}

type bookHost struct {
	Host
	Token string `json:"token"`
}

// OpenBook reads the book in dir, which need not be there yet.
func OpenBook(dir string) (*Book, error) {
	b := &Book{path: filepath.Join(dir, "hosts.json"), file: bookFile{Hosts: map[string]bookHost{}}}
	data, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &b.file)
	}
	if err != nil {
		return nil, fmt.Errorf("hosts in %s: %w", b.path, err)
	}
	if b.file.Hosts == nil {
		b.file.Hosts = map[string]bookHost{}
	}
	return b, nil
}

// Hosts lists the hosts by name, and says which is the default.
func (b *Book) Hosts() (hosts []Host, def string) {
	for _, name := range slices.Sorted(maps.Keys(b.file.Hosts)) {
		hosts = append(hosts, b.host(name))
	}
	return hosts, b.file.Default
}

func (b *Book) host(name string) Host {
	row := b.file.Hosts[name]
	h := row.Host
	h.Name, h.Token = name, NewToken(row.Token)
	return h
}

// Host returns the host of a name; "" is the default.
func (b *Book) Host(name string) (Host, error) {
	if name == "" {
		name = b.file.Default
	}
	if _, ok := b.file.Hosts[name]; ok {
		return b.host(name), nil
	}
	if name == "" {
		return Host{}, fmt.Errorf("no host: `whypfs login URL TOKEN` first: %w", ErrUsage)
	}
	return Host{}, fmt.Errorf("host %q: `whypfs host ls` lists those there are: %w", name, ErrUsage)
}

// Put keeps a host under its name and makes it the default.
func (b *Book) Put(h Host) error {
	b.file.Hosts[h.Name] = bookHost{h, h.Token.reveal()}
	b.file.Default = h.Name
	return b.save()
}

// Use makes a host the default.
func (b *Book) Use(name string) error {
	if _, err := b.Host(name); err != nil {
		return err
	}
	b.file.Default = name
	return b.save()
}

// Remove forgets a host and its token. The only one that is left is the default.
func (b *Book) Remove(name string) error {
	h, err := b.Host(name)
	if err != nil {
		return err
	}
	delete(b.file.Hosts, h.Name)
	if b.file.Default == h.Name {
		b.file.Default = ""
	}
	if len(b.file.Hosts) == 1 {
		for b.file.Default = range b.file.Hosts {
		}
	}
	return b.save()
}

func (b *Book) save() error {
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return fmt.Errorf("keep hosts: %w", err)
	}
	data, err := json.MarshalIndent(b.file, "", "  ")
	if err == nil {
		err = durable.WriteFile(b.path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep hosts: %w", err)
	}
	return nil
}

// ParseURL reads the base URL of a host, as people write it.
func ParseURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not a URL", ErrUsage, cut(s))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: %q is not the URL of a host, https://api.example.net say", ErrUsage, u.Redacted())
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// A Viewer is what a host says of the owner of a token.
type Viewer struct {
	Username string    `json:"username"`
	Expiry   time.Time `json:"auth_expiry"`
	Settings struct {
		UploadEndpoints       []string `json:"uploadEndpoints"`
		ContentAddingDisabled bool     `json:"contentAddingDisabled"`
	} `json:"settings"`
}

// Viewer asks who the token belongs to.
func (c *Client) Viewer(ctx context.Context) (v Viewer, err error) {
	err = c.json(ctx, call{method: "GET", path: "/viewer"}, &v)
	return v, err
}

// Login asks the host at base who the token belongs to, and where it wants
// uploads. "" as the name: the host's own.
func Login(ctx context.Context, base, name string, token Token, opt Options) (Host, error) {
	u, err := ParseURL(base)
	if err != nil {
		return Host{}, err
	}
	h := Host{Name: name, URL: u.String(), Token: token}
	if name == "" {
		h.Name = u.Host
	}
	v, err := New(h, opt).Viewer(ctx)
	if err != nil {
		return Host{}, fmt.Errorf("log in to %s: %w", h.URL, err)
	}
	h.User, h.Expiry, h.Upload = cut(v.Username), v.Expiry, h.URL
	if list := v.Settings.UploadEndpoints; len(list) > 0 {
		if h.Upload, err = uploadBase(u, list[0]); err != nil {
			return Host{}, fmt.Errorf("log in to %s: %w", h.URL, err)
		}
	}
	return h, nil
}

// uploadBase is the base of a host's first upload endpoint. The token goes
// there too, so it may not be one where others can read it on its way.
func uploadBase(host *url.URL, endpoint string) (string, error) {
	u, err := ParseURL(strings.TrimSuffix(strings.TrimRight(endpoint, "/"), "/content/add"))
	if err != nil {
		return "", fmt.Errorf("it names the upload endpoint %q: %w", cut(endpoint), err)
	}
	if host.Scheme == "https" && u.Scheme != "https" {
		return "", fmt.Errorf("it names the upload endpoint %s, which would get the token without encryption", u)
	}
	return u.String(), nil
}
