package estuaryapi

import (
	"net/http"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/proof"
)

// routes is the table: every route there is, under the headings that the
// OpenAPI document has too. docs/estuary-v1.md tells what became of each of
// V1's; a test compares the two.
//
// A group's routes are in the function below with its name. More specific paths
// win over wildcards, wherever they stand.
func routes() []group {
	return []group{
		{"public", "What anyone may ask, without a key.", publicRoutes()},
		{"gateway", "Content by CID, for anyone.", gatewayRoutes()},
		{"content", "Uploads and what became of them.", contentRoutes()},
		{"staging zones", "Contents that wait together for their deals.", zoneRoutes()},
		{"deals", "Deals with storage providers.", dealRoutes()},
		{"pinning", "The IPFS Pinning Service API.", pinningRoutes()},
		{"collections", "Named sets of contents, with directories.", collectionRoutes()},
		{"user", "The caller's own account.", userRoutes()},
		{"accounts", "Registration and login.", accountRoutes()},
		{"admin accounts", "Users and invites.", adminAccountRoutes()},
		{"admin providers", "Which storage providers are asked.", adminProviderRoutes()},
		{"admin content", "V1's content manager.", adminContentRoutes()},
		{"admin peering", "Peers that the node stays connected to.", adminPeeringRoutes()},
		{"admin system", "The node itself.", adminSystemRoutes()},
		{"machines", "What shuttles and autoretrieve servers call.", machineRoutes()},
		{"v2", "V1's unfinished second version.", v2Routes()},
		{"old aliases", "Paths of V1 before 0.1.9, for clients of that time.", oldRoutes()},
		{"swagger aliases", "Paths that only V1's own description had: generated clients call them.", swaggerAliasRoutes()},
		{"description", "This description.", swaggerRoutes()},
	}
}

func publicRoutes() []route {
	return []route{
		get("/health", anyone, "Says that the API answers.", (*server).health),
		get("/get/{cid}", anyone, "Leads to the gateway.", (*server).getContent),
		get("/retrieval-candidates/{cid}", anyone, "Providers that have a published content.", (*server).candidates).orNull(),
		get("/public/stats", anyone, "Figures of the node, some seconds old.", (*server).publicStats).fails(errNoAccounts),
		get("/public/by-cid/{cid}", anyone, "Published contents with a root, and their deals on chain.", (*server).byCID),
		get("/public/deals/failures", anyone, "What failed with deals, newest first.", (*server).publicFailures),
		get("/public/info", anyone, "The node's wallet.", (*server).nodeInfo),
		get("/public/miners", anyone, "Providers that the node asks, or has asked.", (*server).miners),
		get("/public/miners/failures/{miner}", anyone, "What failed with a provider, newest first.", (*server).minerFailures),
		get("/public/miners/deals/{miner}", anyone, "A provider's deals, newest first.", (*server).minerDeals),
		get("/public/miners/stats/{miner}", anyone, "How a provider did.", (*server).minerStats),
		get("/public/miners/storage/query/{miner}", anyone, "What a provider asks for.", (*server).queryAsk).fails(askErrors...),
		get("/public/metrics/deals-on-chain", anyone, "Figures of deals by the day.", (*server).dealMetrics),
		get("/public/net/peers", anyone, "Peers that the node is connected to.", (*server).netPeers),
		get("/public/net/addrs", anyone, "Where the node is reached by libp2p.", (*server).netAddrs),
	}
}

func gatewayRoutes() []route {
	content := func(rt route) route {
		for _, code := range []int{http.StatusOK, http.StatusPartialContent, http.StatusMovedPermanently, http.StatusNotModified,
			http.StatusBadRequest, http.StatusNotFound, http.StatusNotAcceptable, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable,
			http.StatusUnprocessableEntity} {
			rt = rt.streams(code, "*/*")
		}
		return rt.fails(errNoRoute)
	}
	return []route{
		content(raw(http.MethodGet, "/gw/{path...}", anyone, "Content by its CID: ipfs/{cid}, with a path below it.", (*server).serveGateway)),
		content(raw(http.MethodGet, "/ipfs/{path...}", anyone, "The same, where the IPFS gateway has it.", (*server).serveGateway)),
	}
}

