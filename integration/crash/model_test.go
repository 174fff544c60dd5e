//go:build integration

package crash

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A model is what may be seen at some moment, given what was asked and answered
// until then.
type model struct {
	buckets  map[string]bool            // true: certainly there; else perhaps
	values   map[string]map[string]bool // path -> bodies, "" for none
	versions map[string]*versionSet     // path
	uploads  map[string]*uploadModel    // by id
	creating map[string]int             // path -> uploads that may be there under an id that was never told
	cids     map[string]string          // body -> CID that was answered
	exposed  map[string]bool            // bodies that were meant for strangers
	bodies   map[string]bool            // all that were ever sent
	problems []error
}

// versionSet is what may be seen of a key with versions.
type versionSet struct {
	must, may map[string]string // version -> body
	extra     []string          // bodies of versions that may be there under an id that was never told
}

type uploadModel struct {
	path    string
	certain bool
	parts   map[int]map[string]bool // ETags, "" for none
	// A completion that was not answered: the object has the body if the upload is gone.
	completing string
}

// modelAt is the model of the moment at.
func modelAt(events []stamped, at int) *model {
	m := &model{
		buckets: map[string]bool{}, values: map[string]map[string]bool{}, versions: map[string]*versionSet{},
		uploads: map[string]*uploadModel{}, creating: map[string]int{}, cids: map[string]string{}, exposed: map[string]bool{},
		bodies: map[string]bool{},
	}
	open := map[int]event{}
	for _, e := range events {
		if e.at > at {
			break
		}
		switch e.What {
		case "begin":
			open[e.N] = e.event
			if e.Op == "put" || e.Op == "part" {
				m.bodies[e.Body] = true
			}
			if strings.HasPrefix(e.Path, public+"/") {
				for part := range strings.SplitSeq(e.Body, "+") {
					m.exposed[part] = true
				}
				m.exposed[e.Body] = true
			}
		case "end":
			delete(open, e.N)
			if e.Result != "refused" {
				m.apply(e.event, e.Result == "ok")
			}
		case "found":
			// Another process: nothing is under way any more.
			m.unanswered(open)
			open = map[int]event{}
			m.check(*e.Found)
			m.collapse(*e.Found)
		}
	}
	m.unanswered(open)
	return m
}

func (m *model) unanswered(open map[int]event) {
	for _, n := range slices.Sorted(maps.Keys(open)) {
		m.apply(open[n], false)
	}
}

// apply changes the model by an operation that was done, or perhaps was.
func (m *model) apply(e event, done bool) {
	if done && e.CID != "" && e.Op != "create" && e.Op != "delete" {
		m.cids[e.Body] = e.CID
	}
	isVersioned := strings.HasPrefix(e.Path, versioned+"/")
	switch e.Op {
	case "bucket":
		m.buckets[e.Path] = m.buckets[e.Path] || done
	case "put", "copy", "complete":
		if e.Op == "complete" {
			m.leave(e, done)
		}
		if isVersioned {
			m.version(e, e.Body, done)
		} else {
			m.value(e.Path, e.Body, done)
		}
	case "delete":
		if isVersioned {
			m.version(e, marker, done)
		} else {
			m.value(e.Path, "", done)
		}
	case "delete version":
		v := m.versionsOf(e.Path)
		if body, ok := v.must[e.Version]; ok && !done {
			v.may[e.Version] = body
		}
		delete(v.must, e.Version)
		if done {
			delete(v.may, e.Version)
		}
	case "create":
		if done {
			m.uploads[e.Upload] = &uploadModel{path: e.Path, certain: true, parts: map[int]map[string]bool{}}
		} else {
			m.creating[e.Path]++
		}
	case "part":
		m.part(e, done)
	case "abort":
		m.leave(e, done)
	}
}

func (m *model) value(path, body string, done bool) {
	if m.values[path] == nil {
		m.values[path] = map[string]bool{"": true}
	}
	if done {
		clear(m.values[path])
	}
	m.values[path][body] = true
}

func (m *model) versionsOf(path string) *versionSet {
	if m.versions[path] == nil {
		m.versions[path] = &versionSet{must: map[string]string{}, may: map[string]string{}}
	}
	return m.versions[path]
}

func (m *model) version(e event, body string, done bool) {
	v := m.versionsOf(e.Path)
	if done {
		v.must[e.Version] = body
	} else {
		v.extra = append(v.extra, body)
	}
}

