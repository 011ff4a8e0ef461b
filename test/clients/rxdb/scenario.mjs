// Two phones and a supervisor, from the first offline document to the last
// sync. Settings come as JSON in argv[2]: server, a doc to vary, how many are
// many, the supervisor's collections, a folder for what all hold at the end. Where the server must do something, a line
// of JSON asks the test for it, and a line comes back.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Phone, until } from './phone.mjs'

const settings = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function ask(what) {
  console.log(JSON.stringify({ ask: what }))
  const { value } = await lines.next()
  return JSON.parse(value)
}

const made = (answers, more) => ({ ...settings.doc, id: randomUUID(), answers: { ...settings.doc.answers, ...answers }, ...more })
const setAnswers = async (phone, id, answers) => {
  await (await phone.doc(id)).incrementalModify((d) => ({ ...d, answers: { ...d.answers, ...answers } }))
}
const same = (what, ids, ...phones) => until(what, async () => {
  for (const id of ids) {
    const states = await Promise.all(phones.map((p) => p.state(id)))
    if (!states.every((s) => s?.server?.rev && isDeepEqual(s, states[0]))) return false
  }
  return true
})
const isDeepEqual = (a, b) => { try { assert.deepStrictEqual(a, b); return true } catch { return false } }

const open = (name, username, via, collections) => Phone.open({
  name, server: settings.server, username, device: randomUUID(), via, collections,
})
const a = await open('a', settings.inspector, 'published')
const b = await open('b', settings.inspector, 'plain')
const boss = await open('boss', 'supervisor', 'published', settings.collections)
const step = async (name, run) => {
  const began = Date.now()
  await run()
  console.log(JSON.stringify({ step: name, ms: Date.now() - began }))
}

let ids
await step('created offline', async () => {
  const mine = Array.from({ length: 30 }, () => made({}))
  const theirs = Array.from({ length: 30 }, () => made({}))
  await a.docs.inspections.bulkInsert(mine)
  await b.docs.inspections.bulkInsert(theirs)
  ids = [...mine, ...theirs].map((d) => d.id)
  a.start(); b.start(); boss.start()
  await same('all have what was created offline', ids, a, b, boss)
})

await step('merged', async () => {
  a.line.cut(); b.line.cut()
  await setAnswers(a, ids[0], { notes: 'by a' })
  await setAnswers(b, ids[0], { place: 'by b' })
  a.line.mend()
  await until('the supervisor has what a wrote', async () => (await boss.state(ids[0])).answers.notes === 'by a')
  b.line.mend()
  await same('both edits everywhere', [ids[0]], a, b, boss)
  const { answers, server } = await boss.state(ids[0])
  assert.deepEqual([answers.notes, answers.place, server.conflicts], ['by a', 'by b', []])
})

await step('conflicted', async () => {
  a.line.cut(); b.line.cut()
  await setAnswers(a, ids[1], { notes: 'a says' })
  await setAnswers(b, ids[1], { notes: 'b says', place: 'b alone' })
  a.line.mend()
  await until('the supervisor has what a wrote', async () => (await boss.state(ids[1])).answers.notes === 'a says')
  b.line.mend()
  await until('the loser is parked', async () => (await a.state(ids[1])).server.conflicts.length === 1)
  await same('the winner everywhere', [ids[1]], a, b, boss)
  const { answers, server } = await a.state(ids[1])
  assert.equal(answers.notes, 'a says')
  assert.equal(answers.place, 'b alone')
  assert.deepEqual([server.conflicts[0].pointer, server.conflicts[0].kept, server.conflicts[0].offered], ['/answers/notes', 'a says', 'b says'])
})

