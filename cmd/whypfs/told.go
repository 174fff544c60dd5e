package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// openURLs are the settings whose URLs everybody may know. In others a key may
// stand anywhere.
var openURLs = []string{"public-url", "gateway-url", "upload-url"}

// told is the settings as an admin is told them: of a secret, that it is set,
// and of a URL that not everybody knows, its server.
func told(fs *pflag.FlagSet) map[string]string {
	out := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		switch list, many := f.Value.(pflag.SliceValue); {
		case f.Name == "help":
		case f.Value.Type() == "secret" && f.Changed:
			out[f.Name] = "set"
		case f.Value.Type() == "secret":
			out[f.Name] = ""
		case many:
			var parts []string
			for _, v := range list.GetSlice() {
				parts = append(parts, toldValue(f.Name, v))
			}
			out[f.Name] = strings.Join(parts, ",")
		default:
			out[f.Name] = toldValue(f.Name, f.Value.String())
		}
	})
	return out
}

// toldValue leaves of a value with a URL in it only the URL's server.
func toldValue(name, value string) string {
	if slices.Contains(openURLs, name) || !strings.Contains(value, "://") {
		return value
	}
	if u, err := url.Parse(value); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return "set"
}