func (m *model) part(e event, done bool) {
	u := m.uploads[e.Upload]
	if u == nil {
		return
	}
	if u.parts[e.Part] == nil {
		u.parts[e.Part] = map[string]bool{"": true}
	}
	if done {
		clear(u.parts[e.Part])
	}
	u.parts[e.Part][etagOf(e.Body)] = true
}

// leave ends an upload.
func (m *model) leave(e event, done bool) {
	if done {
		delete(m.uploads, e.Upload)
	} else if u := m.uploads[e.Upload]; u != nil {
		u.certain, u.completing = false, e.Body
	}
}

// collapse makes the model what was seen, since that is what it has to stay.
func (m *model) collapse(s state) {
	clear(m.buckets)
	maps.Copy(m.buckets, s.Buckets)
	clear(m.values)
	for path, body := range s.Objects {
		m.values[path] = map[string]bool{body: true}
	}
	clear(m.versions)
	for path, list := range s.Versions {
		maps.Copy(m.versionsOf(path).must, list)
	}
	clear(m.uploads)
	clear(m.creating)
	for id, u := range s.Uploads {
		parts := map[int]map[string]bool{}
		for n, etag := range u.Parts {
			parts[n] = map[string]bool{etag: true}
		}
		m.uploads[id] = &uploadModel{path: u.Path, certain: true, parts: parts}
	}
}

func (m *model) must(ok bool, format string, args ...any) {
	if !ok {
		m.problems = append(m.problems, fmt.Errorf(format, args...))
	}
}

// check notes where what is seen is not what may be.
func (m *model) check(s state) {
	for name, certain := range m.buckets {
		m.must(!certain || s.Buckets[name], "bucket %s is gone", name)
	}
	for name := range s.Buckets {
		_, ok := m.buckets[name]
		m.must(ok, "bucket %s was never made", name)
	}
	for path, may := range m.values {
		body := s.Objects[path]
		m.must(may[body], "object %s is %q, want one of %q", path, body, slices.Sorted(maps.Keys(may)))
	}
	for path := range s.Objects {
		m.must(m.values[path] != nil, "object %s was never put", path)
	}
	for path, v := range m.versions {
		m.checkVersions(path, v, s.Versions[path])
	}
	for path := range s.Versions {
		m.must(m.versions[path] != nil, "object %s was never put", path)
	}
	m.checkUploads(s)
	for body, c := range s.CIDs {
		want, ok := m.cids[body]
		m.must(!ok || c == want, "body %s has the CID %s, and %s was answered", body, c, want)
	}
}

func (m *model) checkVersions(path string, v *versionSet, seen map[string]string) {
	for version, body := range v.must {
		m.must(seen[version] == body, "object %s version %s is %q, want %q", path, version, seen[version], body)
	}
	extra := slices.Clone(v.extra)
	for version, body := range seen {
		if _, ok := v.must[version]; ok {
			continue
		}
		if may, ok := v.may[version]; ok {
			m.must(may == body, "object %s version %s is %q, want %q", path, version, body, may)
			continue
		}
		i := slices.Index(extra, body)
		m.must(i >= 0, "object %s version %s is %q, which was never put", path, version, body)
		if i >= 0 {
			extra = slices.Delete(extra, i, i+1)
		}
	}
}

func (m *model) checkUploads(s state) {
	creating := maps.Clone(m.creating)
	for id, u := range s.Uploads {
		want := m.uploads[id]
		if want == nil {
			creating[u.Path]--
			m.must(creating[u.Path] >= 0 && len(u.Parts) == 0, "upload %s of %s is there: %v", id, u.Path, u.Parts)
			continue
		}
		for n, etag := range u.Parts {
			m.must(want.parts[n][etag], "part %d of upload %s of %s is %s, want one of %v", n, id, u.Path, etag, want.parts[n])
		}
		for n, may := range want.parts {
			m.must(may[u.Parts[n]], "part %d of upload %s of %s is gone", n, id, u.Path)
		}
	}
	for id, u := range m.uploads {
		_, seen := s.Uploads[id]
		m.must(seen || !u.certain, "upload %s of %s is gone", id, u.path)
		if may := m.values[u.path]; u.completing != "" && len(may) > 1 {
			m.must((s.Objects[u.path] == u.completing) != seen, "upload %s of %s is there: %v, and the object is %q", id, u.path, seen, s.Objects[u.path])
		}
	}
}

func (m *model) err() error { return errors.Join(m.problems...) }