func contentRoutes() []route {
	return []route{
		get("/viewer", upload, "Who the key belongs to, and what holds for him.", (*server).viewer),
		uploading(raw(http.MethodPost, "/content/add", upload, "Stores a file.", (*server).addContent)).
			reads("multipart/form-data", addForm{}).fails(errMediaType(""), errFormSize),
		uploading(raw(http.MethodPost, "/put", upload, "The same as /content/add.", (*server).addContent)).
			reads("multipart/form-data", addForm{}).fails(errMediaType(""), errFormSize),
		uploading(raw(http.MethodPost, "/content/add-car", upload, "Stores the DAG in a CAR, which has one root.", (*server).addCAR)).
			reads("application/vnd.ipld.car", nil).failsWith(errRoots.code, errRoots.body),
		ofCollection(post("/content/create", upload, "Takes down a content that is still to come: a pin.", (*server).createContent)).
			fails(errOff, errInCollection, errQuota("quota exceeded")).failsWith(http.StatusConflict, messageJSON{}),
		adding(post("/content/add-ipfs", upload, "Pins a DAG that others have, as POST /pinning/pins does.", (*server).addIPFS)),
		get("/content/contents", user, "The caller's contents, newest first.", (*server).listContents),
		get("/content/status/{id}", user, "A content and the deals of the pieces that hold it, oldest first.", (*server).contentStatus).
			fails(errNoContent(7), errForeign("content", 2, 7)),
		raw(http.MethodGet, "/content/proof/{id}", user, "The proof that a content is in deals.", (*server).contentProof).
			answers(http.StatusOK, proof.Proof{}).
			fails(errNoContent(7), errForeign("content", 2, 7), errNoProof(7, "it is in no zone yet")),
		get("/content/explain/{id}", user, "Why a content does not have all its deals yet, and what happens next.", (*server).explainContent).
			fails(errNoContent(7), errForeign("content", 2, 7)),
		get("/content/{id}", user, "One content, or a zone as V1's aggregate.", (*server).showContent).
			fails(errNoContent(7), errForeign("content", 2, 7)),
		get("/content/stats", user, "The caller's contents and their figures, newest first.", (*server).contentStats),
		raw(http.MethodGet, "/content/list", user, "All of the caller's contents and packed zones.", (*server).listAll).
			answers(http.StatusOK, []content{}),
		get("/content/by-cid/{cid}", user, "Contents with a root, published or the caller's, and their deals on chain.", (*server).byCID),
		get("/content/deals", user, "The caller's zones that have deals, as V1's aggregates, newest first.", (*server).contentDeals),
		get("/content/failures/{id}", user, "What failed with a content's deals, newest first.", (*server).contentFailures).
			fails(errNoContent(7), errForeign("content", 2, 7)),
		get("/content/bw-usage/{id}", user, "What went out of a content.", (*server).bandwidth).
			fails(errNoRecord(7), errForeign("content", 2, 7)),
		raw(http.MethodGet, "/content/aggregated/{id}", user, "A zone's members, oldest first.", (*server).aggregated).
			answers(http.StatusOK, []content{}).fails(errNoRecord(7), errForeign("content", 2, 7)),
		raw(http.MethodGet, "/content/all-deals", user, "The caller's deals on chain, and what is in them.", (*server).allDeals).
			answers(http.StatusOK, []dealPairs{}),
		get("/content/ensure-replication/{cid}", user, "Has a content's deals looked after now.", (*server).ensureReplication).
			fails(errNoCID("bafy…")),
	}
}

// errOff is errAddingOff as an example.
var errOff = (&server{}).errAddingOff()

// uploading declares what an upload answers, and what goes wrong.
func uploading(rt route) route {
	return rt.answers(http.StatusOK, addResponse{}).
		fails(errOff, errTooLarge, errFull, errQuota("quota exceeded"), errBroken, errInput("http: no such file"), errNoCollection("uuid"), errNoBucket("name"),
			errForeignCollection(2, "uuid"), errInCollection, errMeanwhile).
		failsWith(http.StatusConflict, messageJSON{})
}

