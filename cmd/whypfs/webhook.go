package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/webhook"
)

var hookName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// named is a setting of values by name, written NAME=VALUE, several of them
// with white space between. No printer reaches the values: they hold secrets.
type named struct{ m *map[string]string }

func (n *named) Set(v string) error {
	if n.m == nil {
		n.m = &map[string]string{}
	}
	for _, field := range strings.Fields(v) {
		name, value, ok := strings.Cut(field, "=")
		if !ok || !hookName.MatchString(name) || value == "" {
			return errors.New("want NAME=VALUE, with a name of letters, digits, '.', '_' and '-'")
		}
		if _, twice := (*n.m)[name]; twice {
			return fmt.Errorf("%s is given twice", name)
		}
		(*n.m)[name] = value
	}
	return nil
}

func (n *named) String() string { return "" }
func (n *named) Type() string   { return "secret" }

func (n *named) each(do func(name, value string)) {
	if n.m == nil {
		return
	}
	var names []string
	for name := range *n.m {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		do(name, (*n.m)[name])
	}
}

// webhooks returns the receivers of events by their names. All faults are
// reported together, and none tells a URL or a secret.
func (c *config) webhooks() (map[string]buckets.Webhook, error) {
	var faults []error
	secrets := map[string]webhook.Secret{}
	c.WebhookSecrets.each(func(name, value string) {
		if file, ok := strings.CutPrefix(value, "@"); ok {
			data, err := os.ReadFile(file)
			if err != nil {
				faults = append(faults, fmt.Errorf("--webhook-secret: %s: %w", name, err))
			}
			value = strings.TrimSpace(string(data))
		}
		secrets[name] = webhook.NewSecret(value)
	})
	hooks := map[string]buckets.Webhook{}
	c.Webhooks.each(func(name, url string) {
		hook, err := webhook.New(url, webhook.Options{Secret: secrets[name]})
		if err != nil {
			faults = append(faults, fmt.Errorf("--webhook: %s: %w", name, err))
		}
		hooks[name] = hook
	})
	for name := range secrets {
		if hooks[name] == nil {
			faults = append(faults, fmt.Errorf("--webhook-secret: there is no --webhook %s", name))
		}
	}
	return hooks, errors.Join(faults...)
}
