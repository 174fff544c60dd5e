package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// view is what every page shows, with the page's own data.
type view struct {
	Title   string
	Nav     string   // the item of the navigation that is marked
	Scripts []string // modules of the page
	Refresh bool     // a script fetches the page again and replaces what changed
	Data    any

	// Filled in by render.
	User    accounts.User
	Admin   bool
	CSRF    string
	Version string
}

// loadPages parses each page together with the layout. A template that does not
// parse is a broken program.
func (s *server) loadPages() map[string]*template.Template {
	base := template.Must(template.New("layout").Funcs(s.funcs()).ParseFS(files, "templates/layout.html", "templates/part_*.html"))
	names, err := fs.Glob(files, "templates/page_*.html")
	if err != nil {
		panic(err)
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		page := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "page_"), ".html")
		pages[page] = template.Must(template.Must(base.Clone()).ParseFS(files, name))
	}
	return pages
}

func (s *server) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":         func(name string) string { return s.urls[name] },
		"bytes":         bytesText,
		"count":         countText,
		"plural":        plural,
		"ago":           func(t time.Time) string { return agoText(time.Since(t)) },
		"until":         func(t time.Time) string { return untilText(time.Until(t)) },
		"stamp":         stampText,
		"iso":           func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"span":          spanText,
		"policy":        policyText,
		"rules":         rulesText,
		"latency":       latencyText,
		"millis":        func(d time.Duration) string { return countText(d.Milliseconds()) + " ms" },
		"rate":          rateText,
		"percent":       percentText,
		"tone":          tone,
		"objecturl":     objectURL,
		"bucketurl":     bucketURL,
		"collectionurl": collectionURL,
		"tokenurl":      tokenURL,
		"keyurl":        keyURL,
		"pinurl":        pinURL,
		"registerurl":   registerURL,
		"providerurl":   providerURL,
		"userurl":       userURL,
		"pair":          func(a, b any) any { return struct{ A, B any }{a, b} },
		"short":         shortText,
	}
}

// render writes a page. It is made in memory first, so that an error can still
// become an error page.
func (s *server) render(c *call, status int, page string, v view) error {
	v.User, v.Admin, v.CSRF, v.Version = c.user, c.admin(), c.csrf, s.opt.Version
	var buf bytes.Buffer
	t := s.pages[page]
	if t == nil {
		return fmt.Errorf("page %q: no such template", page)
	}
	if err := t.ExecuteTemplate(&buf, "layout", v); err != nil {
		return fmt.Errorf("page %q: %w", page, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		// The status is out: an error here can only be the client's connection.
		_, _ = c.w.Write(buf.Bytes())
	}
	return nil
}

// ok renders a page with status 200.
func (s *server) ok(c *call, page string, v view) error {
	return s.render(c, http.StatusOK, page, v)
}
