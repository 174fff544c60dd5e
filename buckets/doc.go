// Package buckets is the namespace of WhyPFS: buckets, the objects in them, the
// contents the objects name, and the zones that gather contents until there is
// enough of them, or they are old enough, to be worth Filecoin deals.
//
// # Contents
//
// Every object names one content: a root CID with an owner, a size and a time
// ordered id. Putting another body under a key makes a new content and releases
// the old one; without versioning the same bytes again stay the same content. A
// copy is a content of its own with the same root.
//
// A content is unassigned at first. The job assign makes it a member of its
// bucket's open zone. An upload can ask for another number of deals than the
// bucket's policy says: such contents gather in open zones of their own, one for
// each number, to which everything else in the policy applies. A released content that is unassigned, or whose zone is
// not being packed yet, is gone at once. One in a later zone is a byte range of a
// piece: it is marked deleted, is not listed any more, and goes with its zone.
//
// # Versions
//
// A bucket is without versions until versioning is enabled; then it can only be
// suspended and enabled again. While it is enabled what replaces an object, and
// the delete marker that a delete leaves, are versions with ids of their own.
// What is made at other times is the null version, of which a key has one at
// most, and replaces that. Removing the newest version makes the one before it
// current again.
//
// Each version has a content of its own, whose id is its place among those of
// its key, so the order of versions is that of commits though clocks step back.
// All of them are dealt, held and restored alike. The current version is the
// row in obj if it is an object; the others and every delete marker are
// archived in ver. So listings of objects cost what they did without versions,
// and a bucket without versions has the rows it always had.
//
// # Object lock
//
// In a bucket with object lock, where versioning cannot be suspended, a version
// can be under a retention and a legal hold. Nothing in the package removes a
// version but one function, which refuses until the retention is over by the
// time of the transaction and the hold is off: no client, owner, administrator,
// lifecycle rule or job gets round it. Only a retention of GOVERNANCE can be
// bypassed, by a caller whom the transport lets. A retention is changed only to
// last longer.
//
// # Zones
//
//	open      takes members. The job seal closes it when its size, copies counted
//	          once, reaches the bucket's threshold, when its oldest member reaches the bucket's max
//	          age, or when it has 65,536 members. What an aged zone does whose
//	          piece is too small for providers is in the policy (Aged). Whatever comes next opens another
//	          zone. The member that reaches the threshold may exceed it.
//	sealed    takes no more members, and its policy is fixed; the Dealer packs it.
//	          Its members are fixed from when packing begins.
//	packed    its pieces are known; the Dealer starts deals
//	dealing   deals are made
//	complete  every wanted deal has been active. It stays complete when one ends
//	          and is replaced; its reason says how many are active.
//
// States only move forward; the job zone takes a zone from sealed to complete.
// A crash between two states repeats the last step, so every step is idempotent.
// Every state has a reason that a person can read. A Dealer's error is the
// reason until the step succeeds, and the queue repeats the step with back-off.
//
// # References
//
// References count roots, not blocks: a root is held by each content that needs
// its blocks here and by each part of an upload in progress. A content holds its
// root unless it is offloaded; a deleted one does until its zone is complete,
// because providers fetch the pieces until then. Roots lists what is held, and
// the job sweep has the node drop the blocks that no such root reaches. So
// deleting costs the same whatever the size.
//
// A content of a complete zone can be offloaded while every wanted deal is
// active: its blocks go, and a read brings them back from a provider. With
// Options.Offload the job offload does so when the disk gets full, to those that
// were read least recently. The job
// gc forgets a zone three months after its last step if all its members are
// deleted. Its deals run out: for a piece in which everything was deleted the
// dealer makes none, renews none and replaces none (LiveContents). A zone that a live content is in is never
// forgotten, as restoring needs its pieces. Uploads in progress stay until they
// are completed, aborted, end with their bucket, or are abandoned: gc aborts
// those to which nothing has come for Options.UploadExpiry.
//
// # Lifecycle
//
// A bucket can have rules (internal/lifecycle) that its job lifecycle applies
// once a day: versions expire, uploads are given up, and objects move to a cold
// storage class. A pass reads pages and changes a few versions at a time, in
// transactions that judge again; a lock is as strong against it as against a
// client, and an interrupted pass goes on where it was.
//
// An object of a cold storage class gives up its local copy, as if it was
// offloaded, as soon as its deals are active (job release). RestoreObject has
// the copy brought back (job restore) for some days. In a bucket whose policy
// says Archive, Restoration tells readers of S3 that they have to ask for that;
// elsewhere a read brings the copy back for a day.
//
// # Pins
//
// A pin is a request to keep a DAG that others have. It is queued until its
// first block has come, then pinning, and pinned once all of the DAG is here: in
// one transaction it becomes an object of its bucket, whose content it goes with
// from then on. It has failed when the DAG is at fault, or when no block came for
// Options.Pins.Timeout; then it waits for RetryPin.
//
// While it is pinning its root is held, so that what has come stays, and how far
// it is, is written down: neither a stop nor a crash has anything public fetched
// twice. What is here as private counts for those alone who own a content with
// that root; others have to get it from somebody else.
//
// By its id a content can be looked at, removed and replaced as if it was a
// pin, but is not listed among them. A pin that is replaced keeps what it has
// until the other is pinned; with the same root at the same place that is at
// once, and nothing else changes.
//
// The pins of an owner are spread over 16 slots, and each slot that has any has
// one job, which works on one pin at a time and makes room for others. So a pin
// that waits is some rows and nothing else, and no owner waits for another's.
//
// # Events
//
// What happens to objects of a bucket with notification rules is queued for
// the webhooks that the rules name, in the transaction that makes it happen,
// and delivered in that order by the job notify, at least once. A receiver that
// fails is asked again with back-off and costs writers nothing; of the events
// that wait for it the newest 100,000 stay. Writers in such a bucket share the
// row that counts them.
//
// # Trees
//
// A bucket that someone has asked for its Tree has its current objects as a
// UnixFS directory too, under the segments of their keys. A change of an object
// leaves a row for its key, in the change's transaction, unless it has one; the
// job tree brings the tree up to date with such keys some seconds later, and
// Tree at once. That costs the nodes on the ways to them, not the bucket's size.
// What the tree has of all other keys is exact, and it can always be built anew
// from the objects. It holds directories and not what they name: an object is
// held, offloaded and deleted as if there was no tree. It is as public as its
// bucket. A root that was replaced stays for an hour; a tree that nobody asks
// for in a month is forgotten.
//
// # Retrievals
//
// A retrieval brings one content back from providers that nobody reads: because
// it was asked for, or a replica was lost. It holds the content's root, so what has
// come stays whatever happens, and is not fetched again. Some run at once, the
// most urgent first: one that is more urgent takes the place of one that runs.
// Their bytes are within a budget by hour and day, which outlives the process.
// Readers are in no queue, and not in the budget.
//
// # Promises
//
// What Put, Copy, PutPart or Complete has acknowledged is durable, blocks and
// rows. An object row, its content, the references and the release of what it
// replaced are one transaction, so nobody sees half of it. An error means that
// nothing is visible, unless it is the store's own and comes from committing.
// Writers of different keys share no row that they read and write, but the
// bucket's assign job and one of the 16 rows of what its owner keeps.
//
// # Quotas
//
// Options.Quota says how much an owner may keep: the contents of his buckets,
// whoever put them, each with its size, and the parts of uploads in progress.
// Each transaction that adds or takes away changes that sum with it, so it is
// exact; with a quota it also reads the sum, and fails if it is too much. What
// is known to be too much before, is refused before the body is read.
//
// # Rows
//
//	bkt/<name>                          uuid
//	bktid/<uuid>                        Bucket
//	bktown/<owner>/<name>               uuid
//	glob/<owner>                        uuid of the global bucket
//	obj/<uuid>/<key>                    Object: the current version of the key, if it is no delete marker
//	ver/<uuid>/<key>/<inverted place>   Object: every other version, and every delete marker, newest first
//	vnul/<uuid>/<key>                   place of the null version, if it is in ver
//	con/<inverted content id>           Content
//	own/<owner>/<inverted content id>   undeleted contents of an owner, newest first
//	use/<owner>/<slot>                  part of the sum of what an owner keeps; exact, in each transaction that changes it
//	usedone                             everybody's was counted
//	cid/<root>/<content id>             contents with that root, and whether they hold it
//	ref/<root>/c/<content id>           the root is held by a content whose row in cid is from before
//	ref/<root>/p/<upload id>/<number>   the root is held by a part
//	ref/<root>/q/<pin id>               the root is held by a pin that is pinning
//	ref/<root>/r/<retrieval id>         the root is held by a retrieval that has not ended
//	new/<uuid>/<content id>             unassigned contents of a bucket
//	zon/<inverted zone id>              Zone
//	zin/<zone id>/<content id>          members of a zone
//	zopen/<uuid>                        id of the bucket's open zone
//	zopen/<uuid>/<number>               that of contents that ask for this number of deals
//	zcid/<zone id>/<root>               how many members, of some size, have that root; until the zone is packed
//	read/<root>                         the hour in which a root was read last, if Options.Offload asks for it
//	sent/<root>                         what went out of contents with that root
//	upl/<uuid>/<key>/<upload id>        MultipartUpload
//	prt/<upload id>/<number>            Part
//	doc/<uuid>/<name>                   a document that a transport keeps with a bucket
//	sum/<content id>                    checksums of the parts of a multipart object
//	lcy/<uuid>                          where an interrupted pass of the lifecycle goes on
//	hook/<webhook>                      which events wait for a webhook
//	evt/<webhook>/<number>              an event that waits
//	tree/<uuid>                         the tree of a bucket that has one
//	troot/<root>/<uuid>                 the bucket's tree shows that root
//	touch/<uuid>/<key>                  the tree need not have the key's object as it is
//	pin/<inverted pin id>               Pin
//	pinst/<owner>/<state>/<inverted id> pins of an owner by state, newest first
//	pincid/<root>/<pin id>              pins of a root
//	pinnew/<owner>/<slot>/<inverted id> pins that were not tried yet
//	pindue/<owner>/<slot>/<time>/<id>   queued and pinning ones, by when they are tried next
//	pinrun/<pin id>                     how far a pin is that is pinning
//	pinof/<content id>/<pin id>         the pins that have become a content
//	ret/<inverted retrieval id>         Retrieval
//	retdue/<rank>/<time>/<id>           those that have not ended, by urgency and when they may run
//	retof/<content id>                  the one of a content that has not ended
//	retend/<inverted time>/<id>         those that have ended, the last first
//	retspent/<hour>                     bytes that retrievals asked for in that hour
//	done/<upload id>                    a completed upload's parts and object, for a day
//
// Rows of contents, objects and buckets are written in order of their fields
// (internal/rowcode), and as JSON where they are from before; others are JSON.
// Check verifies how they hang together.
//
// The package talks to the network only through the node, never reads a body twice and never
// holds one in memory.
package buckets
