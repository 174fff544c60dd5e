package s3

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/cors"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// Options of the S3 API; the zero value works.
type Options struct {
	Region string // default us-east-1; requests signed for another get the S3 error that names it
	Domain string // base domain of virtual-host style requests; "" : path style only
	// Ownership is the object ownership of new buckets that are created without
	// naming one; default BucketOwnerEnforced, which turns access control lists off.
	Ownership string
	// Deals tells about deals in the metadata of a HEAD; nil: nothing is known of them.
	Deals   Deals
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

const defaultRegion = "us-east-1"

// New returns the S3 REST API over b for the keys in a.
func New(b *buckets.Buckets, a *accounts.Accounts, opt Options) http.Handler {
	s := &server{
		buckets:  b,
		accounts: a,
		deals:    opt.Deals,
		region:   opt.Region,
		domain:   opt.Domain,
		log:      opt.Log,
		metrics:  newMetrics(opt.Metrics),
		cors:     newParsed(corsDocument, func(_ buckets.Bucket, data []byte) (*cors.Configuration, error) { return parseCORS(data) }),
		host:     randomID(36),

		ownership: opt.Ownership,
		rulebook:  newRulebook(),
	}
	if s.region == "" {
		s.region = defaultRegion
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// server is the handler; New sets its fields, which never change or guard themselves.
type server struct {
	buckets  *buckets.Buckets
	accounts *accounts.Accounts
	deals    Deals // may be nil
	region   string
	domain   string
	log      *slog.Logger
	metrics  *metrics
	cors     *parsed[*cors.Configuration]
	signers  sigv4.KeyCache

	ownership string // of new buckets that name none
	rulebook  rulebook

	host string // x-amz-id-2: names this process, not the machine
}

func randomID(size int) string {
	b := make([]byte, size)
	rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