func zoneRoutes() []route {
	return []route{
		get("/content/staging-zones", user, "The caller's zones, newest first.", (*server).listZones),
		get("/content/staging-zones/{zone}", user, "One zone.", (*server).showZone).
			fails(errNoZone(7), errForeign("staging zone", 2, 7)),
		get("/content/staging-zones/{zone}/contents", user, "A zone's members, newest first.", (*server).zoneContents).
			fails(errNoZone(7), errForeign("staging zone", 2, 7)),
	}
}

func dealRoutes() []route {
	return append([]route{
		get("/deals/failures", user, "What failed with the caller's deals, newest first.", (*server).ownFailures),
		get("/deals/status/{deal}", user, "A deal.", (*server).ownDeal).fails(errNoDeal("deal: 7")),
		post("/deals/make/{miner}", admin, "Makes a deal for a content's pieces with a provider.", (*server).makeDeal).
			fails(errNoContent(7), errInput("supply a valid value for content_id"), errHeld(deals.ErrHeld), errNoDeal("provider")),
		get("/deals/transfer/status/{id}", user, "The transfer of a deal, by its UUID.", (*server).transfer).fails(errNoTransfer("7")),
	}, dealRoutesAt("/deals")...)
}

// dealRoutesAt are those that V1's own description had under another path.
func dealRoutesAt(at string) []route {
	return []route{
		get(at+"/status-by-proposal/{propcid}", user, "A deal, by its signed proposal.", (*server).dealByProposal).fails(errNoDeal("deal")),
		get(at+"/status/{miner}/{propcid}", user, "A deal as its provider tells of it.", (*server).dealAtProvider).fails(askErrors...),
		get(at+"/proposal/{propcid}", user, "A signed proposal.", (*server).proposal).fails(errNoDeal("proposal")),
		get(at+"/info/{dealid}", user, "A deal, anybody's, as the chain has it.", (*server).dealInfo).fails(askErrors...),
		get(at+"/query/{miner}", user, "What a provider asks for.", (*server).queryAsk).fails(askErrors...),
		post(at+"/estimate", user, "What the cheapest providers would take.", (*server).estimate),
		post(at+"/transfer/status", user, "V1's transfers by graphsync channel, of which there are none.", (*server).channelTransfer).fails(errNoTransfer("7")),
		get(at+"/transfer/in-progress", user, "The caller's transfers that are not done.", (*server).transfers),
	}
}

// askErrors are those of routes that ask a provider or the chain.
var askErrors = []apiError{errNoDeal("deal"), errUpstream(chain.ErrUnavailable)}

func pinningRoutes() []route {
	limit := apiError{http.StatusBadRequest, "ERR_INVALID_QUERY_PARAM_VALUE", "limit: \"0\" is not a number from 1 to 1000"}
	state := apiError{http.StatusBadRequest, "ERR_INVALID_PINNING_STATUS", "status: \"lost\" is not one of queued, pinning, pinned, failed"}
	return []route{
		get("/pinning/pins", user, "The caller's pins, newest first.", (*server).listPins).fails(limit, state),
		adding(post("/pinning/pins", user, "Pins a DAG that others have.", (*server).addPin)),
		get("/pinning/pins/{pinid}", user, "One pin, or a content as a pin.", (*server).showPin).fails(errNoPin(7)),
		post("/pinning/pins/{pinid}", user, "Pins another DAG in the place of a pin, or of a content, which goes when the new one is pinned.", (*server).replacePin).
			fails(errNoPin(7)),
		del("/pinning/pins/{pinid}", user, "Removes a pin with its content, or a content, or ends a fetch.", (*server).deletePin).
			fails(errNoPin(7), asError(buckets.ErrLocked)),
	}
}

// adding declares what goes wrong where something is pinned.
func adding(rt route) route {
	return ofCollection(rt).fails(errInCollection, errQuota("quota exceeded")).failsWith(http.StatusFound, messageJSON{})
}

