package estuaryapi

import (
	"errors"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// diskSpace is V1's diskSpaceInfo. There is no LMDB here, nor was there in V1's end.
type diskSpace struct {
	BstoreSize int64    `json:"bstoreSize" doc:"bytes of the disk that has the blocks"`
	BstoreFree int64    `json:"bstoreFree"`
	LMDBUsage  int64    `json:"lmdbUsage" doc:"0"`
	LMDBStat   lmdbStat `json:"lmdbStat" doc:"zeros"`
}

type lmdbStat struct {
	PSize         int64 `json:"pSize"`
	Depth         int64 `json:"depth"`
	BranchPages   int64 `json:"branchPages"`
	LeafPages     int64 `json:"leafPages"`
	OverflowPages int64 `json:"overflowPages"`
	Entries       int64 `json:"entries"`
}

// diskInfo tells how full the disk is.
func (s *server) diskInfo(*request, nothing) (diskSpace, error) {
	free, total, err := s.node.DiskSpace()
	return diskSpace{BstoreSize: total, BstoreFree: free}, err
}

// adminStats are V1's figures for admins.
type adminStats struct {
	DealsAttempted    int   `json:"totalDealsAttempted"`
	DealsSuccessful   int   `json:"totalDealsSuccessful" doc:"deals that came on chain"`
	DealsFailed       int   `json:"totalDealsFailed"`
	Miners            int   `json:"numMiners"`
	Users             int   `json:"numUsers"`
	Files             int64 `json:"numFiles"`
	Retrievals        int   `json:"numRetrievals" doc:"queued retrievals that ended well, of those that are kept"`
	RetrievalFailures int   `json:"numRetrievalFailures"`
	StorageFailures   int   `json:"numStorageFailures" doc:"records of failures that are kept"`
	PinQueueSize      int64 `json:"pinQueueSize"`
}

func (s *server) adminStats(r *request, _ nothing) (out adminStats, err error) {
	ctx := r.Context()
	public, err := s.publicStats(r, nothing{})
	if err != nil {
		return out, err
	}
	f, err := s.deals.Figures(ctx)
	if err != nil {
		return out, err
	}
	pins, err := s.buckets.PinCounts(ctx)
	if err != nil {
		return out, err
	}
	ended, err := s.buckets.Retrievals(ctx, 0, 0, maxPage)
	if err != nil {
		return out, err
	}
	for _, r := range ended {
		switch r.State {
		case buckets.RetrievalDone:
			out.Retrievals++
		case buckets.RetrievalFailed:
			out.RetrievalFailures++
		}
	}
	out.DealsAttempted, out.DealsSuccessful, out.DealsFailed, out.StorageFailures = f.Attempted, f.Published, f.Failed, f.Failures
	out.Miners, out.Users, out.Files = public.TotalStorageMiner, public.TotalUsers, public.TotalFilesStored
	out.PinQueueSize = pins[buckets.PinQueued]
	return out, nil
}

// systemConfig is V1's answer of how a node is set up.
type systemConfig struct {
	Data struct {
		Primary  map[string]string `json:"primary" doc:"settings by their names; a key or password says only whether it is set"`
		Shuttles map[string]string `json:"shuttles" doc:"none"`
	} `json:"data"`
}

// systemConfig tells the node's settings, without a secret.
func (s *server) systemConfig(*request, nothing) (out systemConfig, err error) {
	out.Data.Primary, out.Data.Shuttles = map[string]string{}, map[string]string{}
	if s.opt.Settings != nil {
		out.Data.Primary = s.opt.Settings
	}
	return out, nil
}

type logLevel struct {
	Body struct {
		System string `json:"system" doc:"part of the node, as the log names it under pkg; * or nothing: all of it"`
		Level  string `json:"level" doc:"debug, info, warn or error"`
	} `body:""`
}

var errLogLevel = errors.New("this node's log has no levels")

// setLogLevel has a part of the node log more or less, until it starts again.
func (s *server) setLogLevel(r *request, in logLevel) (done, error) {
	err := errLogLevel
	if s.opt.LogLevel != nil {
		err = s.opt.LogLevel(in.Body.System, in.Body.Level)
	}
	if err != nil {
		return done{}, errInput("%v", err)
	}
	return done{}, s.as(r).Record(r.Context(), "log.level", in.Body.System, in.Body.Level)
}

// fixDeals has all deals compared with the chain now. V1 corrected a date of old ones.
func (s *server) fixDeals(r *request, _ nothing) (none, error) {
	return none{}, s.audited(r, "deals.look", "all", "", func() error { return s.deals.LookAll(r.Context()) })
}

// retrievalRecord is V1's of a retrieval that ended well.
type retrievalRecord struct {
	CreatedAt    time.Time `json:"createdAt"`
	CID          string    `json:"cid"`
	Miner        string    `json:"miner" doc:"empty: several providers may have given parts"`
	Peer         string    `json:"peer" doc:"empty"`
	Size         int64     `json:"size" doc:"bytes that came"`
	DurationMs   int64     `json:"durationMs" doc:"since it was asked for"`
	AverageSpeed int64     `json:"averageSpeed" doc:"bytes a second"`
	TotalPayment string    `json:"totalPayment" doc:"0: providers serve for free"`
	NumPayments  int       `json:"numPayments"`
	AskPrice     string    `json:"askPrice"`
}

// retrievalFailure is V1's of one that failed.
type retrievalFailure struct {
	ID        uint64
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt *time.Time
	Miner     string `json:"miner" doc:"empty"`
	Phase     string `json:"phase" doc:"retrieve"`
	Message   string `json:"message"`
	Content   uint64 `json:"content"`
	CID       string `json:"cid"`
}

type retrievalInfo struct {
	Records  []retrievalRecord  `json:"records"`
	Failures []retrievalFailure `json:"failures"`
}

// retrievalStats tells of the retrievals that ended lately, the last first.
func (s *server) retrievalStats(r *request, _ nothing) (retrievalInfo, error) {
	out := retrievalInfo{Records: []retrievalRecord{}, Failures: []retrievalFailure{}}
	ended, err := s.buckets.Retrievals(r.Context(), 0, 0, maxPage)
	if err != nil {
		return out, err
	}
	for _, r := range ended {
		switch took := r.Ended.Sub(r.Added); r.State {
		case buckets.RetrievalDone:
			speed := int64(float64(r.Bytes) / max(took.Seconds(), 0.001))
			out.Records = append(out.Records, retrievalRecord{CreatedAt: r.Added, CID: r.CID.String(), Size: r.Bytes, DurationMs: took.Milliseconds(),
				AverageSpeed: speed, TotalPayment: "0", AskPrice: "0"})
		case buckets.RetrievalFailed:
			out.Failures = append(out.Failures, retrievalFailure{ID: r.ID, CreatedAt: r.Added, UpdatedAt: r.Ended, Phase: "retrieve", Message: r.Reason,
				Content: r.Content, CID: r.CID.String()})
		}
	}
	return out, nil
}

// retrievalTest is refreshContent, with the words that V1 had for it.
func (s *server) retrievalTest(r *request, in refreshedContent) (string, error) {
	if _, err := s.refreshContent(r, in); err != nil {
		return "", err
	}
	return "We did a thing", nil
}
