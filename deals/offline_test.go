package deals_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// TestOffline: an offline deal waits for someone to carry the piece to the
// provider, and says how. One provider imports by itself, from the link.
func TestOffline(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	p := m.net.Providers()
	if err := m.net.SetAutoImport(p[1], true); err != nil {
		t.Fatal(err)
	}
	m.stop()
	m.opt.Providers = configs(t, p[0], "engine=offline", p[1], "engine=offline")
	m.world.restart()
	_, pieces := m.zone(1, 2, 1<<20)
	m.until("one deal active, one waiting", 30*time.Second, func() bool {
		return m.count(1, deals.DealActive) == 1 && m.count(1, deals.DealAccepted) == 1
	})
	var waits deals.Deal
	for _, d := range m.list(1) {
		switch {
		case d.Provider == p[0] && d.State == deals.DealAccepted && d.Offline:
			waits = d
		case d.State == deals.DealActive:
			if _, err := m.deals.Export(t.Context(), d.UUID); !errors.Is(err, deals.ErrNoData) {
				t.Errorf("Export of an active deal = %v", err)
			}
		}
	}
	if !strings.Contains(waits.Reason, "whypfs deal export "+waits.UUID) {
		t.Errorf("the deal that waits says %q", waits.Reason)
	}
	x, err := m.deals.Export(t.Context(), waits.UUID)
	if err != nil || x.Piece != pieces[0].CID || x.Size != pieces[0].Size {
		t.Fatalf("Export = %+v, %v", x, err)
	}
	file := filepath.Join(t.TempDir(), "piece.car")
	fetch(t, x, file)
	if err := m.net.Import(t.Context(), p[0], x.UUID, file); err != nil {
		t.Fatal(err)
	}
	m.until("both deals active", 30*time.Second, m.active(1))
}

// fetch does what the provider's operator would do with curl.
func fetch(t *testing.T, x deals.Export, file string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+x.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || int64(len(data)) != x.Size {
		t.Fatalf("GET %s: HTTP %d, %d bytes, %v", x.URL, resp.StatusCode, len(data), err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
