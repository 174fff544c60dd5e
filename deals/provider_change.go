package deals

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrProviderValue says that something cannot be said of a provider.
var ErrProviderValue = errors.New("cannot be said of a provider")

// A ProviderChange is what an operator says anew of a provider; nil stays as it is.
type ProviderChange struct {
	Name                        *string
	Engine, HTTP, Owner, Region *string // as in ProviderConfig
	Most                        *int
}

// attributes are those that a ProviderConfig has, too, as key and value.
func (c ProviderChange) attributes() (list [][2]string) {
	for _, a := range []struct {
		key   string
		value *string
	}{{"engine", c.Engine}, {"http", c.HTTP}, {"owner", c.Owner}, {"region", c.Region}} {
		if a.value != nil {
			list = append(list, [2]string{a.key, *a.value})
		}
	}
	if c.Most != nil {
		list = append(list, [2]string{"most", strconv.Itoa(*c.Most)})
	}
	return list
}

// String is the change for people, without a password.
func (c ProviderChange) String() string {
	var words []string
	if c.Name != nil {
		words = append(words, fmt.Sprintf("name=%q", *c.Name))
	}
	for _, a := range c.attributes() {
		if u, err := url.Parse(a[1]); a[0] == "http" && err == nil {
			a[1] = u.Redacted()
		}
		words = append(words, a[0]+"="+a[1])
	}
	return strings.Join(words, " ")
}

// check says what is wrong with a change.
func (c ProviderChange) check() error {
	if c.Name != nil && !fitting(*c.Name) {
		return ErrProviderText
	}
	return c.apply(new(ProviderConfig))
}

func (c ProviderChange) apply(p *ProviderConfig) error {
	for _, a := range c.attributes() {
		if !fitting(a[1]) {
			return fmt.Errorf("%w: %s: %w", ErrProviderValue, a[0], ErrProviderText)
		}
		if unset := a[1] == "" || a == [2]string{"most", "0"}; unset {
			p.unset(a[0])
		} else if err := p.set(a[0], a[1]); err != nil {
			return fmt.Errorf("%w: %w", ErrProviderValue, err)
		}
	}
	return nil
}

// fitting says that a text may be kept.
func fitting(text string) bool { return len(text) <= maxProviderText && utf8.ValidString(text) }
