// Calls every method of estuary-client, V1's own client, against a node, and
// compares the answers with the client's models and with the fields that V1
// answered. It reads a job as JSON and prints a line of JSON for each method:
// its name, the status, and what is wrong, if anything is.
const fs = require('node:fs')
const estuary = require('estuary-client')

const job = JSON.parse(fs.readFileSync(0, 'utf8'))
const api = estuary.ApiClient.instance
api.basePath = job.base
api.authentications.bearerAuth.apiKey = job.token
api.authentications.bearerAuth.apiKeyPrefix = 'Bearer'

let failed = false
const done = new Set()

function report (name, status, problems) {
  failed ||= problems.length > 0
  done.add(name)
  console.log(JSON.stringify({ name, status, problems }))
}

// call sends a request and gives back all the client makes of it.
function call (name, args) {
  const [group, method] = name.split('.')
  return new Promise(resolve => {
    new estuary[group]()[method](...args, (error, data, response) => {
      resolve({ error, data, response: response ?? error?.response })
    })
  })
}

// want calls a method, looks at its status and gives its answer to check, which
// returns what is wrong with it.
async function want (name, args, status, check = () => []) {
  const { error, data, response } = await call(name, args)
  const got = response?.status
  const body = parsed(response)
  const problems = []
  if (got !== status) problems.push(`status ${got}, want ${status}: ${text(response) ?? error}`)
  else {
    // Where V1's description has another type than V1 answered its own client fails; the answer is right.
    if (error && got < 300 && !mistyped.has(name)) problems.push('the client fails: ' + error)
    try {
      problems.push(...check(body, data, response).filter(Boolean))
    } catch (e) {
      problems.push(`${e} in ${text(response)}`)
    }
  }
  report(name, got, problems)
  return { body, data, response }
}

// text is an answer's body. The client leaves what V1's description calls a string as bytes.
const text = response => Buffer.isBuffer(response?.body) ? String(response.body) : response?.text

function parsed (response) {
  if (!Buffer.isBuffer(response?.body)) return response?.body
  try {
    return JSON.parse(String(response.body))
  } catch {
    return undefined
  }
}

// Methods whose type in V1's description is a list of strings; it answered an object.
const mistyped = new Set(['NetApi.netAddrsGet', 'NetApi.publicNetAddrsGet', 'PublicApi.publicNetAddrsGet'])

// fields is what is wrong with an object whose fields should be those, with types as in "id:number".
function fields (o, list, what = 'answer') {
  if (o === null || typeof o !== 'object' || Array.isArray(o)) return [`${what} is no object: ${JSON.stringify(o)}`]
  return list.split(' ').map(f => {
    const [name, type] = f.split(':')
    const v = o[name]
    const is = Array.isArray(v) ? 'array' : v === null ? 'null' : typeof v
    return is === type || (type === 'cid' && typeof v?.['/'] === 'string') ? null : `${what} has ${name} ${is}, want ${type}`
  })
}

// each is what is wrong with a list whose elements should have those fields.
function each (list, names, least = 1) {
  if (!Array.isArray(list)) return ['no list: ' + JSON.stringify(list)]
  if (list.length < least) return [`${list.length} entries, want ${least} at least`]
  return list.flatMap(o => fields(o, names, 'entry'))
}

// model is what is wrong with data that should be the client's model with those fields.
function model (data, type, names) {
  if (!(data instanceof estuary[type])) return [`${JSON.stringify(data)} is no ${type}`]
  return fields(data, names, type)
}

const failure = code => body => body?.error?.reason && body.error.details !== undefined && [undefined, code].includes(body.error.code)
  ? model(estuary.UtilHttpError.constructFromObject(body.error), 'UtilHttpError', 'reason:string details:string')
  : ['no error of V1: ' + JSON.stringify(body)]

const contentFields = 'id:number createdAt:string updatedAt:string cid:string name:string userId:number description:string size:number type:number active:boolean ' +
  'offloaded:boolean replication:number aggregatedIn:number aggregate:boolean pinning:boolean pinMeta:string replace:boolean origins:string failed:boolean location:string ' +
  'dagSplit:boolean splitFrom:number pinningStatus:string dealStatus:string'
const dealFields = 'ID:number CreatedAt:string UpdatedAt:string content:number user_id:number propCid:string dealUuid:string miner:string dealId:number failed:boolean ' +
  'verified:boolean slashed:boolean failedAt:string dtChan:string transferStarted:string transferFinished:string onChainAt:string sealedAt:string deal_protocol_version:string'
