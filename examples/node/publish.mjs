// Publishes over medusad and shows how it goes, in Node.js:
//   node publish.mjs unix:/run/medusa/medusad.sock video.mp4 '{"youtube": {"title": "Hello", "privacy": "unlisted"}}'
// A token is taken from MEDUSA_TOKEN, the file of the daemon's authority from MEDUSA_TLS_CA.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'

const PROTO = new URL('../../proto/', import.meta.url).pathname
const { MEDUSA_TOKEN: token, MEDUSA_TLS_CA: ca } = process.env
const AGAIN = [grpc.status.UNAVAILABLE, grpc.status.CANCELLED]
const definition = loader.loadSync('medusa/v1/medusa.proto', { includeDirs: [PROTO], enums: String, longs: Number, defaults: true })
const { MedusaService } = grpc.loadPackageDefinition(definition).medusa.v1
const credentials = ca ? grpc.credentials.createSsl(readFileSync(ca)) : grpc.credentials.createInsecure()
const headers = new grpc.Metadata()
if (token) headers.set('authorization', `Bearer ${token}`)
const struct = (object) => ({ fields: Object.fromEntries(Object.entries(object).map(([key, item]) => [key, value(item)])) })

function value (item) {
  if (item === null) return { nullValue: 'NULL_VALUE' }
  if (Array.isArray(item)) return { listValue: { values: item.map(value) } }
  if (typeof item === 'object') return { structValue: struct(item) }
  return { [`${typeof item}Value`.replace('boolean', 'bool')]: item }
}

function publish (medusa, mediaPath, metadata) {
  // With a key of our own the call can be repeated: it makes one task however often it is sent.
  const request = { mediaPath, targets: Object.keys(metadata), metadata: struct(metadata), idempotencyKey: randomUUID() }
  return new Promise((resolve, reject) => {
    medusa.publish(request, headers, (error, reply) => error ? reject(error) : resolve(reply.task))
  })
}

async function watch (medusa, task, show) {
  while (true) {
    try {
      for await (const reply of medusa.watchTask({ taskId: task.id, afterRevision: task.revision }, headers)) {
        show(task = reply.task)
      }
      return task
    } catch (error) {
      if (!AGAIN.includes(error.code)) throw error // the daemon is back soon, and we go on at our revision
      await new Promise(resolve => setTimeout(resolve, 500 + 1000 * Math.random()))
    }
  }
}

const [address, media, metadata] = process.argv.slice(2)
const medusa = new MedusaService(address, credentials)
try {
  const task = await publish(medusa, media, JSON.parse(metadata))
  const ended = await watch(medusa, task, seen => console.error(`${seen.revision} ${seen.message}`))
  console.log(JSON.stringify({ state: ended.state, results: ended.results, error: ended.error }))
} catch (error) {
  console.error(error.details ?? String(error))
  process.exitCode = 1
}
medusa.close()