func collectionRoutes() []route {
	return []route{
		get("/collections", user, "The caller's collections, oldest first, then the buckets, which are collections too.", (*server).listCollections),
		post("/collections", user, "Makes a collection.", (*server).createCollection),
		ofCollection(del("/collections/{coluuid}", user, "Removes a collection. Its contents stay; a bucket must be empty.", (*server).deleteCollection)).
			fails(errNotEmpty),
		collecting(post("/collections/{coluuid}", user, "Adds contents or pins to a collection, each under its name; into a bucket they are copied.", (*server).addContents)),
		ofCollection(raw(http.MethodGet, "/collections/{coluuid}", user, "The entries of a collection, or with dir what is in a directory: then of another type.", (*server).showCollection)).
			answers(http.StatusOK, []contentWithPath{}).or([]listed{}).orNull(),
		ofCollection(del("/collections/{coluuid}/contents", user, "Removes entries of a collection; of a bucket, objects.", (*server).removeContents)).
			fails(errFilter("x"), errNoValue, asError(buckets.ErrLocked)),
		ofCollection(post("/collections/{coluuid}/commit", user, "Makes a directory of a collection and pins it. A bucket's directory needs no pin.", (*server).commitCollection)).
			fails(errPrivate, errQuota("quota exceeded")),
		collecting(post("/collections/fs/add", user, "Adds a content to a collection.", (*server).addOne)),
	}
}

// ofCollection declares what goes wrong with every collection.
func ofCollection(rt route) route {
	return rt.fails(errNoCollectionRecord("uuid"), errForeignCollection(2, "uuid"))
}

// collecting declares what goes wrong where something is added.
func collecting(rt route) route {
	return ofCollection(rt).fails(errMissing(2), errInCollection, errMeanwhile, errFull, errQuota("quota exceeded"))
}

func userRoutes() []route {
	return []route{
		get("/user/api-keys", user, "The caller's keys, oldest first, without the keys themselves.", (*server).listKeys),
		post("/user/api-keys", user, "Makes a key for the caller. Its token is told only here.", (*server).createKey),
		del("/user/api-keys/{key_or_hash}", user, "Ends one of the caller's keys at once.", (*server).revokeKey),
		raw(http.MethodGet, "/user/export", user, "All contents of the caller and their deals.", (*server).exportUser).
			answers(http.StatusOK, export{}),
		put("/user/password", user, "Changes the caller's password, and ends his other sessions.", (*server).setPassword),
		put("/user/address", user, "Notes the caller's address on Filecoin.", (*server).setAddress).fails(errAddress),
		get("/user/stats", user, "How much the caller keeps, and how much he may.", (*server).userStats),
		get("/user/miner/claim/{miner}", user, "What a provider's worker signs to say that it is the caller's.", (*server).claimMessage),
		post("/user/miner/claim", user, "Registers a provider as the caller's, who has its worker's signature.", (*server).claimProvider).fails(claimFailures()...),
		post("/user/miner/suspend/{miner}", user, "Has a provider of the caller's get no more deals.", (*server).suspendProvider).fails(ruleFailures()...),
		put("/user/miner/unsuspend/{miner}", user, "Lets a provider of the caller's get deals again.", (*server).unsuspendProvider).fails(ruleFailures()...),
		put("/user/miner/set-info/{miner}", user, "Names a provider of the caller's.", (*server).setProviderInfo).fails(infoFailures()...),
	}
}

// accountRoutes are those that make keys, so they ask for none.
func accountRoutes() []route {
	return []route{
		post("/register", anyone, "Makes an account for whoever has an invite, and a key for it.", (*server).register).
			fails(errInvite, errInviteUsed, errNameTaken, errUserCreation, errNoAccounts),
		post("/login", anyone, "Makes a key for whoever knows a password.", (*server).login).
			fails(errNoUser, errPassword, errSuspended(accounts.ErrSuspended), errNoAccounts),
	}
}

