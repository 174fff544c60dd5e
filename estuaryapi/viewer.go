package estuaryapi

import (
	"net/http"
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

// viewer answers GET /viewer: who the caller is, and what holds for him.
func (s *server) viewer(w http.ResponseWriter, r *http.Request, who caller) error {
	b, err := s.buckets.GlobalBucket(r.Context(), who.user.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, viewerResponse{
		Username: who.user.Name, Perms: who.user.Level, ID: who.user.ID, AuthExpiry: who.token.Expires,
		Settings: viewerSettings{
			Replication: b.Policy.Replication, DealDuration: dealDuration, FileStagingThreshold: b.Policy.Threshold,
			UploadEndpoints: []string{s.baseURL(r) + "/content/add"},
		},
	})
	return nil
}
