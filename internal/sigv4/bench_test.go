package sigv4_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// BenchmarkBody reads 16 MiB in 64 KiB chunks, as minio-go sends them.
func BenchmarkBody(b *testing.B) {
	chunk := strings.Repeat("x", 64<<10)
	chunks := make([]string, 256)
	for i := range chunks {
		chunks[i] = chunk
	}
	buf := make([]byte, 1<<20)
	for _, v := range variants() {
		raw := v.encode(chunks...)
		b.Run(strings.ReplaceAll(v.name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(chunk) * len(chunks)))
			b.ReportAllocs()
			for b.Loop() {
				body := v.open(b, raw, int64(len(chunk)*len(chunks)))
				for {
					if _, err := io.ReadFull(body, buf); err != nil {
						break
					}
				}
				if err := body.Verify(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	r := request(b, docChunked, http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4.Verify(r, docKeys, docOptions()); err != nil {
			b.Fatal(err)
		}
	}
}
