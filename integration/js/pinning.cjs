// Loaded before the pinning compliance suite (node --require). It changes
// nothing of the suite, but what it finds around it:
// - The specification, which it downloads at each run, is the file that
//   PINNING_SPEC names. Nothing else outside loopback is reached.
// - It sends one request a second, for the sake of services that others run.
//   Its clock runs 50 times as fast.
const fs = require('node:fs')
const https = require('node:https')
const { EventEmitter } = require('node:events')
const { Readable } = require('node:stream')

const spec = '/ipfs/pinning-services-api-spec/v1.0.0/ipfs-pinning-service.yaml'

https.get = (options) => {
  const request = new EventEmitter()
  request.setTimeout = request.abort = () => {}
  process.nextTick(() => {
    if (options.hostname !== 'raw.githubusercontent.com' || options.path !== spec) {
      request.emit('error', new Error(`no test downloads ${options.hostname}${options.path}`))
      return
    }
    const response = Readable.from([fs.readFileSync(process.env.PINNING_SPEC)])
    response.statusCode = 200
    response.headers = {}
    request.emit('response', response)
  })
  return request
}

for (const name of ['setTimeout', 'setInterval']) {
  const real = globalThis[name]
  globalThis[name] = (fn, delay, ...args) => real(fn, (delay ?? 0) / 50, ...args)
}