const pinFields = 'requestid:string status:string created:string delegates:array info:object pin:object'
const failureFields = 'miner:string deal_uuid:string phase:string message:string content:number minerVersion:string user_id:number deal_protocol_version:string'
const askFields = 'miner:string price:string verifiedPrice:string minPieceSize:number maxPieceSize:number miner_version:string'
const statusFields = 'deal:object'

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

// uploads stores a file and waits until it has a deal on chain.
async function uploads () {
  const { data: up } = await want('ContentApi.contentAddPost', [fs.createReadStream(job.file), { filename: 'film', ignoreDupes: 'false', lazyProvide: 'false' }], 200,
    (_, data) => model(data, 'UtilContentAddResponse', 'cid:string estuaryId:number providers:array retrievalUrl:string'))
  let deals = []
  for (let i = 0; i < 600 && !deals.some(d => d.deal.dealId > 0); i++) {
    await pause(100)
    deals = (await call('ContentApi.contentStatusIdGet', [up.estuaryId])).response.body.deals
  }
  await want('ContentApi.contentStatusIdGet', [up.estuaryId], 200, body => [
    ...fields(body, 'content:object deals:array failuresCount:number'), ...fields(body.content, contentFields),
    ...each(body.deals.map(d => d.deal), dealFields), ...each(body.deals, statusFields)
  ])
  return { ...up, deal: deals.find(d => d.deal.dealId > 0).deal }
}

async function contents (up) {
  const id = up.estuaryId
  const ipfs = await want('ContentApi.contentAddIpfsPost', [{ root: job.nobody, filename: 'lost', peers: [job.origin] }, {}], 202, body => fields(body, pinFields))
  // Without a type of the content the client sends bytes as JSON.
  estuary.ApiClient.instance.defaultHeaders['Content-Type'] = 'application/vnd.ipld.car'
  await want('ContentApi.contentAddCarPost', [Buffer.from(job.car, 'base64'), { filename: 'one' }], 200, body => [
    ...fields(body, 'cid:string estuaryId:number providers:array retrieval_url:string'), body.cid === job.carRoot ? null : `CID ${body.cid}, want ${job.carRoot}`])
  delete estuary.ApiClient.instance.defaultHeaders['Content-Type']
  await want('ContentApi.contentCreatePost', [{ root: up.cid, name: 'made', location: 'local', type: 1 }, {}], 200, body => fields(body, 'id:number'))
  await want('ContentApi.contentImportdealPost', [{ name: 'imported', dealIDs: [up.deal.dealId] }], 400, failure(400)) // it is refused here
  await want('ContentApi.contentIdGet', [id], 200, body => fields(body, contentFields))
  await want('ContentApi.contentListGet', [], 200, body => each(body, contentFields))
  await want('ContentApi.contentStatsGet', ['10', '0'], 200, body => each(body, 'id:number cid:cid name:string size:number createdAt:string bwUsed:number totalRequests:number offloaded:boolean aggregatedFiles:number pinningStatus:string'))
  await want('ContentApi.contentDealsGet', [{ limit: '10', offset: '0' }], 200, body => each(body, contentFields + ' aggregatedFiles:number'))
  await want('ContentApi.contentAllDealsGet', ['', '', 'true'], 200, body => each(body, 'deals:array cids:array'))
  await want('ContentApi.contentBwUsageContentGet', [String(id)], 200, body => fields(body, 'totalOut:number'))
  await want('ContentApi.contentFailuresContentGet', [String(id)], 200)
  await want('ContentApi.contentEnsureReplicationDatacidGet', [up.cid], 200)
  await want('ContentApi.contentReadContGet', [String(id)], 200, (_body, _data, r) => [
    String(r.headers['content-length']) === String(fs.statSync(job.file).size) ? null : `reads ${r.headers['content-length']} bytes`])
  const { body: zones } = await want('ContentApi.contentStagingZonesGet', [], 200, body => each(body, 'id:number createdAt:string minSize:number maxSize:number curSize:number user:number contentID:number location:string status:string message:string'))
  await want('ContentApi.contentAggregatedContentGet', [String(zones[zones.length - 1].contentID)], 200, body => each(body, contentFields))
  return ipfs.body?.requestid
}

