package sigv4_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// One cache is right for every secret, region and day, also when an access key
// has a new secret, and used from many sides at once.
func TestKeyCache(t *testing.T) {
	const day = 24 * time.Hour
	var cache sigv4.KeyCache
	begin := time.Date(2024, 2, 28, 12, 0, 0, 0, time.UTC)
	verify := func(signed, kept, region string, at time.Time) error {
		r := httptest.NewRequest(http.MethodGet, "http://s3.test/bucket/key", nil)
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		who := aws.Credentials{AccessKeyID: "ACCESS", SecretAccessKey: signed}
		if err := v4.NewSigner().SignHTTP(t.Context(), who, r, "UNSIGNED-PAYLOAD", "s3", region, at); err != nil {
			return err
		}
		keys := func(context.Context, string) (string, error) { return kept, nil }
		_, err := sigv4.Verify(r, keys, sigv4.Options{Now: func() time.Time { return at }, Cache: &cache})
		return err
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 60 {
				at := begin.Add(time.Duration(i%3) * day)
				region := []string{"us-east-1", "us-east-11", "eu-west-1"}[i/3%3]
				secret := []string{"secret-one", "secret-two"}[i/9%2]
				if err := verify(secret, secret, region, at); err != nil {
					t.Errorf("%s in %s on %s: %v", secret, region, at, err)
				}
				var refused *sigv4.Error
				if err := verify(secret, secret+"x", region, at); !errors.As(err, &refused) || refused.Code != "SignatureDoesNotMatch" {
					t.Errorf("another secret than %s: %v", secret, err)
				}
			}
		})
	}
	wg.Wait()
	// So many keys that it begins anew.
	for i := range 5000 {
		secret := strings.Repeat("s", 8+i%50) + string(rune('a'+i%26)) + time.Duration(i).String()
		if i%7 == 0 {
			if err := verify(secret, secret, "us-east-1", begin); err != nil {
				t.Fatal(err)
			}
			continue
		}
		_ = verify("other", secret, "us-east-1", begin) // fills it
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	r := request(b, docChunked, http.NoBody)
	opt := docOptions()
	opt.Cache = new(sigv4.KeyCache)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4.Verify(r, docKeys, opt); err != nil {
			b.Fatal(err)
		}
	}
}
