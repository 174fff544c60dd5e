package estuaryapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/node"
)

// peeringPeer is V1's.
type peeringPeer struct {
	ID        string
	Addrs     []string
	Connected bool `json:"Connected,omitempty"`
}

// listPeering lists the peers that the node stays connected to; none: null.
func (s *server) listPeering(*request, nothing) ([]peeringPeer, error) {
	kept, _ := s.node.Peering()
	var out []peeringPeer
	for _, p := range kept {
		out = append(out, peeringPeer{p.ID, append([]string{}, p.Addrs...), p.Connected})
	}
	return out, nil
}

type peersToAdd struct {
	Body []peeringPeer `body:""`
}

type peersAdded struct {
	Message string        `json:"message"`
	Peers   []peeringPeer `json:"peers"`
}

// addPeering has the node stay connected to more peers, from now on.
func (s *server) addPeering(r *request, in peersToAdd) (peersAdded, error) {
	var peers []node.KeptPeer
	var ids []string
	for _, p := range in.Body {
		peers, ids = append(peers, node.KeptPeer{ID: p.ID, Addrs: p.Addrs}), append(ids, p.ID)
	}
	err := s.node.AddPeering(peers...)
	if err == nil {
		err = s.as(r).Record(r.Context(), "peering.add", strings.Join(ids, " "), "")
	}
	if err != nil {
		return peersAdded{}, peeringError(err, "Adding Peer(s) on Peering failed, ", "ERR_PEERING_PEERS_ADD_ERROR")
	}
	return peersAdded{"Added the following Peers on Peering", nonNil(in.Body)}, nil
}

type peersToRemove struct {
	Body []string `body:""`
}

type peersRemoved struct {
	Message string   `json:"message"`
	Peers   []string `json:"peers"`
}

// removePeering ends that.
func (s *server) removePeering(r *request, in peersToRemove) (peersRemoved, error) {
	err := s.node.RemovePeering(in.Body...)
	if err == nil {
		err = s.as(r).Record(r.Context(), "peering.remove", strings.Join(in.Body, " "), "")
	}
	if err != nil {
		return peersRemoved{}, peeringError(err, "Removing Peer(s) from Peering failed, ", "ERR_PEERING_PEERS_REMOVE_ERROR")
	}
	return peersRemoved{"Removed the following Peers from Peering", nonNil(in.Body)}, nil
}

func (s *server) startPeering(r *request, _ nothing) (messageJSON, error) {
	return messageJSON{"Peering Started."}, s.switchPeering(r, true, "peering.start", "ERR_PEERING_PEERS_START_ERROR")
}

func (s *server) stopPeering(r *request, _ nothing) (messageJSON, error) {
	return messageJSON{"Peering Stopped."}, s.switchPeering(r, false, "peering.stop", "ERR_PEERING_PEERS_STOP_ERROR")
}

func (s *server) switchPeering(r *request, on bool, action, reason string) error {
	if err := s.node.SwitchPeering(on); err != nil {
		return peeringError(err, "", reason)
	}
	return s.as(r).Record(r.Context(), action, "", "")
}

// peeringState is V1's, where it was always empty.
type peeringState struct {
	State string `json:"state" doc:"running, or stopped until the next start"`
}

func (s *server) peeringStatus(*request, nothing) (peeringState, error) {
	if _, on := s.node.Peering(); on {
		return peeringState{"running"}, nil
	}
	return peeringState{"stopped"}, nil
}

func errNoPeering(reason string) apiError {
	return apiError{http.StatusBadRequest, reason, node.ErrNoHost.Error()}
}

// peeringError is what went wrong, after V1's words of what was wanted.
func peeringError(err error, words, reason string) error {
	switch {
	case errors.Is(err, node.ErrBadPeer):
		return errInput("%s%s", words, strings.TrimPrefix(innermost(err, node.ErrBadPeer), node.ErrBadPeer.Error()+": "))
	case errors.Is(err, node.ErrNoHost):
		return errNoPeering(reason)
	}
	return err
}

// nonNil is a list that is [] if it is empty.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
