// node scripts/sizes.mjs FILE…: what each file weighs, plain and as servers send it.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  const gzip = gzipSync(bytes, { level: 9 }).length;
  console.log(`${basename(file)}: ${kB(bytes.length)}, gzip ${kB(gzip)}, brotli ${kB(brotliCompressSync(bytes).length)}`);
}