func adminAccountRoutes() []route {
	return []route{
		post("/admin/invite/{code}", admin, "Makes an invite, with which one person can register.", (*server).createInvite).fails(errInviteTaken),
		get("/admin/invites", admin, "All invites, the newest first.", (*server).listInvites),
		get("/admin/users", admin, "All users and what they keep, by id.", (*server).listUsers),
		put("/admin/users/{name}/quota", admin, "Says how much a user may keep; 0 is no limit.", (*server).setQuota).fails(errNoSuchUser),
		post("/admin/users/{name}/suspend", admin, "Refuses a user's logins, tokens and S3 keys.", (*server).suspendUser).fails(errNoSuchUser),
		put("/admin/users/{name}/unsuspend", admin, "Lets a user in again.", (*server).unsuspendUser).fails(errNoSuchUser),
		get("/admin/audit", admin, "What admins and the operator did, the newest first.", (*server).auditLog),
	}
}

func adminProviderRoutes() []route {
	return []route{
		post("/admin/miners/add/{miner}", admin, "Adds a provider to those to choose from, or says more of one.", (*server).addProvider).fails(errListSetting),
		post("/admin/miners/rm/{miner}", admin, "Takes a provider from those to choose from; its deals go on.", (*server).removeProvider).fails(errListSetting, errNoProvider("f01234")),
		post("/admin/miners/suspend/{miner}", admin, "Has a provider get no more deals.", (*server).suspendProvider).fails(errNoProvider("f01234")),
		put("/admin/miners/unsuspend/{miner}", admin, "Lets a provider get deals again.", (*server).unsuspendProvider).fails(errNoProvider("f01234")),
		put("/admin/miners/set-info/{miner}", admin, "Names a provider, or says something else of one to choose from.", (*server).setProviderInfo).fails(errListSetting, errNoProvider("f01234")),
		get("/admin/miners", admin, "The providers to choose from.", (*server).listProviders),
		get("/admin/miners/stats", admin, "The deals of each provider that has any, counted, the best first.", (*server).providerStats),
		get("/admin/miners/transfers/{miner}", admin, "What a provider pulls, or is about to.", (*server).providerTransfers),
	}
}

func v2Routes() []route {
	return append(v2ProviderRoutes(), []route{
		adding(post("/v2/pinning/batched-pins", user, "Pins up to 1000 DAGs, all or none.", (*server).addPins)).upTo(8 << 20),
		get("/v2/pinning/batched-pins", user, "Up to 1000 pins, or contents as pins.", (*server).showPins).fails(errNoPin(7)),
	}...)
}

// v2ProviderRoutes are those of /admin/miners, /user/miner and /public/miners once more.
func v2ProviderRoutes() []route {
	const at = "/v2/storage-providers"
	return []route{
		post(at+"/add/{sp}", admin, "Adds a provider to those to choose from, or says more of one.", (*server).addProvider).fails(errListSetting),
		post(at+"/rm/{sp}", admin, "Takes a provider from those to choose from; its deals go on.", (*server).removeProvider).fails(errListSetting, errNoProvider("f01234")),
		post(at+"/suspend/{sp}", user, "Has a provider, the caller's or for an admin any, get no more deals.", (*server).suspendProvider).fails(ruleFailures()...),
		put(at+"/unsuspend/{sp}", user, "Lets a provider, the caller's or for an admin any, get deals again.", (*server).unsuspendProvider).fails(ruleFailures()...),
		put(at+"/set-info/{sp}", user, "Names a provider, the caller's or for an admin any.", (*server).setProviderInfo).fails(infoFailures()...),
		post(at+"/claim", user, "Registers a provider as the caller's, who has its worker's signature.", (*server).claimProvider).fails(claimFailures()...),
		get(at+"/claim/{sp}", user, "What a provider's worker signs to say that it is the caller's.", (*server).claimMessage),
		get(at, anyone, "Providers that the node asks, or has asked.", (*server).miners),
		get(at+"/stats", admin, "The deals of each provider that has any, counted, the best first.", (*server).providerStats),
		get(at+"/stats/{sp}", anyone, "How a provider did.", (*server).minerStats),
		get(at+"/transfers/{sp}", admin, "What a provider pulls, or is about to.", (*server).providerTransfers),
		get(at+"/failures/{sp}", anyone, "What failed with a provider, newest first.", (*server).minerFailures),
		get(at+"/deals/{sp}", anyone, "A provider's deals, newest first.", (*server).minerDeals),
		get(at+"/storage/query/{sp}", anyone, "What a provider asks for.", (*server).queryAsk).fails(askErrors...),
	}
}

