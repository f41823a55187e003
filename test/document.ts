import { readFileSync } from 'node:fs';

/** The content of the one fenced block of a document in docs/ whose info string begins so. */
export function readExample(document: string, info: string): string {
  const text = readFileSync(new URL(`../docs/${document}`, import.meta.url), 'utf8');
  const fences = [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, found]) => found?.startsWith(info));
  const [fence, ...more] = fences;
  if (fence === undefined || more.length > 0) throw new Error(`docs/${document} must have one example "${info}".`);
  return fence[2] ?? '';
}

/** The bytes of an example in hexadecimal. */
export function readExampleBytes(document: string, info: string): Uint8Array {
  return new Uint8Array(Buffer.from(readExample(document, `hex ${info}`).replaceAll(/\s/g, ''), 'hex'));
}
