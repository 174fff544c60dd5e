package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets templates
var files embed.FS

// asset is a file that pages load. Its URL has its hash, so it never changes.
type asset struct {
	kind string
	data []byte
}

// loadAssets returns the assets by the name in their URL, and the URLs by file name.
func loadAssets() (map[string]asset, map[string]string) {
	assets, urls := map[string]asset{}, map[string]string{}
	names, err := fs.Glob(files, "assets/*")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		base, ext := path.Base(name), path.Ext(name)
		hashed := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		assets[hashed] = asset{kind: mediaType(base), data: data}
		urls[base] = "/ui/assets/" + hashed
	}
	return assets, urls
}

// extensions are those of our assets and of what is uploaded most, so that they
// do not depend on the tables of the machine.
var extensions = map[string]string{
	".css":  "text/css; charset=utf-8",
	".csv":  "text/csv; charset=utf-8",
	".gz":   "application/gzip",
	".html": "text/html; charset=utf-8",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".md":   "text/markdown; charset=utf-8",
	".mp3":  "audio/mpeg",
	".mp4":  "video/mp4",
	".pdf":  "application/pdf",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
	".webp": "image/webp",
	".zip":  "application/zip",
}

// mediaType guesses the type of a file from its name.
func mediaType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if t := extensions[ext]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (s *server) serveAsset(c *call) error {
	a, ok := s.assets[c.r.PathValue("name")]
	if !ok { // a page says so, as of any other path
		return errors.Join(s.admit(c, anybody), errNoPage)
	}
	h := c.w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.data)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	c.w.WriteHeader(http.StatusOK)
	_, err := c.w.Write(a.data)
	return err
}
