package estuaryapi

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"path"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed swagger
var swaggerFiles embed.FS

var swaggerTypes = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".json": "application/json; charset=UTF-8"}

// description is what the API tells of itself, each made at the first call.
type description struct {
	document func() *openapi3.T
	files    func() (map[string][]byte, error) // below /swagger/, by name
}

func newDescription(groups []group, version string) description {
	d := description{document: sync.OnceValue(func() *openapi3.T { return openAPI(groups, version) })}
	d.files = sync.OnceValues(func() (map[string][]byte, error) { return d.render(groups) })
	return d
}

func (d description) render(groups []group) (map[string][]byte, error) {
	doc := d.document()
	out := map[string][]byte{}
	var err error
	if out["doc.json"], err = json.Marshal(doc); err != nil {
		return nil, err
	}
	for _, name := range []string{"style.css", "script.js"} {
		if out[name], err = swaggerFiles.ReadFile("swagger/" + name); err != nil {
			return nil, err
		}
	}
	t, err := template.ParseFS(swaggerFiles, "swagger/index.html")
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = t.Execute(&page, struct {
		Info   *openapi3.Info
		Groups []pageGroup
	}{doc.Info, pageGroups(groups, doc)})
	out["index.html"] = page.Bytes()
	return out, err
}

// swaggerFile names a part of the description.
type swaggerFile struct {
	File string `path:"file"`
}

func (s *server) swaggerDocument(w http.ResponseWriter, r *request, _ nothing) error {
	return s.swagger(w, r, swaggerFile{"doc.json"})
}

func (s *server) swaggerPage(w http.ResponseWriter, r *request, _ nothing) error {
	return s.swagger(w, r, swaggerFile{"index.html"})
}

// swaggerLead leads to the page, whose own links are relative.
func (s *server) swaggerLead(*request, nothing) (redirect, error) {
	return redirect{"/swagger/index.html"}, nil
}

// swagger sends a part of the description.
func (s *server) swagger(w http.ResponseWriter, r *request, in swaggerFile) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	data, ok := files[in.File]
	if !ok {
		return errNoRoute
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h := w.Header()
	h.Set("Etag", etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", swaggerTypes[path.Ext(in.File)])
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(data) // the status is out
	return nil
}
