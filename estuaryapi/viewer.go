package estuaryapi

import (
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// viewerResponse is V1's ViewerResponse.
type viewerResponse struct {
	Username   string         `json:"username"`
	Perms      accounts.Level `json:"perms"`
	ID         uint64         `json:"id"`
	Address    string         `json:"address,omitempty"`
	Miners     []string       `json:"miners,omitempty"`
	AuthExpiry time.Time      `json:"auth_expiry"`
	Settings   viewerSettings `json:"settings"`
}

type viewerSettings struct {
	Replication           int      `json:"replication"`
	Verified              bool     `json:"verified"`
	DealDuration          int64    `json:"dealDuration"` // epochs
	FileStagingThreshold  int64    `json:"fileStagingThreshold"`
	ContentAddingDisabled bool     `json:"contentAddingDisabled"`
	DealMakingDisabled    bool     `json:"dealMakingDisabled"`
	UploadEndpoints       []string `json:"uploadEndpoints"`
	Flags                 int      `json:"flags"`
}

// dealDuration is what deals are made for: V1's 1,555,200 epochs less three weeks.
const dealDuration = 1_494_720

// viewer says who the caller is, and what holds for him.
func (s *server) viewer(r *request, _ nothing) (viewerResponse, error) {
	b, err := s.buckets.GlobalBucket(r.Context(), r.who.user.ID)
	if err != nil {
		return viewerResponse{}, err
	}
	own, err := s.deals.Registrations(r.Context(), r.who.user.ID)
	if err != nil {
		return viewerResponse{}, err
	}
	making, err := s.deals.Switch(r.Context())
	if err != nil {
		return viewerResponse{}, err
	}
	var miners []string
	for _, reg := range own {
		miners = append(miners, reg.Address)
	}
	return viewerResponse{
		Miners:   miners,
		Username: r.who.user.Name, Perms: r.who.user.Level, ID: r.who.user.ID, Address: r.who.user.Address, AuthExpiry: r.who.token.Expires,
		Settings: viewerSettings{
			Replication: b.Policy.Replication, DealDuration: dealDuration, FileStagingThreshold: b.Policy.Threshold,
			DealMakingDisabled: !making.Off.IsZero(), ContentAddingDisabled: s.opt.UploadOff, UploadEndpoints: s.uploadURLs(r),
		},
	}, nil
}

// uploadURLs are where clients upload to; V1's take the first.
func (s *server) uploadURLs(r *request) []string {
	if len(s.opt.UploadURLs) > 0 {
		return s.opt.UploadURLs
	}
	return []string{s.baseURL(r) + "/content/add"}
}
