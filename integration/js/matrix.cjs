// The client matrix with the AWS SDK for JavaScript: reads a job as JSON and
// writes a report, both as matrix_test.go describes them. CommonJS, because its
// modules are found by NODE_PATH: they are installed outside the tree.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { Readable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const report = { heads: {}, list: {}, done: [], failed: {} };
const Bucket = job.bucket;
const client = new s3.S3Client({
  endpoint: job.endpoint,
  forcePathStyle: !job.virtual,
  region: "us-east-1",
  credentials: { accessKeyId: job.accessKey, secretAccessKey: job.secretKey },
});

const files = fs
  .readdirSync(job.up, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
  .map((file) => ({ file, key: path.relative(job.up, file) }));

async function save(key, file, more = {}) {
  const o = await client.send(new s3.GetObjectCommand({ Bucket, Key: key, ...more }));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await pipeline(o.Body, fs.createWriteStream(file));
}

// stream is a body of unknown length, in chunks that are no power of two.
async function* stream(file) {
  yield* fs.createReadStream(file, { highWaterMark: 99991 });
}

const steps = {
  async make() {
    await client.send(new s3.CreateBucketCommand({ Bucket }));
    await client.send(new s3.HeadBucketCommand({ Bucket }));
  },
  async put() {
    for (const { file, key } of files) {
      const Body = fs.createReadStream(file);
      if (fs.statSync(file).size > 5 * 1024 * 1024) {
        await new Upload({ client, params: { Bucket, Key: key, Body } }).done();
      } else {
        await client.send(new s3.PutObjectCommand({ Bucket, Key: key, Body }));
      }
    }
  },
  async stream() {
    const Body = Readable.from(stream(job.stream));
    await new Upload({ client, params: { Bucket, Key: "size/stream", Body } }).done();
  },
  async special() {
    for (const o of job.special) {
      const params = { Bucket, Key: o.key, Body: fs.readFileSync(o.up) };
      await client.send(new s3.PutObjectCommand(o.type ? { ...params, ContentType: o.type } : params));
    }
  },
  async list() {
    for await (const page of s3.paginateListObjectsV2({ client, pageSize: 7 }, { Bucket })) {
      for (const o of page.Contents ?? []) report.list[o.Key] = o.Size;
    }
  },
  async head() {
    for (const Key of Object.keys(report.list)) {
      const o = await client.send(new s3.HeadObjectCommand({ Bucket, Key }));
      report.heads[Key] = { etag: o.ETag.replaceAll('"', ""), cid: o.Metadata.cid ?? "", size: o.ContentLength };
    }
  },
  async get() {
    for (const { key } of files) await save(key, path.join(job.down, key));
    await save("size/stream", path.join(job.down, "size/stream"));
    for (const o of job.special) await save(o.key, o.down);
  },
  async copy() {
    for (const Key of ["copied", "doomed"]) {
      await client.send(new s3.CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/size/65537` }));
    }
  },
  async range() {
    const middle = 5 * 1024 * 1024;
    await save("size/20MiB", path.join(job.down, "range"), { Range: `bytes=${middle - 7}-${middle + 12}` });
  },
  async presign() {
    report.signed = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: "size/65537" }));
  },
  async abort() {
    const upload = { Bucket, Key: "aborted" };
    upload.UploadId = (await client.send(new s3.CreateMultipartUploadCommand(upload))).UploadId;
    await client.send(new s3.UploadPartCommand({ ...upload, PartNumber: 1, Body: "part" }));
    const { Parts } = await client.send(new s3.ListPartsCommand(upload));
    if (Parts.length !== 1 || Parts[0].Size !== 4) throw new Error(`parts: ${JSON.stringify(Parts)}`);
    await client.send(new s3.AbortMultipartUploadCommand(upload));
  },
  async delete() {
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "doomed" }));
  },
};

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      report.done.push(name);
    } catch (e) {
      // What fails is told, and the next step is tried.
      report.failed[name] = `${e.name}: ${e.message}`;
    }
  }
  fs.writeFileSync(1, JSON.stringify(report));
})();
