package importv1

import (
	"fmt"
	"iter"
	"time"

	"github.com/ipfs/go-cid"
)

// A Source is what a V1 node knew, in the order of ids. Its sequences read while
// they are ranged over, and can be ranged over again. A RowError is one row that
// cannot be read: the sequence goes on after it. It ends with any other error.
type Source struct {
	Users       iter.Seq2[User, error]
	Invites     iter.Seq2[Invite, error]
	Contents    iter.Seq2[Content, error]
	Collections iter.Seq2[Collection, error]
	Deals       iter.Seq2[Deal, error]
	// Refs are the members of a collection, by V1's number of it.
	Refs func(collection uint64) iter.Seq2[Ref, error]

	close func() error
}

// Close ends the connection to what is read.
func (s *Source) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// RowError says that a row cannot be read or taken.
type RowError struct {
	Table string
	ID    uint64
	Err   error
}

func (e RowError) Error() string { return fmt.Sprintf("%s %d: %v", e.Table, e.ID, e.Err) }
func (e RowError) Unwrap() error { return e.Err }

// User is a row of V1's users (estuary util/users.go), with its tokens.
type User struct {
	ID              uint64
	Name            string
	Hash, Salt      string // of the password, in one of V1's four ways; see password
	Address         string
	Perm            int
	StorageDisabled bool
	Created         time.Time
	Tokens          []Token
}

// Token is a row of V1's auth_tokens, of which only the hash is taken.
type Token struct {
	Hash             string // unpadded base64url of the token's SHA-256
	Label            string
	UploadOnly       bool
	Session          bool
	Created, Expires time.Time
}

// Invite is a row of V1's invite_codes.
type Invite struct {
	Code      string
	CreatedBy uint64
	ClaimedBy uint64 // 0: nobody yet
}

// Content is a row of V1's contents (estuary util/content.go).
type Content struct {
	ID           uint64
	User         uint64
	CID          cid.Cid
	Name         string
	Created      time.Time
	Active       bool // all of it was there
	Failed       bool
	Replace      bool
	Aggregate    bool
	AggregatedIn uint64
	SplitFrom    uint64
	Meta         map[string]string
	Origins      []string // multiaddrs with /p2p/
}

// Collection is a row of V1's collections (estuary collections/collections.go).
type Collection struct {
	ID                      uint64
	UUID, Name, Description string
	User                    uint64
	Created                 time.Time
	CID                     string
}

// Ref is a row of V1's collection_refs.
type Ref struct {
	ID, Content uint64
	Path        string // "": by the content's name
}

// Deal is a row of V1's content_deals (estuary model/contentdeal.go).
type Deal struct {
	ID, Content             uint64
	Provider, Proposal      string
	UUID, Protocol          string
	ChainID                 uint64 // 0: none
	Verified, Failed        bool
	Slashed                 bool
	Created, Accepted       time.Time
	Published, Active, Died time.Time
}
