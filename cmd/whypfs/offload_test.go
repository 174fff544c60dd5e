package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node"
)

func TestOffloadLevels(t *testing.T) {
	for _, tt := range []struct {
		above, to string
		fault     string // in what is wrong, "" if nothing is
		begin     int64  // of sizes, where it begins and ends
		end       int64
	}{
		{above: "", to: ""},
		{above: "500GiB", to: "400GiB", begin: 500 << 30, end: 400 << 30},
		{above: "1000B", to: "", begin: 1000, end: 900},
		{above: "85%", to: "75.5%"},
		{above: "85%", to: ""},
		{above: "", to: "75%", fault: "needs --offload-above"},
		{above: "85%", to: "500GiB", fault: "both a share of the disk, or both a size"},
		{above: "70%", to: "75%", fault: "is above --offload-above"},
		{above: "1.0GiB", to: "2.0GiB", fault: "is above --offload-above"},
		{above: "120%", fault: "is not a share"},
		{above: "NaN%", fault: "is not a share"},
		{above: "much", fault: "neither a share"},
		{above: "0GiB", fault: "neither a share"},
	} {
		var o offload
		var faults []string
		bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
		for _, l := range []struct {
			level *level
			text  string
		}{{&o.Above, tt.above}, {&o.To, tt.to}} {
			if err := l.level.Set(l.text); err != nil {
				bad("%v", err)
			} else if got := l.level.String(); got != l.text && tt.begin == 0 {
				t.Errorf("%q is written %q", l.text, got)
			}
		}
		if len(faults) == 0 {
			o.check(bad)
		}
		if all := strings.Join(faults, "; "); (tt.fault == "") != (all == "") || !strings.Contains(all, tt.fault) {
			t.Errorf("%q to %q: %q, want %q", tt.above, tt.to, all, tt.fault)
		}
		if tt.fault != "" {
			continue
		}
		opt, err := o.options(t.TempDir(), func() int64 { return 77 })
		if err != nil || (opt.Used == nil) != (tt.above == "") {
			t.Errorf("options of %q: %+v, %v", tt.above, opt, err)
			continue
		}
		if opt.Used == nil {
			continue
		}
		used, err := opt.Used()
		switch {
		case err != nil:
			t.Error(err)
		case tt.begin > 0 && (opt.Above != tt.begin || opt.To != tt.end || used != 77):
			t.Errorf("%q to %q begins at %d and ends at %d with %d taken", tt.above, tt.to, opt.Above, opt.To, used)
		case opt.To >= opt.Above || used <= 0:
			t.Errorf("%q to %q: %d to %d with %d taken", tt.above, tt.to, opt.Above, opt.To, used)
		}
	}
}

// TestGatewayReadsAreNoted: what is read through a real gateway is told by its root.
func TestGatewayReadsAreNoted(t *testing.T) {
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	f, err := n.Import(context.Background(), strings.NewReader("some body"), node.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var read []cid.Cid
	var sent int64
	h := noteReads(n.Gateway(), func(c cid.Cid) { read = append(read, c) }, func(c cid.Cid, bytes int64) {
		if c == f.Root {
			sent += bytes
		}
	})
	for _, path := range []string{"/ipfs/" + f.Root.String(), "/ipfs/bafkqaaa/nothing", "/other"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://127.0.0.1"+path, nil))
	}
	if !slices.Contains(read, f.Root) || len(read) != 1 || sent != int64(len("some body")) {
		t.Errorf("read %v with %d bytes, want %v with %d", read, sent, f.Root, len("some body"))
	}
}
