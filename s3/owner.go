package s3

import (
	"errors"

	"github.com/johannesboyne/gofakes3"

	"github.com/whypfs/whypfs/accounts"
)

// owner is the bucket's owner.
func (s *server) owner(c *call) gofakes3.UserInfo { return s.owners(c)(c.bucket.Owner) }

// owners returns a function that tells users, each of which is looked up once.
// 0, which objects have that were put before there were owners, is the
// bucket's owner. A user whose name cannot be found is named by id; where nobody
// answers, only the first is waited for.
func (s *server) owners(c *call) func(user uint64) gofakes3.UserInfo {
	known := map[uint64]gofakes3.UserInfo{c.user.ID: {ID: ownerID(c.user.ID), DisplayName: c.user.Name}}
	away := false
	return func(user uint64) gofakes3.UserInfo {
		if user == 0 {
			user = c.bucket.Owner
		}
		if info, ok := known[user]; ok {
			return info
		}
		id := ownerID(user)
		info := gofakes3.UserInfo{ID: id, DisplayName: id}
		if !away {
			u, err := s.accounts.User(c.r.Context(), user)
			if away = errors.Is(err, accounts.ErrUnavailable); err == nil {
				info.DisplayName = u.Name
			}
		}
		known[user] = info
		return info
	}
}
