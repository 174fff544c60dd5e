package buckets

import (
	"strings"
	"unicode"

	"github.com/whypfs/whypfs/node"
)

// A key's path in the tree of its bucket is its segments, which are what stands
// between its slashes. A segment is the name of the last, a file, or of a
// directory. These rules give every key a path of its own (docs/cid.md):
//
//   - A segment that cannot be a name, or that looks like what the rules make,
//     is written % and then itself, with % and control characters as %XX.
//     Such are the empty one, . and .., those with control characters, those
//     that begin with % and those that end with %file.
//   - Where a key is a file and other keys are under it, as with a and a/b, the
//     file's name has %file at its end.
//   - An empty object whose key ends with a slash is the directory alone.

const (
	escapeMark    = "%"
	displacedMark = "%file"
)

// treeName is a segment as a name in a tree.
func treeName(segment string) string {
	odd := segment == "" || segment == "." || segment == ".." ||
		strings.HasPrefix(segment, escapeMark) || strings.HasSuffix(segment, displacedMark) ||
		strings.ContainsFunc(segment, unicode.IsControl)
	if !odd {
		return segment
	}
	const digits = "0123456789ABCDEF"
	name := []byte(escapeMark)
	for _, r := range segment {
		c := string(r)
		if c != escapeMark && !unicode.IsControl(r) {
			name = append(name, c...)
			continue
		}
		for _, b := range []byte(c) {
			name = append(name, '%', digits[b>>4], digits[b&15])
		}
	}
	return string(name)
}

// displacedName is the name of a file beside a directory of its segment.
func displacedName(segment string) string { return treeName(segment) + displacedMark }

// A treeFile is what a tree needs of an object.
type treeFile struct {
	node.DirEntry       // without a Tsize; Root is undefined: there is no object
	size          int64 // bytes
	joined        bool
}

func treeFileOf(o Object) treeFile {
	return treeFile{DirEntry: node.DirEntry{Root: o.CID}, size: o.Size, joined: o.Joined}
}

// isMarker says whether the object at a key stands for the directory alone that
// its key names.
func isMarker(lastSegment string, size int64) bool { return lastSegment == "" && size == 0 }

// comparePaths orders keys by their segments: those under one directory follow
// each other, and the file of the directory's name comes before them.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' || b[i] != '/' && a[i] < b[i] {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}
