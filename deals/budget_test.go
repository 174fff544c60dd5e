package deals

import (
	"testing"

	"github.com/filecoin-project/go-state-types/big"
)

func TestFIL(t *testing.T) {
	for _, c := range []struct {
		atto int64
		want string
	}{{0, "0 FIL"}, {1, "0.000000000000000001 FIL"}, {1e18, "1 FIL"}, {2_500_000_000_000_000_000, "2.5 FIL"}} {
		if got := fil(big.NewInt(c.atto)); got != c.want {
			t.Errorf("fil(%d) = %s, want %s", c.atto, got, c.want)
		}
	}
}
