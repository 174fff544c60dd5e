package importv1

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/ipfs/go-cid"
)

// exportVersion is the only one that V1's /user/export ever wrote.
const exportVersion = "v0.0.1"

// OpenExport reads what V1's /user/export answered, the contents and deals of one
// user: user is the id that he has here. Such a file names neither him nor his
// collections.
func OpenExport(path string, user uint64) (*Source, error) {
	e := export{path: path, user: user}
	var version string
	err := e.read(func(key []string, dec *json.Decoder) (bool, error) {
		if len(key) == 1 && key[0] == "Version" {
			return true, dec.Decode(&version)
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if version != exportVersion {
		return nil, fmt.Errorf("read %s: it is no export of Estuary V1: its version is %q, and %q was expected", path, version, exportVersion)
	}
	return &Source{
		Contents: elements(e, "Contents", (*exportContent).content),
		Deals:    elements(e, "Deals", (*exportDeal).deal),
	}, nil
}

// export is a file with a DataExport (estuary api/v1/export.go).
type export struct {
	path string
	user uint64
}

// read walks through the file. visit is called at each member of the two outer
// objects, by the keys that lead to it, and says whether it has read it.
func (e export) read(visit func(key []string, dec *json.Decoder) (bool, error)) error {
	f, err := os.Open(e.path)
	if err != nil {
		return errors.Unwrap(err)
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	return members(dec, nil, visit)
}

func members(dec *json.Decoder, path []string, visit func([]string, *json.Decoder) (bool, error)) error {
	if err := delim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		key := append(path[:len(path):len(path)], name)
		done, err := visit(key, dec)
		switch {
		case err != nil:
			return err
		case done:
		case name == "Version1" && len(path) == 0:
			err = members(dec, key, visit)
		default:
			err = skip(dec)
		}
		if err != nil {
			return err
		}
	}
	return delim(dec, '}')
}

// delim reads one delimiter.
func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("at byte %d: %v where %v was expected", dec.InputOffset(), t, want)
	}
	return err
}

// skip reads a value without keeping it.
func skip(dec *json.Decoder) error {
	for depth := 0; ; {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

var errStopped = errors.New("the reader has enough")

// elements yields what is in a list of the export, one by one.
func elements[J, T any](e export, list string, turn func(*J, uint64) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		err := e.read(func(key []string, dec *json.Decoder) (bool, error) {
			if len(key) != 2 || key[1] != list {
				return false, nil
			}
			return true, eachElement(dec, func(n uint64, raw json.RawMessage) error {
				var v J
				out := none
				err := json.Unmarshal(raw, &v)
				if err == nil {
					out, err = turn(&v, e.user)
				}
				if err != nil {
					err = RowError{Table: list, ID: n, Err: err}
				}
				if !yield(out, err) {
					return errStopped
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(none, fmt.Errorf("read %s: %w", e.path, err))
		}
	}
}

// eachElement calls fn with each element of a list, which may be null, and its number from 1 on.
func eachElement(dec *json.Decoder, fn func(uint64, json.RawMessage) error) error {
	t, err := dec.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("at byte %d: %v where a list was expected", dec.InputOffset(), t)
	}
	for n := uint64(1); dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if err := fn(n, raw); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// exportContent is V1's Content as JSON.
type exportContent struct {
	ID           uint64    `json:"id"`
	CreatedAt    time.Time `json:"createdAt"`
	CID          string    `json:"cid"`
	Name         string    `json:"name"`
	Active       bool      `json:"active"`
	Failed       bool      `json:"failed"`
	Replace      bool      `json:"replace"`
	Aggregate    bool      `json:"aggregate"`
	AggregatedIn uint64    `json:"aggregatedIn"`
	SplitFrom    uint64    `json:"splitFrom"`
	PinMeta      string    `json:"pinMeta"`
	Origins      string    `json:"origins"`
}

func (c *exportContent) content(user uint64) (Content, error) {
	root, err := decodeCID(c.CID)
	return Content{
		ID: c.ID, User: user, CID: root, Name: c.Name, Created: c.CreatedAt.UTC(), Active: c.Active, Failed: c.Failed,
		Replace: c.Replace, Aggregate: c.Aggregate, AggregatedIn: c.AggregatedIn, SplitFrom: c.SplitFrom,
		Meta: metaOf(c.PinMeta), Origins: originsOf(c.Origins),
	}, err
}

// decodeCID reads a CID as V1 prints it: one that is not there is "b".
func decodeCID(s string) (cid.Cid, error) {
	if s == "" || s == "b" {
		return cid.Undef, nil
	}
	return cid.Decode(s)
}

// exportDeal is V1's ContentDeal as JSON.
type exportDeal struct {
	ID               uint64
	CreatedAt        time.Time
	Content          uint64    `json:"content"`
	PropCID          string    `json:"propCid"`
	DealUUID         string    `json:"dealUuid"`
	Miner            string    `json:"miner"`
	DealID           int64     `json:"dealId"`
	Failed           bool      `json:"failed"`
	Verified         bool      `json:"verified"`
	Slashed          bool      `json:"slashed"`
	FailedAt         time.Time `json:"failedAt"`
	TransferStarted  time.Time `json:"transferStarted"`
	OnChainAt        time.Time `json:"onChainAt"`
	SealedAt         time.Time `json:"sealedAt"`
	DealProtocolVers string    `json:"deal_protocol_version"`
}

func (d *exportDeal) deal(uint64) (Deal, error) {
	root, err := decodeCID(d.PropCID)
	out := Deal{
		ID: d.ID, Content: d.Content, Provider: d.Miner, UUID: d.DealUUID, Protocol: d.DealProtocolVers,
		ChainID: uint64(max(d.DealID, 0)), Verified: d.Verified, Failed: d.Failed, Slashed: d.Slashed,
		Created: d.CreatedAt.UTC(), Accepted: d.TransferStarted.UTC(), Published: d.OnChainAt.UTC(),
		Active: d.SealedAt.UTC(), Died: d.FailedAt.UTC(),
	}
	if root.Defined() {
		out.Proposal = root.String()
	}
	return out, err
}

var _ io.Closer = (*Source)(nil)
