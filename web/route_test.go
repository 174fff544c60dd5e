package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/web"
)

var pathValue = regexp.MustCompile(`\{[a-z]+\}`)

// Each route is for whom the table says it is, and no form is taken without its
// token, whatever it is about.
func TestRoutesAreGuarded(t *testing.T) {
	s := newSite(t)
	ann, root, nobody := s.as("ann", accounts.LevelUser), s.as("root", accounts.LevelAdmin), s.browser()
	tested := 0
	for _, rt := range web.Routes() {
		method, path, ok := strings.Cut(rt.Pattern, " ")
		if !ok || rt.Anybody {
			continue
		}
		tested++
		path = strings.ReplaceAll(pathValue.ReplaceAllString(path, "1"), "{$}", "")
		if method == http.MethodGet {
			if path == "/ui/live" { // a stream, for a script that cannot be sent to a page
				nobody.get(path).want(401)
				continue
			}
			p := nobody.get(path).want(303)
			if to := p.header.Get("Location"); !strings.HasPrefix(to, "/ui/login?next=") {
				t.Errorf("%s sends a stranger to %q", rt.Pattern, to)
			}
			if rt.Admin {
				ann.get(path).want(404)
			}
			continue
		}
		form := url.Values{"csrf": {"wrong"}}
		nobody.do(method, path, nil, nil).want(401)
		if rt.Admin {
			ann.submit(path).want(404).has("There is no such page")
		}
		if strings.Contains(path, "/buckets/1/") && (strings.HasSuffix(path, "upload") || strings.HasSuffix(path, "object")) {
			continue // their tokens are in what is streamed: TestForgedRequests has them
		}
		root.post(path, nil).want(403).has("This form is out of date")
		root.post(path, form).want(403)
		root.post(path, url.Values{"csrf": {ann.csrf}}).want(403)
	}
	if tested < 30 {
		t.Errorf("only %d routes were tested", tested)
	}
}
