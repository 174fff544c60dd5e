package s3_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/s3"
)

// proving says what can be proved.
type proving func(content uint64, root cid.Cid, size int64) (*proof.Proof, error)

func (proving) Pieces(context.Context, uint64, uint64) ([]s3.Piece, error) { return nil, nil }

func (p proving) Prove(_ context.Context, _, content uint64, root cid.Cid, size int64) (*proof.Proof, error) {
	return p(content, root, size)
}

// A proof is for the bucket's owner, and for whom a policy lets read the object
// and its proof: it shows bytes of the object's neighbours.
func TestObjectProof(t *testing.T) {
	var none error
	ann := serve(t, s3.Options{Deals: proving(func(content uint64, root cid.Cid, size int64) (*proof.Proof, error) {
		p := &proof.Proof{Format: proof.Format, Version: proof.Version, Root: root.String(), Size: size, Kind: proof.KindFile}
		p.Object.Content = content
		return p, none
	})}, buckets.Options{})
	bob := ann.as("bob", accounts.LevelUser)
	ann.ok("PUT", "/box?versioning", nil, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	first := ann.ok("PUT", "/box/a%26b", nil, "first").header.Get("x-amz-version-id")
	ann.ok("PUT", "/box/a%26b", nil, "the second")

	for target, size := range map[string]int64{"/box/a%26b?proof": 10, "/box/a%26b?proof&versionId=" + first: 5} {
		r := ann.ok("GET", target, nil, "")
		p, err := proof.Decode(strings.NewReader(r.body))
		if err != nil {
			t.Fatalf("%s: %v in %s", target, err, r.body)
		}
		o := p.Object
		if p.Size != size || o.Bucket != "box" || o.Key != "a&b" || o.Content == 0 || (o.Version == first) != (size == 5) ||
			r.header.Get("Content-Type") != "application/json" || r.header.Get("x-amz-meta-cid") != p.Root {
			t.Errorf("%s: %+v of %d bytes, headers %v", target, o, p.Size, r.header)
		}
	}
	bob.fails("GET", "/box/a%26b?proof", nil, "", 403, "AccessDenied")
	ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", bob.aws(), "s3:GetObject", "box/*", "")))
	bob.ok("GET", "/box/a%26b", nil, "")
	bob.fails("GET", "/box/a%26b?proof", nil, "", 403, "AccessDenied")
	ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", bob.aws(), "s3:GetObjectProof", "box/*", "")))
	bob.fails("GET", "/box/a%26b?proof", nil, "", 403, "AccessDenied")
	ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", bob.aws(), "s3:GetObject*", "box/*", "")))
	bob.ok("GET", "/box/a%26b?proof", nil, "")

	ann.fails("GET", "/box/none?proof", nil, "", 404, "NoSuchKey")
	ann.fails("GET", "/box/a%26b?proof&partNumber=1", nil, "", 501, "NotImplemented")
	none = piece.ErrNoPiece
	ann.fails("GET", "/box/a%26b?proof", nil, "", 404, "NoSuchProof")
	none = proof.ErrTooLarge
	ann.fails("GET", "/box/a%26b?proof", nil, "", 400, "EntityTooLarge")
}