async function pins (up, queued) {
  await want('PinningApi.pinningPinsGet', [], 200, body => fields(body, 'count:number results:array'))
  // It sends no body, so this is all it can get.
  await want('PinningApi.pinningPinsPost', [up.cid, 'name'], 400, failure(400))
  await want('PinningApi.pinningPinsPinidGet', [queued], 200, body => fields(body, pinFields))
  await want('PinningApi.pinningPinsPinidPost', [queued], 400, failure(400))
  await want('PinningApi.pinningPinsPinidDelete', [queued], 202)
  const { response } = await call('PinningApi.pinningPinsPinidGet', [queued])
  if (response?.status !== 404) report('PinningApi.pinningPinsPinidGet', response?.status, ['a pin that was removed is there'])
}

async function collections (up) {
  const { data: made } = await want('CollectionsApi.collectionsPost', [{ name: 'films', description: 'all of them' }], 200,
    (_, data) => model(data, 'CollectionsCollection', 'cid:string createdAt:string description:string name:string userId:number uuid:string'))
  const uuid = made?.uuid ?? '00000000-0000-4000-8000-000000000000'
  await want('CollectionsApi.collectionsGet', [], 200, (_, data) => data.flatMap(c => model(c, 'CollectionsCollection', 'createdAt:string name:string userId:number uuid:string')))
  await want('CollectionsApi.collectionsColuuidPost', [uuid, [up.estuaryId]], 200)
  await want('CollectionsApi.collectionsFsAddPost', [uuid, String(up.estuaryId), '/dir/again'], 200)
  await want('CollectionsApi.collectionsColuuidGet', [uuid, {}], 200, body => each(body, contentFields + ' path:string', 2))
  await want('CollectionsApi.collectionsColuuidCommitPost', [uuid], 200, body => fields(body, pinFields))
  await want('CollectionsApi.collectionsColuuidContentsDelete', [uuid, String(up.estuaryId), { by: 'content_id', value: String(up.estuaryId) }], 200)
  await want('CollectionsApi.collectionsColuuidDelete', [uuid], 200)
}

async function deals ({ deal }) {
  for (const [name, args, check] of [
    ['dealEstimatePost', [{ size: 1 << 20, replication: 1, durationBlks: 1494720, verified: false }], b => fields(b, 'totalFil:string totalAttoFil:string Asks:array')],
    ['dealInfoDealidGet', [deal.dealId], b => fields(b, 'Proposal:object State:object')],
    ['dealProposalPropcidGet', [deal.propCid], b => fields(b, 'Proposal:object ClientSignature:object')],
    ['dealQueryMinerGet', [deal.miner], b => fields(b, askFields)],
    ['dealStatusByProposalPropcidGet', [deal.propCid], b => fields(b, statusFields)],
    ['dealStatusMinerPropcidGet', [deal.miner, deal.propCid], b => fields(b, 'State:number Message:string')],
    ['dealTransferInProgressGet', [], b => fields(b, '')],
    ['dealsFailuresGet', [], b => each(b, failureFields, 0)],
    ['dealsStatusDealGet', [deal.ID], b => [...fields(b, statusFields), ...fields(b.deal, dealFields)]],
    ['publicDealsFailuresGet', [], b => each(b, failureFields, 0)],
    ['publicMinersStorageQueryMinerGet', [deal.miner], b => fields(b, askFields)]
  ]) await want('DealsApi.' + name, args, 200, b => check(b).filter(p => p !== 'answer has  undefined, want undefined'))
  await want('DealsApi.dealsMakeMinerPost', [deal.miner, 'no object'], 400, failure(400))
  await want('DefaultApi.dealTransferStatusPost', [], 400, failure(400)) // it sends no body
}

