package importv1

import (
	"errors"

	"github.com/whypfs/whypfs/deals"
)

// deals imports V1's deals, also those for aggregates, whose members are here.
func (r *run) deals(src *Source) error {
	var batch []deals.Foreign
	flush := func() error {
		added, err := r.foreign(batch)
		r.report.Deals.New += added
		r.report.Deals.Had += len(batch) - added
		batch = batch[:0]
		return err
	}
	err := each(r, src.Deals, &r.report.Deals, func(d Deal) error {
		if d.ID == 0 || d.Content == 0 {
			return RowError{"content_deals", d.ID, errors.New("it has no id, or no content")}
		}
		batch = append(batch, foreignOf(d))
		if len(batch) == batchSize {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

// foreign stores deals, or counts those that it would.
func (r *run) foreign(batch []deals.Foreign) (added int, err error) {
	if !r.opt.DryRun {
		return r.Deals.ImportForeign(r.ctx, batch)
	}
	for _, f := range batch {
		_, err := r.Deals.Foreign(r.ctx, f.ID)
		if errors.Is(err, deals.ErrNoDeal) {
			added++
		} else if err != nil {
			return added, err
		}
	}
	return added, nil
}

func foreignOf(d Deal) deals.Foreign {
	f := deals.Foreign{
		ID: d.ID, Content: d.Content, Provider: d.Provider, Proposal: d.Proposal, UUID: d.UUID, ChainID: d.ChainID,
		Protocol: d.Protocol, Verified: d.Verified, Created: d.Created, Accepted: d.Accepted,
		Published: d.Published, Active: d.Active, Slashed: d.Slashed,
	}
	if d.Failed || d.Slashed {
		if f.Failed = d.Died; f.Failed.IsZero() {
			f.Failed = d.Created
		}
		f.Reason = "failed at Estuary V1"
	}
	return f
}
