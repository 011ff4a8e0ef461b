// An offline-first app in sixty lines. `node app.mjs add "smoke by the gate"`
// files a record, `node app.mjs watch` shows what everyone files, live.
import { Subject, filter, firstValueFrom } from 'rxjs'
import { createRxDatabase } from 'rxdb/plugins/core'
import { replicateRxCollection } from 'rxdb/plugins/replication'
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { wrappedValidateAjvStorage } from 'rxdb/plugins/validate-ajv'

const [command, note] = process.argv.slice(2)
const server = process.env.GRIDPATROL_URL ?? 'http://127.0.0.1:8080'
const username = process.env.GRIDPATROL_USER ?? 'inspector3'
const password = process.env.GRIDPATROL_PASSWORD ?? 'gridpatrol-demo'

async function ask(path, options) {
  const answer = await fetch(server + path, options)
  const body = await answer.json()
  if (!answer.ok) throw new Error(`${body.code}: ${body.detail}`)
  return body
}
const post = (body) => ({ method: 'POST', headers: { ...auth, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

// A real app makes its device id once and keeps it, and refreshes its token.
let auth = {}
const device = { id: crypto.randomUUID(), name: 'example', platform: 'node', app_version: '1' }
const session = await ask('/v1/auth/login', post({ username, password, device }))
auth = { Authorization: `Bearer ${session.access_token}` }

// In a browser, take a storage that lasts: getRxStorageDexie() for one.
const storage = wrappedValidateAjvStorage({ storage: getRxStorageMemory() })
const db = await createRxDatabase({ name: 'gridpatrol', storage, multiInstance: false })
const { inspections } = await db.addCollections({ inspections: { schema: await ask('/rxdb/inspections/schema') } })

const url = `/rxdb/inspections/${inspections.schema.version}`
const stream$ = new Subject()
const replication = replicateRxCollection({
  collection: inspections, replicationIdentifier: server, live: true, waitForLeadership: false,
  pull: { stream$, handler: (at, limit) => ask(`${url}/pull?id=${at?.id ?? ''}&limit=${limit}`, { headers: auth }) },
  push: { handler: (rows) => ask(`${url}/push`, post(rows)) },
})
replication.error$.subscribe((e) => console.error('offline for now:', e.parameters.errors?.[0]?.message))

// listen passes on what the server streams; it pulls whenever it begins.
async function listen() {
  const { body } = await fetch(`${server}${url}/pullStream`, { headers: auth })
  stream$.next('RESYNC')
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const events = (text + part).split('\n\n')
    text = events.pop()
    for (const e of events) if (e.startsWith('data: ')) stream$.next(JSON.parse(e.slice(6)))
  }
}

if (command === 'add') {
  const doc = await inspections.insert({
    id: crypto.randomUUID(), area: session.user.areas[0], template: 'open_burning', template_version: 1, status: 'draft',
    started_at: new Date().toISOString(), answers: { notes: note }, photos: [],
  })
  const known = await firstValueFrom(doc.$.pipe(filter((d) => d.server))) // the server has it, and has judged it
  console.log(`${known.id} is revision ${known.server.rev}: ${known.server.verdict}`)
  process.exit(0)
}
inspections.find().$.subscribe((list) => console.log(`${list.length} records:`, list.map((d) => d.answers.notes ?? d.template).join(', ')))
for (;;) {
  await listen().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 1000))
}