async function everyone (up) {
  const stats = 'totalStorage:number totalFilesStored:number dealsOnChain:number totalObjectsRef:number totalBytesUploaded:number totalUsers:number totalStorageMiner:number'
  const day = 'time:string dealsOnChain:number dealsOnChainBytes:number dealsAttempted:number dealsSealed:number dealsSealedBytes:number dealsFailed:number'
  const miner = 'miner:string name:string version:string usedByEstuary:boolean dealCount:number errorCount:number suspended:boolean suspendedReason:string'
  const made = 'id:number created_at:string updated_at:string content:number propCid:string miner:string dealId:number failed:boolean verified:boolean contentCid:string'
  const addrs = b => fields(b, 'id:string addresses:array')
  await want('PublicApi.publicStatsGet', [], 200, b => fields(b, stats))
  await want('PublicApi.publicInfoGet', [], 200, b => fields(b, 'primaryAddress:string'))
  await want('PublicApi.publicByCidCidGet', [up.cid], 200, b => [...each(b, 'content:object deals:array'), ...fields(b[0].content, contentFields), ...each(b[0].deals, dealFields)])
  for (const group of ['PublicApi', 'NetApi']) {
    await want(group + '.publicMinersGet', [], 200, b => each(b, 'addr:string name:string suspended:boolean version:string'))
    await want(group + '.publicMinersFailuresMinerGet', [up.deal.miner], 200, b => each(b, failureFields, 0))
    await want(group + '.publicNetAddrsGet', [], 200, addrs)
    await want(group + '.publicNetPeersGet', [], 200, (b, data) => Array.isArray(data) ? [] : ['no list'])
  }
  for (const group of ['PublicApi', 'MinerApi']) {
    await want(group + '.publicMinersDealsMinerGet', [up.deal.miner, { ignoreFailed: 'true' }], 200, b => each(b, made))
    await want(group + '.publicMinersStatsMinerGet', [up.deal.miner], 200, b => fields(b, miner))
  }
  for (const group of ['PublicApi', 'MetricsApi']) await want(group + '.publicMetricsDealsOnChainGet', [], 200, b => each(b, day))
  await want('NetApi.netAddrsGet', [], 200, addrs)
}

async function user () {
  const { data: key } = await want('UserApi.userApiKeysPost', [{ expiry: 'false', perms: 'upload' }], 200,
    (_, data) => [...model(data, 'MainGetApiKeysResp', 'token:string expiry:string'), /^EST.*ARY$/.test(data.token) ? null : 'no key: ' + data.token])
  await want('UserApi.userApiKeysGet', [], 200, (_, data) => data.flatMap(k => model(k, 'MainGetApiKeysResp', 'token:string expiry:string')))
  await want('UserApi.userApiKeysKeyDelete', [key?.token ?? 'none'], 200)
  await want('UserApi.userExportGet', [], 200, body => fields(body, 'Version:string Date:string Version1:object'))
  await want('UserApi.userStatsGet', [], 200, (_, data) => model(data, 'MainUserStatsResponse', 'totalSize:number numPins:number'))
}

async function admin () {
  const peer = job.origin.split('/p2p/')[1]
  for (const group of ['AdminApi', 'PeeringApi', 'PeersApi']) {
    await want(group + '.adminPeeringPeersPost', [], 400, failure(400)) // it sends no body
    await want(group + '.adminPeeringPeersGet', [], 200, b => b === null || Array.isArray(b) ? [] : ['no list: ' + JSON.stringify(b)])
    await want(group + '.adminPeeringPeersDelete', [[peer]], 200, b => fields(b, 'message:string peers:array'))
    await want(group + '.adminPeeringStartPost', [], 200, b => fields(b, 'message:string'))
    await want(group + '.adminPeeringStatusGet', [], 200, b => fields(b, 'state:string'))
    await want(group + '.adminPeeringStopPost', [], 200, b => fields(b, 'message:string'))
  }
  await want('AdminApi.adminSystemConfigGet', [], 200, b => fields(b, 'data:object'))
  await want('AdminApi.adminUsersGet', [], 200, b => each(b, 'id:number username:string spaceUsed:number numFiles:number'))
  await want('AutoretrieveApi.adminAutoretrieveListGet', [], 200, b => b === null ? [] : each(b, 'handle:string lastConnection:string lastAdvertisement:string addrInfo:object', 0))
  await want('AutoretrieveApi.adminAutoretrieveInitPost', [job.origin, 'key'], 400, failure(400)) // it sends the key alone, and no form
  await want('AutoretrieveApi.autoretrieveHeartbeatPost', ['none'], 401, failure(401))
}

async function main () {
  const up = await uploads()
  const queued = await contents(up)
  await pins(up, queued)
  await collections(up)
  await deals(up)
  await everyone(up)
  await user()
  await admin()
  for (const group of Object.keys(estuary).filter(name => name.endsWith('Api'))) {
    for (const method of Object.keys(new estuary[group]()).filter(name => name !== 'apiClient')) {
      const name = `${group}.${method}`
      if (!done.has(name)) report(name, 0, ['nothing calls it'])
    }
  }
  process.exitCode = failed ? 1 : 0
}

main().catch(e => { console.error(e); process.exitCode = 2 })
