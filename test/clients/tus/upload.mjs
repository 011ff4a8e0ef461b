// Uploads one file with the published tus client. Settings come as JSON in
// argv[2]: endpoint, token, file, sha256, filetype, store (a file that
// remembers uploads), stopAt (bytes after which to give up, as a phone that is
// switched off). Prints one line of JSON.
import { readFileSync } from 'node:fs'
import * as tus from 'tus-js-client'

const settings = JSON.parse(process.argv[2])
const store = new tus.FileUrlStorage(settings.store)
const seen = { resumed: false, retries: 0 }

const upload = new tus.Upload(readFileSync(settings.file), {
  endpoint: settings.endpoint,
  headers: { Authorization: `Bearer ${settings.token}` },
  metadata: { sha256: settings.sha256, filetype: settings.filetype, filename: 'photo.jpg' },
  chunkSize: settings.chunkSize || Infinity,
  retryDelays: [0, 50, 200, 500, 1000, 2000],
  urlStorage: store,
  fingerprint: async () => `photo-${settings.sha256}`,
  storeFingerprintForResuming: true,
  onShouldRetry: () => { seen.retries++; return true },
  onError(error) {
    console.log(JSON.stringify({ ...seen, error: String(error) }))
    process.exit(1)
  },
  onProgress(sent) {
    if (settings.stopAt && sent >= settings.stopAt) {
      console.log(JSON.stringify({ ...seen, stopped: sent, url: upload.url }))
      process.exit(0)
    }
  },
  onSuccess() {
    console.log(JSON.stringify({ ...seen, done: true, url: upload.url }))
    process.exit(0)
  },
})

const previous = await upload.findPreviousUploads()
if (previous.length > 0) {
  seen.resumed = true
  upload.resumeFromPreviousUpload(previous[0])
}
upload.start()
