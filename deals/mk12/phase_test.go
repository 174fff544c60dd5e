package mk12

import (
	"math"
	"testing"

	"github.com/filecoin-shipyard/boostly"
)

// TestPhaseOf has every status that Boost and Curio give, as their sources have them.
func TestPhaseOf(t *testing.T) {
	for _, c := range []struct {
		status, sealing string
		want            Phase
	}{
		{"Accepted", "", PhaseTaking},
		{"Transferred", "", PhaseTaken},
		{"Published", "", PhasePublished},
		{"PublishConfirmed", "", PhasePublished},
		{"AddedPiece", "", PhaseSealing},
		{"IndexedAndAnnounced", "PreCommit1", PhaseSealing},
		{"Complete", "", PhaseSealed},
		{"Complete", "WaitSeed", PhaseSealing},
		{"Complete", "Proving", PhaseSealed},
		{"Complete", "Available", PhaseSealed}, // a sector that can be snapped up again
		{"Complete", "Removed", PhaseSealing},  // no proof of anything: the chain will tell
		{"Processing", "Not assigned to sector", PhaseTaking},
		{"Sealing", "Sealed", PhaseSealing}, // Curio has it the wrong way round
		{"Sealed", "Sealed and Indexed", PhaseSealed},
		{"Sealed and Indexed", "Sealed", PhaseSealed},
		{"Hibernating", "", PhaseUnknown},
		{"", "", PhaseUnknown},
	} {
		if got := PhaseOf(&boostly.DealStatus{Status: c.status, SealingStatus: c.sealing}); got != c.want {
			t.Errorf("PhaseOf(%q, %q) = %q, want %q", c.status, c.sealing, got, c.want)
		}
	}
}

func TestPulled(t *testing.T) {
	for _, c := range []struct {
		got, size uint64
		want      int
	}{{0, 0, -1}, {1, 1, -1}, {0, 200, 0}, {50, 200, 25}, {200, 200, 100}, {201, 200, -1}, {math.MaxUint64 - 1, math.MaxUint64, 100}} {
		if p := Pulled(&boostly.DealStatusResponse{NBytesReceived: c.got, TransferSize: c.size}); p != c.want {
			t.Errorf("Pulled(%d of %d) = %d, want %d", c.got, c.size, p, c.want)
		}
	}
}