await step('deleted', async () => {
  await (await a.doc(ids[2])).remove()
  await until('it is gone everywhere', async () => !(await b.state(ids[2])) && !(await boss.state(ids[2])))
  // An edit beats a delete that had not seen it, and one that was done.
  a.line.cut()
  await (await a.doc(ids[3])).remove()
  await setAnswers(b, ids[3], { notes: 'still needed' })
  await until('the supervisor sees the edit', async () => (await boss.state(ids[3])).answers.notes === 'still needed')
  a.line.mend()
  await same('the edited one is back', [ids[3]], a, b, boss)
  b.line.cut()
  await (await a.doc(ids[4])).remove()
  await until('the supervisor sees it go', async () => !(await boss.state(ids[4])))
  await setAnswers(b, ids[4], { notes: 'revived' })
  b.line.mend()
  await same('it is back', [ids[4]], a, b, boss)
  ids = ids.filter((id) => id !== ids[2])
})

await step('live by stream', async () => {
  await until('all streams are open again', async () => (await ask('streams')).count === 2 + settings.collections.length)
  const before = (await ask('pulls')).count
  const edits = Math.max(5, settings.many / 250)
  for (let i = 0; i < edits; i++) {
    await setAnswers(a, ids[5], { notes: `live ${i}` })
    await until('b shows it', async () => (await b.state(ids[5])).answers.notes === `live ${i}`)
  }
  await same('all show the last', [ids[5]], a, b, boss)
  const pulls = (await ask('pulls')).count - before // a stream that has just opened brings one
  assert.ok(pulls < edits, `${pulls} pulls: the streams alone should do`)
})

const poison = []
await step('poison row', async () => {
  const bad = made({}, { area: settings.elsewhere })
  const good = [made({}), made({})]
  await a.docs.inspections.bulkInsert([good[0], bad, good[1]])
  poison.push(bad.id)
  await same('the rows around it arrive', good.map((d) => d.id), a, b, boss)
  ids.push(...good.map((d) => d.id))
  let deep = 'x'
  for (let i = 0; i < 40; i++) deep = [deep]
  await setAnswers(b, good[0].id, { notes: deep })
  await until('an edit that can\'t be stored is put right', async () => (await b.state(good[0].id)).answers.notes !== deep && !Array.isArray((await b.state(good[0].id)).answers.notes))
  assert.equal((await ask('quarantined')).count, 2)
})

await step('answers lost', async () => {
  const docs = Array.from({ length: 20 }, () => made({}))
  for (const p of [a, b]) { p.line.cut() }
  await a.docs.inspections.bulkInsert(docs.slice(0, 10))
  await b.docs.inspections.bulkInsert(docs.slice(10))
  await setAnswers(b, ids[6], { notes: 'once' })
  for (const p of [a, b]) { p.line.loseAnswers = 2; p.line.mend() }
  ids.push(...docs.map((d) => d.id))
  await same('all the same', ids, a, b, boss)
  assert.deepEqual([a.line.loseAnswers, b.line.loseAnswers], [0, 0])
})

let fresh
await step(`first sync of ${settings.many}, the server killed in the middle`, async () => {
  await ask('fill')
  fresh = await open('fresh', 'supervisor', 'published')
  fresh.start()
  await until('the first documents are here', async () => (await fresh.docs.inspections.count().exec()) >= settings.many / 10)
  const meanwhile = Array.from({ length: settings.many / 25 }, () => made({}))
  const writing = a.docs.inspections.bulkInsert(meanwhile)
  await ask('restart')
  await writing
  ids.push(...meanwhile.map((d) => d.id))
  const { count } = await ask('count')
  for (const p of [fresh, boss]) {
    await until(`${p.name} has all`, async () => (await p.docs.inspections.count().exec()) >= count)
  }
  await same('all the same', ids, a, b, boss, fresh)
})

await Promise.all([a, b, boss, fresh].map((p) => p.inSync()))
for (const p of [a, b, boss, fresh]) {
  writeFileSync(`${settings.out}/${p.name}.json`, JSON.stringify(await p.all()))
}
const failures = [a, b, boss, fresh].flatMap((p) => p.errors).map((e) => e.code).filter((c) => !['RC_PULL', 'RC_PUSH'].includes(c))
for (const p of [a, b, boss, fresh]) await p.close()
console.log(JSON.stringify({ done: true, poison, failures }))
process.exit(0)