func oldRoutes() []route {
	read := contentBytes(raw(http.MethodGet, "/content/read/{id}", user, "A content's bytes.", (*server).readContent)).
		fails(errForeign("content", 2, 7))
	return []route{
		get("/collections/list", user, "As GET /collections.", (*server).listCollections).deprecated(),
		post("/collections/create", user, "As POST /collections.", (*server).createCollection).deprecated(),
		collecting(post("/collections/add-content", user, "Adds contents to a collection by their ids and CIDs.", (*server).addContentsOld)).deprecated(),
		ofCollection(raw(http.MethodGet, "/collections/content", user, "As GET /collections/{coluuid}; with colpath in the form that barge reads.", (*server).showCollectionOld)).
			answers(http.StatusOK, []contentWithPath{}).or([]listed{}).or([]listedOld{}).orNull().deprecated(),
		ofCollection(raw(http.MethodGet, "/collections/content/{coluuid}", user, "As GET /collections/{coluuid}.", (*server).showCollection)).
			answers(http.StatusOK, []contentWithPath{}).or([]listed{}).orNull().deprecated(),
		ofCollection(raw(http.MethodGet, "/collections/fs/list", user, "What is in a directory of a collection.", (*server).listDirectoryOld)).
			answers(http.StatusOK, []listedOld{}).deprecated(),
		post("/content/importdeal", user, "Refuses: the deals that this node retrieves from are its own.", (*server).importDeal).fails(errNoImport).deprecated(),
		get("/net/addrs", anyone, "Where the node is reached by libp2p.", (*server).netAddrs).deprecated(),
		read,
	}
}

// contentBytes declares what a content's bytes are answered with.
func contentBytes(rt route) route {
	for _, code := range []int{http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable} {
		rt = rt.streams(code, "*/*")
	}
	return rt.fails(errNoContent(7))
}

func swaggerAliasRoutes() []route {
	rows := dealRoutesAt("/deal")
	for i := range rows {
		rows[i] = rows[i].deprecated()
	}
	return append(rows, []route{
		post("/admin/invites/{code}", admin, "Makes an invite, with which one person can register.", (*server).createInvite).fails(errInviteTaken).deprecated(),
		get("/miner/claim/{miner}", user, "What a provider's worker signs to say that it is the caller's.", (*server).claimMessage).deprecated(),
		post("/miner/claim", user, "Registers a provider as the caller's, who has its worker's signature.", (*server).claimProvider).fails(claimFailures()...).deprecated(),
		post("/miner/suspend/{miner}", user, "Has a provider of the caller's get no more deals.", (*server).suspendProvider).fails(ruleFailures()...).deprecated(),
		put("/miner/unsuspend/{miner}", user, "Lets a provider of the caller's get deals again.", (*server).unsuspendProvider).fails(ruleFailures()...).deprecated(),
		put("/miner/set-info/{miner}", user, "Names a provider of the caller's.", (*server).setProviderInfo).fails(infoFailures()...).deprecated(),
	}...)
}

func swaggerRoutes() []route {
	return []route{
		raw(http.MethodGet, "/swagger/doc.json", anyone, "This description as OpenAPI 3.", (*server).swaggerDocument).
			answers(http.StatusOK, map[string]any{}).streams(http.StatusNotModified, "*/*"),
		raw(http.MethodGet, "/swagger/index.html", anyone, "This page.", (*server).swaggerPage).
			streams(http.StatusOK, "text/html").streams(http.StatusNotModified, "*/*"),
		get("/swagger", anyone, "Leads to this page.", (*server).swaggerLead),
		raw(http.MethodGet, "/swagger/{file}", anyone, "What this page is made of.", (*server).swagger).
			streams(http.StatusOK, "*/*").streams(http.StatusNotModified, "*/*").fails(errNoRoute),
	}
}

// closed are the groups of paths below which V1 asks for a key before it says
// that there is no such route, and the level that it asks for.
var closed = []struct {
	prefix string
	level  accounts.Level
}{
	{"/content", upload}, {"/user", user}, {"/deals", user}, {"/collections", user}, {"/pinning", user}, {"/admin", admin},
}
