package buckets

import (
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/rowcode"
)

// words are what rows of objects say again and again. They are written as
// numbers: new ones go to the end, and none is ever taken out.
var words = rowcode.NewWords(
	"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires",
	"application/octet-stream", "binary/octet-stream", "text/plain", "text/plain; charset=utf-8", "text/html",
	"text/html; charset=utf-8", "text/css", "text/css; charset=utf-8", "text/csv", "text/markdown", "text/xml",
	"text/javascript", "text/javascript; charset=utf-8", "application/javascript", "application/json", "application/xml",
	"application/pdf", "application/zip", "application/gzip", "application/x-gzip", "application/x-tar", "application/zstd",
	"application/x-xz", "application/wasm", "application/x-directory", "application/x-www-form-urlencoded",
	"application/vnd.apache.parquet", "application/vnd.ipld.car", "multipart/form-data",
	"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/svg+xml", "image/tiff", "image/heic",
	"video/mp4", "video/webm", "video/quicktime", "video/x-matroska", "audio/mpeg", "audio/ogg", "audio/wav", "audio/flac",
	"font/woff2", "gzip", "zstd", "br", "identity", "no-cache", "no-store", "public, max-age=31536000, immutable",
	"inline", "attachment",
	"FULL_OBJECT", "COMPOSITE", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256",
	"STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE",
	"mtime", "md5chksum", "s3cmd-attrs",
)

// What CIDs of version 1 with a SHA-256 begin with.
const (
	blockRoot = "\x01\x55\x12\x20" // of raw bytes
	fileRoot  = "\x01\x70\x12\x20" // of a dag-pb node
	rootSize  = len(blockRoot) + 32
)

// shortRoot returns a CID's hash if it is one of most; else all of the CID.
func shortRoot(root cid.Cid) (s string, ofBlock, ofFile bool) {
	s = root.KeyString()
	if len(s) != rootSize {
		return s, false, false
	}
	ofBlock, ofFile = strings.HasPrefix(s, blockRoot), strings.HasPrefix(s, fileRoot)
	if ofBlock || ofFile {
		s = s[len(blockRoot):]
	}
	return s, ofBlock, ofFile
}

// readRoot reads what shortRoot returned.
func readRoot(r *rowcode.Reader, ofBlock, ofFile bool) (cid.Cid, error) {
	start := blockRoot
	switch {
	case ofFile:
		start = fileRoot
	case !ofBlock:
		return readCID(r.String())
	}
	hash := r.Take(uint64(rootSize - len(start)))
	if hash == "" {
		return cid.Undef, r.Err()
	}
	var root [rootSize]byte
	copy(root[copy(root[:], start):], hash)
	return cid.Cast(root[:])
}
