package mk12

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"

	"github.com/multiformats/go-multiaddr"
	cbg "github.com/whyrusleeping/cbor-gen"
)

// Transports asks a provider where it serves pieces over HTTP.
func (c *Client) Transports(ctx context.Context, provider string) (urls []string, err error) {
	err = c.talk(ctx, provider, question{limit: talkTimeout, protocols: []string{protoTransports}, read: func(r io.Reader) error {
		urls, err = readTransports(r)
		return err
	}})
	if err == nil && len(urls) == 0 {
		err = errors.New("provider serves nothing over HTTP")
	}
	return urls, err
}

// MarketURLs are the URLs at which the multiaddrs of a provider may lead to a
// market over HTTP: those that say http or https and, since Curio serves
// websockets and its market under one name, those that say wss.
func MarketURLs(addrs []string) (urls []string) {
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if u, ok := httpURL(a.Bytes()); ok && !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls
}

// readTransports reads {Protocols: [{Name, Addresses: [multiaddr]}]} and
// returns the HTTP ones as URLs.
func readTransports(r io.Reader) (urls []string, err error) {
	cr := cbg.NewCborReader(r)
	err = readMap(cr, func(key string) error {
		if key != "Protocols" {
			return skip(cr)
		}
		return readList(cr, func() error {
			found, err := readTransport(cr)
			urls = append(urls, found...)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("transports: %w", err)
	}
	return urls, nil
}

func readTransport(cr *cbg.CborReader) (urls []string, err error) {
	var name string
	err = readMap(cr, func(key string) error {
		switch key {
		case "Name":
			name, err = cbg.ReadString(cr)
			return err
		case "Addresses":
			return readList(cr, func() error {
				b, err := cbg.ReadByteArray(cr, 1024)
				if err != nil {
					return err
				}
				if u, ok := httpURL(b); ok {
					urls = append(urls, u)
				}
				return nil
			})
		}
		return skip(cr)
	})
	if name != "http" && name != "https" {
		urls = nil
	}
	return urls, err
}

// httpURL turns a multiaddr such as /dns/sp.example/tcp/443/https into a URL.
func httpURL(b []byte) (string, bool) {
	a, err := multiaddr.NewMultiaddrBytes(b)
	if err != nil {
		return "", false
	}
	var host, port, path string
	scheme := ""
	for _, c := range a {
		switch c.Protocol().Code {
		case multiaddr.P_IP4, multiaddr.P_IP6, multiaddr.P_DNS, multiaddr.P_DNS4, multiaddr.P_DNS6:
			host = c.Value()
		case multiaddr.P_TCP:
			port = c.Value()
		case multiaddr.P_TLS, multiaddr.P_HTTPS, multiaddr.P_WSS:
			scheme = "https"
		case multiaddr.P_HTTP:
			if scheme == "" {
				scheme = "http"
			}
		case multiaddr.P_HTTP_PATH:
			path, _ = url.PathUnescape(c.Value())
		}
	}
	if host == "" || scheme == "" {
		return "", false
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: path}
	return u.String(), true
}
