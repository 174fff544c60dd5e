package mk12

import "github.com/filecoin-shipyard/boostly"

// A Phase is how far a provider says that it is with a deal. The chain may know better.
type Phase string

const (
	PhaseTaking    Phase = "taking"    // waits for the data, or pulls it
	PhaseTaken     Phase = "taken"     // has the data and publishes next
	PhasePublished Phase = "published" // has sent the publish message
	PhaseSealing   Phase = "sealing"   // the deal is in a sector, not proven yet
	PhaseSealed    Phase = "sealed"    // all is done
	PhaseUnknown   Phase = ""          // it says something that no known software says
)

// phases are the words of Boost (storagemarket/types/dealcheckpoints) and of
// Curio (market/mk12, GetDealStatus).
var phases = map[string]Phase{
	"Accepted":            PhaseTaking,
	"Transferred":         PhaseTaken,
	"Published":           PhasePublished,
	"PublishConfirmed":    PhasePublished,
	"AddedPiece":          PhaseSealing,
	"IndexedAndAnnounced": PhaseSealing,
	"Complete":            PhaseSealed,

	"Processing":         PhaseTaking, // of Curio, to the end of its pipeline
	"Sealing":            PhaseSealing,
	"Sealed":             PhaseSealed,
	"Sealed and Indexed": PhaseSealed,
}

// PhaseOf reads a status. Boost calls a deal complete as soon as it has nothing
// more to do with it; its sector may be sealing still.
func PhaseOf(s *boostly.DealStatus) Phase {
	p := phases[s.Status]
	if s.Status == "Complete" && s.SealingStatus != "" && s.SealingStatus != "Proving" && s.SealingStatus != "Available" {
		return PhaseSealing
	}
	return p
}

// Pulled is how much of the data a provider says it has, in percent; -1 if it
// does not say: Curio calls everything one of one byte.
func Pulled(s *boostly.DealStatusResponse) int {
	if s.TransferSize <= 1 || s.NBytesReceived > s.TransferSize {
		return -1
	}
	return int(float64(s.NBytesReceived) * 100 / float64(s.TransferSize))
}
