package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
)

// An offline deal stays accepted until its data is imported: by the provider's
// operator, or by itself from a link in the deal.

var (
	errNoLink  = errors.New("no link to the data in the transfer's params or the label")
	errNotOpen = errors.New("deal does not wait for an import")
)

// linkOf finds where an offline deal's data can be fetched, if it says so: in
// the params of the transfer, as an online deal would, or as its label.
func linkOf(d *providerDeal) (boostly.HttpRequest, bool) {
	var req boostly.HttpRequest
	if json.Unmarshal(d.Params.V.Transfer.Params, &req) == nil && isLink(req.URL) {
		return req, true
	}
	if label, err := d.proposal().Label.ToString(); err == nil && isLink(label) {
		return boostly.HttpRequest{URL: label}, true
	}
	return req, false
}

func isLink(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// importsAlone says whether the provider fetches an offline deal's data by
// itself. It needs Network.mu.
func (p *provider) importsAlone(d *providerDeal) bool {
	_, ok := linkOf(d)
	return ok && p.rec.AutoImport
}

// SetAutoImport has a provider fetch the data of offline deals by the links in
// them, those that wait already too.
func (n *Network) SetAutoImport(provider string, on bool) error {
	p, err := n.provider(provider)
	if err != nil {
		return err
	}
	return n.update(func(*chain) error {
		p.rec.AutoImport = on
		p.save()
		p.resume()
		return nil
	})
}

// Import gives a provider the data of an offline deal, from a URL or a file. It
// returns when the data is verified and stored; data that is not the deal's is
// refused, and the deal waits on.
func (n *Network) Import(ctx context.Context, provider, deal, source string) error {
	p, err := n.provider(provider)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(deal)
	if err != nil {
		return fmt.Errorf("import into deal %q: %w", deal, err)
	}
	// Its place among the transfers keeps a second import, and one by itself, out.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var d *providerDeal
	err = n.update(func(*chain) error {
		d = p.deals[id]
		if d == nil || d.Step != stepAccepted || !d.offline() || p.pulls[id] != nil {
			return fmt.Errorf("import into deal %s: %w", id, errNotOpen)
		}
		p.pulls[id] = cancel
		return nil
	})
	if err != nil {
		return err
	}
	err = p.fetchPiece(ctx, d, func(path string) error { return p.fetchImport(ctx, d, source, path) })
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(p.pulls, id)
	if err != nil {
		return fmt.Errorf("import into deal %s: %w", id, err)
	}
	if err := n.unusable(); err != nil {
		return err
	}
	if d.Step != stepAccepted {
		return fmt.Errorf("import into deal %s: %w", id, errNotOpen)
	}
	p.transferred(d)
	return n.commit()
}

func (p *provider) fetchImport(ctx context.Context, d *providerDeal, source, path string) error {
	most := int64(d.proposal().PieceSize.Unpadded())
	if isLink(source) {
		t := &transfer{client: p.n.client, req: boostly.HttpRequest{URL: source}, size: -1, most: most, got: &d.received}
		return t.run(ctx, path)
	}
	from, err := os.Open(filepath.Clean(source))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	n, err := io.Copy(to, io.LimitReader(&stoppable{ctx, from}, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("%s is larger than the piece", source)
	}
	return errors.Join(err, to.Sync(), to.Close())
}
