// A phone: a database with RxDB's validators and developers' checks on, the
// served schemas, and a network of its own that can be cut.
import net from 'node:net'
import { once } from 'node:events'
import { createRequire } from 'node:module'

// rxdb-server 15.22.0 inherits from RxDB's classes as ES5 does, which those of
// RxDB's ES modules no longer allow since 17.5.0. Its CommonJS build does.
const require = createRequire(import.meta.url)
const EventSource = require('eventsource')
const { Subject } = require('rxjs')
const { addRxPlugin, createRxDatabase } = require('rxdb/plugins/core')
const { RxDBDevModePlugin, disableWarnings } = require('rxdb/plugins/dev-mode')
const { replicateRxCollection } = require('rxdb/plugins/replication')
const { getRxStorageMemory } = require('rxdb/plugins/storage-memory')
const { wrappedValidateAjvStorage } = require('rxdb/plugins/validate-ajv')
const { replicateServer } = require('rxdb-server/plugins/replication-server')

addRxPlugin(RxDBDevModePlugin)
disableWarnings()

const retryTime = 100

// Line passes connections on to the server, as long as it is up.
class Line {
  sockets = new Set()
  up = true
  loseAnswers = 0 // to pushes, after the server has handled them

  constructor(target) {
    const { hostname, port } = new URL(target)
    this.server = net.createServer((client) => this.pass(client, hostname, port))
  }

  async open() {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.url = `http://127.0.0.1:${this.server.address().port}`
  }

  pass(client, host, port) {
    if (!this.up) return client.destroy()
    const server = net.connect(port, host)
    let pushing = false
    const end = () => { client.destroy(); server.destroy() }
    for (const s of [client, server]) {
      this.sockets.add(s)
      s.on('error', end).on('close', () => { this.sockets.delete(s); end() })
    }
    client.on('data', (b) => {
      if (b.toString('latin1', 0, 5) === 'POST ') pushing = true
      else if (b.toString('latin1', 0, 4) === 'GET ') pushing = false
      server.write(b)
    })
    server.on('data', (b) => {
      if (pushing && this.loseAnswers > 0) { this.loseAnswers--; return end() }
      client.write(b)
    })
  }

  cut() {
    this.up = false
    for (const s of this.sockets) s.destroy()
  }

  mend() { this.up = true }

  close() { this.cut(); this.server.close() }
}

export class Phone {
  errors = []
  replications = []

  static async open({ name, server, username, device, via, collections = ['inspections'] }) {
    const p = new Phone()
    Object.assign(p, { name, server, via, line: new Line(server), docs: {} })
    await p.line.open()
    p.token = await signIn(server, username, device)
    p.db = await createRxDatabase({
      name, multiInstance: false, storage: wrappedValidateAjvStorage({ storage: getRxStorageMemory() }),
    })
    const list = {}
    for (const c of collections) {
      list[c] = { schema: await (await fetch(`${server}/rxdb/${c}/schema`)).json() }
    }
    p.docs = await p.db.addCollections(list)
    return p
  }

  // start replicates all collections from now on.
  start() {
    for (const collection of Object.values(this.docs)) {
      const url = `${this.line.url}/rxdb/${collection.name}/${collection.schema.version}`
      const state = this.via === 'plain' ? plain(this, collection, url) : published(this, collection, url)
      state.error$.subscribe((err) => this.errors.push(err))
      this.replications.push(state)
    }
  }

  async inSync() { for (const r of this.replications) await r.awaitInSync() }

  async doc(id) { return this.docs.inspections.findOne(id).exec() }

  async state(id) { return (await this.doc(id))?.toMutableJSON() }

  // all returns the documents as the app sees them.
  async all() {
    const out = {}
    for (const [name, c] of Object.entries(this.docs)) {
      out[name] = (await c.find().exec()).map((d) => d.toMutableJSON())
    }
    return out
  }

  async close() {
    for (const r of this.replications) await r.cancel()
    await this.db.close()
    this.line.close()
  }
}

const published = (phone, collection, url) => replicateServer({
  collection, url, replicationIdentifier: 'gridpatrol', live: true, waitForLeadership: false, retryTime,
  headers: { Authorization: `Bearer ${phone.token}` },
  pull: { batchSize: 200 }, push: { batchSize: 50 },
})

// plain is what one writes from RxDB's documentation of HTTP replication.
function plain(phone, collection, url) {
  const headers = { Authorization: `Bearer ${phone.token}`, 'Content-Type': 'application/json' }
  const stream$ = new Subject()
  const ask = async (path, init) => {
    const answer = await fetch(url + path, { headers, ...init })
    const body = await answer.json()
    if (!answer.ok) throw new Error(body.code)
    return body
  }
  const state = replicateRxCollection({
    collection, replicationIdentifier: 'gridpatrol', live: true, waitForLeadership: false, retryTime,
    pull: { batchSize: 200, stream$, handler: (at, limit) => ask(`/pull?id=${at?.id ?? ''}&lwt=${at?.lwt ?? 0}&limit=${limit}`) },
    push: { batchSize: 50, handler: (rows) => ask('/push', { method: 'POST', body: JSON.stringify(rows) }) },
  })
  const source = new EventSource(`${url}/pullStream`, { headers })
  source.onopen = () => stream$.next('RESYNC')
  source.onerror = () => stream$.next('RESYNC')
  source.onmessage = (event) => stream$.next(JSON.parse(event.data))
  state.canceled$.subscribe((canceled) => canceled && source.close())
  return state
}

async function signIn(server, username, device) {
  const answer = await fetch(`${server}/v1/auth/login`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      username, password: 'gridpatrol-demo',
      device: { id: device, name: 'rxdb', platform: 'node', app_version: '1' },
    }),
  })
  if (!answer.ok) throw new Error(`sign-in of ${username}: ${answer.status}`)
  return (await answer.json()).access_token
}

// until waits for what another phone or the server brings about.
export async function until(what, condition) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`never happened: ${what}`)
}
