package estuaryapi

import (
	"net/http"

	"github.com/whypfs/whypfs/deals"
)

// The rows of the table for admins' work on the node, and for machines.

func adminContentRoutes() []route {
	return []route{
		get("/admin/cm/refresh/{content}", admin, "Has a content brought back from storage providers.", (*server).refreshContent).
			fails(errNoContent(7), errNotPacked(7)),
		get("/admin/cm/progress", admin, "How far the deals of all zones are.", (*server).cmProgress),
		get("/admin/cm/staging/all", admin, "Everybody's open zones, by their owners' ids.", (*server).openZones),
		get("/admin/cm/buckets", admin, "Everybody's open zones, by their owners' ids.", (*server).openZones),
		raw(http.MethodGet, "/admin/cm/all-deals", admin, "Everybody's deals on chain, newest first.", (*server).cmAllDeals).
			answers(http.StatusOK, []dealOnChain{}),
		contentBytes(raw(http.MethodGet, "/admin/cm/read/{content}", admin, "A content's bytes.", (*server).cmRead)),
		get("/admin/cm/offload/candidates", admin, "Contents that may do without their local copy, newest first, at most 10000.", (*server).offloadCandidates),
		post("/admin/cm/offload/{content}", admin, "Gives up the local copy of a content, or of all in a zone; a read brings it back.", (*server).offloadContent).
			fails(errNoContent(7), errNotDealt(7)),
		post("/admin/cm/offload/collect", admin, "Gives up local copies, the least recently read first, or tells which.", (*server).collectOffload),
		post("/admin/cm/gc", admin, "Has the space of what nobody keeps given back.", (*server).cmGC),
		post("/admin/cm/move", admin, "Moves contents to this node, where they are.", (*server).cmMove).fails(errNoShuttle("far"), errNoContent(7)),
		get("/admin/cm/health/{id}", admin, "What is here of a content or a zone, and what is missing.", (*server).cmHealth).fails(errNoRecord(7)),
		get("/admin/cm/health-by-cid/{cid}", admin, "What is here under a block, and what is missing.", (*server).cmHealthByCID).
			failsWith(http.StatusNotFound, noBlock{}),
		post("/admin/cm/dealmaking", admin, "Has new deals made, or not.", (*server).setDealMaking),
		post("/admin/cm/break-aggregate/{content}", admin, "What is here of the contents of a zone, which is not broken up.", (*server).breakAggregate).
			fails(errNoRecord(7), errNoAggregate(7), errUnbreakable(7)),
		post("/admin/cm/transfer/restart/{chanid}", admin, "Has a deal whose data its provider has not pulled looked after now.", (*server).restartTransfer).
			fails(errNoTransfer("7"), errTransferOver("deal failed")),
		post("/admin/cm/repinall/{shuttle}", admin, "Has every pin tried now that has failed or waits.", (*server).repinAll).fails(errNoShuttle("far")),
	}
}

func adminPeeringRoutes() []route {
	return []route{
		get("/admin/peering/peers", admin, "The peers, by their ids.", (*server).listPeering).orNull(),
		post("/admin/peering/peers", admin, "Adds peers, over restarts too.", (*server).addPeering).fails(errNoPeering("ERR_PEERING_PEERS_ADD_ERROR")),
		del("/admin/peering/peers", admin, "Removes peers; those of the settings until the next start.", (*server).removePeering).
			fails(errNoPeering("ERR_PEERING_PEERS_REMOVE_ERROR")),
		post("/admin/peering/start", admin, "Has the peers dialled.", (*server).startPeering).fails(errNoPeering("ERR_PEERING_PEERS_START_ERROR")),
		post("/admin/peering/stop", admin, "Has them no longer dialled, until the next start.", (*server).stopPeering).fails(errNoPeering("ERR_PEERING_PEERS_STOP_ERROR")),
		get("/admin/peering/status", admin, "Whether the peers are dialled.", (*server).peeringStatus),
		get("/admin/net/peers", admin, "Peers that the node is connected to.", (*server).netPeers),
	}
}

func adminSystemRoutes() []route {
	return []route{
		get("/admin/fil-address", admin, "The address that deals are paid from.", (*server).filAddress),
		get("/admin/balance", admin, "What that address has, as the chain says.", (*server).balance).fails(askErrors...),
		post("/admin/add-escrow/{amt}", admin, "Moves FIL into the market's escrow, within --escrow-daily-limit.", (*server).addEscrow).
			fails(errNotPaid(deals.ErrNotPaid)).fails(askErrors...),
		get("/admin/dealstats", admin, "What the deals of each zone cost, by its id.", (*server).dealStats),
		get("/admin/disk-info", admin, "How full the disk is.", (*server).diskInfo),
		get("/admin/stats", admin, "Figures of the node, some seconds old.", (*server).adminStats),
		get("/admin/system/config", admin, "The node's settings, without keys and passwords.", (*server).systemConfig),
		get("/admin/retrieval/querytest/{content}", admin, "Has a content brought back from storage providers.", (*server).retrievalTest).
			fails(errNoContent(7), errNotPacked(7)),
		get("/admin/retrieval/stats", admin, "Retrievals that ended lately, the last first.", (*server).retrievalStats),
		get("/admin/fixdeals", admin, "Has all deals compared with the chain now.", (*server).fixDeals),
		post("/admin/loglevel", admin, "Has a part of the node log more or less, until its next start.", (*server).setLogLevel),
		post("/admin/shuttle/init", admin, "Makes no shuttle: this node needs none.", (*server).makeShuttle).fails(errNoShuttles),
		get("/admin/shuttle/list", admin, "This node as V1's only shuttle.", (*server).listShuttles),
		raw(http.MethodPost, "/admin/autoretrieve/init", admin, "Registers an autoretrieve server, in the place of one with the same key.", (*server).makeAutoretrieve).
			reads("application/x-www-form-urlencoded", autoretrieveForm{}).answers(http.StatusOK, autoretrieveMade{}).fails(errInput("not a public key"), errBodySize),
		get("/admin/autoretrieve/list", admin, "The autoretrieve servers, oldest first.", (*server).listAutoretrieves).orNull(),
	}
}

// machineRoutes check the machines' own tokens themselves.
func machineRoutes() []route {
	own := func(rt route) route { return rt.fails(errAuthMissing, errNoBearer, errBadAuth, errMachine) }
	return []route{
		own(post("/autoretrieve/heartbeat", anyone, "Says that the autoretrieve server lives whose token the request has.", (*server).heartbeat)),
		own(get("/shuttle/conn", anyone, "Refuses shuttles: no token of one was ever made.", (*server).shuttleOnly)),
		own(post("/shuttle/content/create", anyone, "Refuses shuttles: no token of one was ever made.", (*server).shuttleOnly)),
	}
}
